// npm run bench:replay -- [--calls 200000] [--rounds 3] [-f json]
// What recording and replaying cost: a program that opens, reads and closes files is recorded under ptrace, then scripts
// run over the recording. Events a second of CPU time of bpfkit (of the recorder with what it records, less what that
// takes alone), and bytes an event. Medians.
import { spawnSync } from "node:child_process";
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { recordingInfo } from "../../src/playback/index.ts";
import { RecordingReader } from "../../src/recording/index.ts";
import { repository } from "../../test/guest/repository.ts";

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "200000" },
    rounds: { type: "string", default: "3" },
    format: { type: "string", short: "f", default: "text" },
  },
});

const BPFKIT = [process.execPath, join(repository(), "dist", "bin", "bpfkit.js")] as const;
const SCRIPTS: Readonly<Record<string, string>> = {
  "replayed, nothing attached": "BEGIN { }",
  "replayed, count by call": "tracepoint:raw_syscalls:sys_enter { @[args.id] = count(); }",
  "replayed, text in a map": "tracepoint:syscalls:sys_enter_openat { @[str(args.filename)] = count(); }",
  "replayed, a line each open":
    'tracepoint:syscalls:sys_enter_openat { printf("%s\\n", str(args.filename)); }',
};

/** Opens, reads and closes a file, by a shell without other calls. */
function workload(calls: number): readonly string[] {
  return [
    "sh",
    "-c",
    `i=0; while [ $i -lt ${Math.ceil(calls / 8)} ]; do read x < /etc/hostname; i=$((i+1)); done`,
  ];
}

/** Seconds of CPU time of all children that have ended: fields 16 and 17 of /proc/self/stat. */
function childSeconds(): number {
  const words = readFileSync("/proc/self/stat", "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(words[13]) + Number(words[14])) / 100;
}

/** CPU seconds of a command. */
function measure(argv: readonly string[]): number {
  const before = childSeconds();
  const child = spawnSync(argv[0]!, argv.slice(1), { stdio: "ignore" });
  if (child.status !== 0) throw new Error(`${argv.join(" ")} failed`);
  return childSeconds() - before;
}

function median(run: () => number): number {
  const times = Array.from({ length: Number(values.rounds) }, run);
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!;
}

interface Row {
  readonly name: string;
  readonly seconds: number;
  readonly perSecond: number;
}

function main(): void {
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-bench-"));
  try {
    const file = join(folder, "calls.rec");
    const command = workload(Number(values.calls));
    const alone = median(() => measure(command));
    const recorded = median(() =>
      measure([...BPFKIT, "record", "-q", "--kernel", "embedded", "-o", file, "--", ...command]),
    );
    const { events, size } = infoOf(file);
    const start = median(() =>
      measure([...BPFKIT, "trace", "-q", "--kernel", "embedded", "-e", "BEGIN { exit() }"]),
    );
    const row = (name: string, seconds: number): Row => ({ name, seconds, perSecond: events / seconds });
    const rows = [
      row("recorded", recorded - alone - start),
      ...Object.entries(SCRIPTS).map(([name, script]) =>
        row(name, median(() => measure([...BPFKIT, "trace", "-q", "--replay", file, "-e", script])) - start),
      ),
    ];
    if (values.format === "json")
      console.log(JSON.stringify({ events, bytes: size / events, rows }, null, 2));
    else {
      console.log(`${events} events, ${(size / events).toFixed(1)} bytes each; start of bpfkit left out`);
      for (const { name, seconds, perSecond } of rows)
        console.log(
          `${name.padEnd(30)}${seconds.toFixed(2).padStart(8)} s${`${Math.round(perSecond)}`.padStart(10)}/s`,
        );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function infoOf(path: string): { readonly events: number; readonly size: number } {
  const fd = openSync(path, "r");
  try {
    const { size } = fstatSync(fd);
    const read = (offset: number, length: number): Uint8Array => {
      const bytes = new Uint8Array(Math.min(length, Math.max(0, size - offset)));
      return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, offset));
    };
    return recordingInfo(RecordingReader.open({ size, read }));
  } finally {
    closeSync(fd);
  }
}

main();
