// npm run bench:ptrace -- [--rounds 5] [--files 40] [--strace PATH] [-f json]
// How much a build (make -j2 of a generated project of small C files) slows down under ptrace: by itself, under
// strace -f where there is one (PATH, or bin/strace of BPFKIT_PEERS), and under bpfkit. Rounds are interleaved, so that
// other work on the machine disturbs all alike; a ratio is that of one round's build alone, of which the median, the
// smallest and the largest are shown. CPU time counts the build and its tracer.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { repository } from "../../test/guest/repository.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    files: { type: "string", default: "40" },
    strace: { type: "string" },
    format: { type: "string", short: "f", default: "text" },
  },
});

const BPFKIT = [process.execPath, join(repository(), "dist", "bin", "bpfkit.js")];
const BUILD = ["make", "-s", "-j2"];
const EXECVE = "tracepoint:syscalls:sys_enter_execve { @[comm] = count(); }";
const EVERY_CALL = "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }";

interface Measurement {
  /** Seconds. */
  readonly wall: number;
  readonly cpu: number;
}

function embedded(...script: readonly string[]): readonly string[] {
  return [...BPFKIT, "trace", "-q", "--kernel", "embedded", ...script, "-c", BUILD.join(" ")];
}

function findStrace(): string | undefined {
  const peers = process.env["BPFKIT_PEERS"];
  const given = values.strace ?? (peers === undefined ? undefined : join(peers, "bin", "strace"));
  if (given !== undefined) return existsSync(given) ? given : undefined;
  return spawnSync("strace", ["-V"]).error ? undefined : "strace";
}

function tracers(): Readonly<Record<string, readonly string[]>> {
  const strace = findStrace();
  return {
    "the build alone": BUILD,
    ...(strace !== undefined && {
      "strace -f": [strace, "-f", "-o", "/dev/null", ...BUILD],
      "strace -f -e execve": [strace, "-f", "-e", "execve", "-o", "/dev/null", ...BUILD],
    }),
    "bpfkit trace, execve": embedded("-e", EXECVE),
    "bpfkit trace, process-creation.bt": embedded(join(repository(), "examples", "process-creation.bt")),
    "bpfkit trace, every call": embedded("-e", EVERY_CALL),
    "bpfkit strace -f": [...BPFKIT, "strace", "-f", "-o", "/dev/null", ...BUILD],
  };
}

function writeProject(folder: string, files: number): void {
  for (let index = 0; index < files; index++)
    writeFileSync(join(folder, `f${index}.c`), `int f${index}(int x) { return x * ${index}; }\n`);
  const makefile = `CC ?= cc
OBJECTS := $(patsubst %.c,%.o,$(wildcard f*.c))
libf.a: $(OBJECTS)
\tar rcs $@ $^
%.o: %.c
\t$(CC) -O1 -c $< -o $@
clean:
\trm -f *.o libf.a
`;
  writeFileSync(join(folder, "Makefile"), makefile);
}

/** Ticks of all children that have ended: fields 16 and 17 of /proc/self/stat. */
function childTicks(): number {
  const words = readFileSync("/proc/self/stat", "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");
  return Number(words[13]) + Number(words[14]);
}

function measure(argv: readonly string[], cwd: string): Measurement {
  execFileSync("make", ["-s", "clean"], { cwd });
  const ticks = childTicks();
  const start = performance.now();
  const child = spawnSync(argv[0]!, argv.slice(1), { cwd, stdio: "ignore" });
  const wall = (performance.now() - start) / 1000;
  if (child.status !== 0 || !existsSync(join(cwd, "libf.a"))) throw new Error(`${argv.join(" ")} failed`);
  return { wall, cpu: (childTicks() - ticks) / 100 };
}

interface Result extends Measurement {
  readonly name: string;
  /** Of the wall times, to the build alone of the same round, in order. */
  readonly ratios: readonly number[];
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

function main(): void {
  if (spawnSync("make", ["-v"]).error || spawnSync("cc", ["-v"]).error) {
    console.log("skipped: make and cc are not both here");
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-bench-"));
  try {
    writeProject(folder, Number(values.files));
    const rows = Object.entries(tracers());
    const runs = new Map<string, Measurement[]>(rows.map(([name]) => [name, []]));
    for (let round = 0; round < Number(values.rounds); round++)
      for (const [name, argv] of rows) runs.get(name)!.push(measure(argv, folder));
    const alone = runs.get(rows[0]![0])!;
    const results = rows.map(([name]): Result => {
      const all = runs.get(name)!;
      const ratios = all.map(({ wall }, round) => wall / alone[round]!.wall).toSorted((a, b) => a - b);
      return {
        name,
        wall: median(all.map(({ wall }) => wall)),
        cpu: median(all.map(({ cpu }) => cpu)),
        ratios,
      };
    });
    if (values.format === "json") console.log(JSON.stringify(results, null, 2));
    else printTable(results);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function printTable(results: readonly Result[]): void {
  const columns = ["wall s", "ratio", "from", "to", "CPU s"];
  console.log(`${"".padEnd(36)}${columns.map((title) => title.padStart(8)).join("")}`);
  for (const { name, wall, cpu, ratios } of results) {
    const numbers = [wall, median(ratios), ratios[0]!, ratios.at(-1)!, cpu];
    console.log(`${name.padEnd(36)}${numbers.map((number) => number.toFixed(2).padStart(8)).join("")}`);
  }
}

main();
