import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repository } from "../guest/repository.ts";

const peers = process.env["BPFKIT_PEERS"];
const tool = (name: string): string => join(peers ?? "", "bin", name);
const BPFKIT = [process.execPath, join(repository(), "dist", "bin", "bpfkit.js")] as const;

/** File systems that nobody else sees; descriptors that a test runner leaves open would count. */
const OWN_MOUNTS =
  'mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; mount -t bpf bpf fs; exec 8<&- 9<&-; exec "$@"';

const BPFTOOL = tool("bpftool");
const BPFTRACE = tool("bpftrace");
const loaded = (rest: string): string[] => [
  "sh",
  "-c",
  `${BPFTOOL} prog load k.o fs/k pinmaps fs && ${rest}; rm -rf fs/*`,
];
const script = (text: string): string[] => [BPFTRACE, "-e", text];

/** What is run under both. Scripts attach to nothing but their own processes or process 1, which does no such thing. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  "bpftool prog show": [BPFTOOL, "prog", "show"],
  "bpftool prog load": loaded("true"),
  "bpftool prog show pinned": loaded(`${BPFTOOL} prog show pinned fs/k`),
  "bpftool prog dump xlated": loaded(`${BPFTOOL} prog dump xlated pinned fs/k`),
  "bpftool prog load of no object": [BPFTOOL, "prog", "load", "/etc/hostname", "fs/x"],
  "bpftool map show": [BPFTOOL, "map", "show"],
  "bpftool map create, update, lookup, dump, delete": [
    "sh",
    "-c",
    `${BPFTOOL} map create fs/m type hash key 4 value 8 entries 5 name m flags 1;
     ${BPFTOOL} map update pinned fs/m key 1 0 0 0 value 7 0 0 0 0 0 0 0;
     ${BPFTOOL} map lookup pinned fs/m key 1 0 0 0; ${BPFTOOL} map getnext pinned fs/m;
     ${BPFTOOL} map dump pinned fs/m; ${BPFTOOL} map delete pinned fs/m key 1 0 0 0; rm fs/m`,
  ],
  "bpftool map push, pop": [
    "sh",
    "-c",
    `${BPFTOOL} map create fs/q type queue key 0 value 4 entries 5 name q;
     ${BPFTOOL} map push pinned fs/q value 1 0 0 0; ${BPFTOOL} map pop pinned fs/q; rm fs/q`,
  ],
  "bpftool link show": [BPFTOOL, "link", "show"],
  "bpftool btf show": [BPFTOOL, "btf", "show"],
  "bpftool net show": [BPFTOOL, "net", "show"],
  "bpftool cgroup tree": [BPFTOOL, "cgroup", "tree"],
  "bpftrace begin and map": script("BEGIN { @x[1] = count(); exit(); }"),
  "bpftrace histograms, end": script(
    'BEGIN { @ = hist(5); @b = lhist(5, 0, 10, 1); exit(); } END { printf("e"); }',
  ),
  "bpftrace interval": script("interval:ms:10 { exit(); }"),
  "bpftrace software event": script("software:cpu-clock:1000000000 { @ = count(); } BEGIN { exit(); }"),
  "bpftrace tracepoint": script(
    'tracepoint:syscalls:sys_enter_ptrace /pid == 1/ { printf("x"); } BEGIN { exit(); }',
  ),
  "bpftrace raw tracepoint": script(
    'rawtracepoint:sched_process_exec /pid == 1/ { printf("x"); } BEGIN { exit(); }',
  ),
  "bpftrace uprobe": [BPFTRACE, "-e", "uprobe:/bin/true:0 { exit(); } BEGIN { exit(); }"],
  "a shell with children and signals": ["sh", "-c", "(exit 3); kill -USR1 $$"],
};

const ATTEMPTS = 5;

const MASKS: readonly (readonly [RegExp, string])[] = [
  [/^\d+ +/gm, "PID "],
  [/0x[0-9a-f]{8,16}/g, "POINTER"],
  [/\b(si_pid|pid)=\d+/g, "$1=N"],
  [/\b(si_utime|si_stime)=\d+( \/\*[^*]*\*\/)?/g, "$1=N"],
  // strace has no names for the operations of 32-bit jumps.
  [/BPF_JMP32(\|BPF_[KX]\|BPF_\w+|\|0x[0-9a-f]+ \/\* BPF_\?\?\? \*\/)?,/g, "BPF_JMP32,"],
  // Objects are new in every run.
  [/\b(id|\w+_id)=\d+/g, "$1=N"],
  [/\bmap_ids=\[[^\]]*\]/g, "map_ids=N"],
  [/\b(load_time|run_time_ns|run_cnt)=\d+( \/\*[^*]*\*\/)?/g, "$1=N"],
  [/\b[0-9a-f]{8}\.rodata/g, "X.rodata"],
  // Addresses in instructions.
  [/\bimm=0x[0-9a-f]{4,8}\b/g, "imm=N"],
  // As many of them as the machine happens to have.
  [
    /((?:.*BPF_BTF_GET_NEXT_ID.*= 0\n)(?:.*BPF_BTF_GET_FD_BY_ID.*\n)(?:.*BPF_OBJ_GET_INFO_BY_FD.*\n)+?)\1*/g,
    "$1",
  ],
];

let directory = "";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "bpfkit-strace-"));
  spawnSync("mkdir", [join(directory, "fs")]);
  const source = join(directory, "k.bt");
  writeFileSync(source, "tracepoint:sched:sched_process_exec /pid == 1/ { @[comm] = count(); }\n");
  spawnSync(BPFKIT[0], [BPFKIT[1], "build", source, "-o", join(directory, "k.o")]);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function lines(tracer: readonly string[], command: readonly string[]): string[] {
  const file = join(directory, "calls.txt");
  const argv = ["-m", "sh", "-c", OWN_MOUNTS, "sh", ...tracer, "-o", file, "--", ...command];
  const child = spawnSync("unshare", argv, { cwd: directory, encoding: "latin1", timeout: 60_000 });
  if (child.error) throw child.error;
  const text = MASKS.reduce((all, [from, to]) => all.replaceAll(from, to), readFileSync(file, "latin1"));
  return text.split("\n");
}

function missing(): string | undefined {
  if (peers === undefined) return "BPFKIT_PEERS names no folder with bin/strace to compare with";
  const absent = ["strace", "bpftool", "bpftrace"].find((name) => !existsSync(tool(name)));
  if (absent !== undefined) return `${tool(absent)} is not there`;
  return process.getuid?.() === 0 ? undefined : "loading programs needs root";
}

describe.each([
  ["-v", ["-v", "-f", "-e", "bpf,perf_event_open"]],
  ["short", ["-f", "-e", "bpf,perf_event_open"]],
] as const)("lines as strace prints them, %s", (_name, options) => {
  for (const [name, command] of Object.entries(COMMANDS))
    test(name, (context) => {
      const reason = missing();
      if (reason !== undefined) return context.skip(reason);
      // Objects of the machine's other users come and go between two runs.
      for (let attempt = 1; ; attempt++) {
        const expected = lines([tool("strace"), ...options], command);
        const found = lines([...BPFKIT, "strace", ...options], command);
        if (attempt < ATTEMPTS && found.join("\n") !== expected.join("\n")) continue;
        expect(found).toEqual(expected);
        break;
      }
    });
});
