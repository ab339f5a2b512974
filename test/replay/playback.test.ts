import { expect, test } from "vitest";
import {
  eventJson,
  eventLine,
  infoJson,
  infoText,
  recordingInfo,
  recordedEvents,
} from "../../src/playback/index.ts";
import { RecordingReader, recordingBytes } from "../../src/recording/index.ts";
import { call, forked, recording, returned, text } from "./recordings.ts";

const OPENAT = 257;
const EXECVE = 59;
const word = (address: bigint, value: bigint) => ({
  address,
  state: "held" as const,
  bytes: new Uint8Array(BigUint64Array.of(value).buffer),
});

const bytes = recording([
  call(
    1_000_000,
    EXECVE,
    [0x1000, 0x2000, 0x3000],
    [
      text(0x1000n, "/bin/ls"),
      word(0x2000n, 0x2100n),
      word(0x2008n, 0x2200n),
      word(0x2010n, 0n),
      text(0x2100n, "ls"),
      text(0x2200n, 'a "b"'),
    ],
  ),
  { kind: "task", pid: 100, change: { comm: "ls" } },
  returned(2_000_000, EXECVE, 0),
  call(3_000_000, OPENAT, [0xffffff9c, 0x5000, 0x80000, 0]),
  returned(4_000_000, OPENAT, -2),
  forked(5_000_000, 100, 101),
  { kind: "lost", count: 3 },
  { kind: "end", time: 6_000_000 },
]);

const open = (file: Uint8Array): RecordingReader => RecordingReader.open(recordingBytes(file));

test("events as lines: calls as strace shows them, records by their fields", () => {
  expect([...recordedEvents(open(bytes))].map(eventLine)).toEqual([
    '       1      0.001000     100   1 sh               execve(filename: "/bin/ls", argv: ["ls", "a \\"b\\""], envp: 0x3000)\n',
    "       2      0.002000     100   1 ls               execve = 0\n",
    "       3      0.003000     100   1 ls               openat(dfd: -100, filename: 0x5000, flags: 0x80000, mode: 0)\n",
    "       4      0.004000     100   1 ls               openat = -2\n",
    '       5      0.005000     100   0 ls               sched:sched_process_fork parent_comm="" parent_pid=100 child_comm="" child_pid=101\n',
  ]);
});

test("events as data", () => {
  expect([...recordedEvents(open(bytes))].map(eventJson)[2]).toEqual({
    n: 3,
    time: 3_000_000,
    pid: 100,
    cpu: 1,
    comm: "ls",
    probe: "tracepoint:syscalls:sys_enter_openat",
    args: { dfd: -100, filename: "0x5000", flags: 0x80000, mode: 0 },
  });
});

test("what a recording holds", () => {
  const info = recordingInfo(open(bytes));
  expect(info).toMatchObject({ events: 5, duration: 6_000_000, threads: 2, lost: 3, ended: true });
  expect(info.damage).toBeUndefined();
  expect(infoText(info)).toContain("What      sh -c true (process 100)\n");
  expect(infoText(info)).toContain("         2  tracepoint:raw_syscalls:sys_enter\n");
  expect(JSON.parse(JSON.stringify(infoJson(info)))).toMatchObject({
    events: 5,
    hooks: { "tracepoint:sched:sched_process_fork": 1 },
    environment: { arch: "x64", start: 5_000_000_000 },
  });
  const cut = recordingInfo(open(Buffer.concat([bytes, Uint8Array.of(66, 76)])));
  expect(cut).toMatchObject({ events: 5, damage: { truncated: true } });
  expect(infoText(cut)).toContain("it ends within a block");
});

test("records that are too short, or of hooks that are not known, are shown as far as they go", () => {
  const strange = recording([
    { ...forked(1, 100, 101), context: new Uint8Array(30) },
    { ...forked(2, 100, 101), hook: 9 },
    { ...call(3, OPENAT, []), context: new Uint8Array(10) },
    { ...call(4, 9999, []) },
  ]);
  const lines = [...recordedEvents(open(strange))].map((event) =>
    eventLine(event).trim().split(/\s+/).slice(5).join(" "),
  );
  expect(lines).toEqual([
    'sched:sched_process_fork parent_comm="" parent_pid=0',
    "",
    "raw_syscalls:sys_enter",
    expect.stringMatching(/^raw_syscalls:sys_enter id=9999/),
  ]);
});
