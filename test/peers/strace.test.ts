import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repository } from "../guest/repository.ts";
import { commands, SOURCE } from "./strace/commands.ts";
import { comparable } from "./strace/lines.ts";

const peers = process.env["BPFKIT_PEERS"];
const tool = (name: string): string => join(peers ?? "", "bin", name);
const BPFKIT = [process.execPath, join(repository(), "dist", "bin", "bpfkit.js")] as const;

/** File systems that nobody else sees; descriptors that a test runner leaves open would count. */
const OWN_MOUNTS =
  'mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; mount -t bpf bpf fs; exec 8<&- 9<&-; exec "$@"';

const COMMANDS = commands(join(peers ?? "", "bin"));
const ATTEMPTS = 5;

let directory = "";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "bpfkit-strace-"));
  spawnSync("mkdir", [join(directory, "fs")]);
  const source = join(directory, "k.bt");
  writeFileSync(source, SOURCE);
  spawnSync(BPFKIT[0], [BPFKIT[1], "build", source, "-o", join(directory, "k.o")]);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

function trace(tracer: readonly string[], command: readonly string[]): string {
  const file = join(directory, "calls.txt");
  const argv = ["-m", "sh", "-c", OWN_MOUNTS, "sh", ...tracer, "-o", file, "--", ...command];
  const child = spawnSync("unshare", argv, { cwd: directory, encoding: "latin1", timeout: 60_000 });
  if (child.error) throw child.error;
  return readFileSync(file, "latin1");
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
        const theirs = trace([tool("strace"), ...options], command);
        const [expected, found] = comparable(theirs, trace([...BPFKIT, "strace", ...options], command));
        if (attempt < ATTEMPTS && found.join("\n") !== expected.join("\n")) continue;
        expect(found).toEqual(expected);
        break;
      }
    });
});
