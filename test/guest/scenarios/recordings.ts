import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { repository } from "../repository.ts";
import type { Scenario } from "../scenario.ts";

const SCRIPT = join(repository(), "examples", "process-creation.bt");

/** Records the whole system while a script runs over it, then runs the script over the recording. */
const SESSION = `
./bpfkit record -a -o /tmp/all.rec 2> /tmp/rec.log & recorder=$!
until grep -q Recording /tmp/rec.log; do sleep 0.2; kill -0 $recorder || exit 9; done
./bpfkit trace /tmp/process-creation.bt > /tmp/live.txt 2> /tmp/live.log & tracer=$!
until grep -q Attached /tmp/live.log; do sleep 0.2; kill -0 $tracer || exit 8; done
sh -c "cat /proc/version > /dev/null; (true; ls / > /dev/null); cat /proc/uptime > /dev/null"
kill -INT $tracer; wait $tracer; kill -INT $recorder; wait $recorder
./bpfkit trace -q --replay /tmp/all.rec /tmp/process-creation.bt > /tmp/replayed.txt
./bpfkit trace -q --replay /tmp/all.rec /tmp/process-creation.bt > /tmp/again.txt
cmp /tmp/replayed.txt /tmp/again.txt`;

/** Without the time of day, which the live run takes when it prints. */
function rows(text: string): string[] {
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/).slice(1).join(" "))
    .filter((line) => line !== "");
}

export const recordings: readonly Scenario[] = [
  {
    name: "a recording of the whole system says of processes what they said themselves, here and elsewhere",
    run: async (guest) => {
      await guest.write("/tmp/process-creation.bt", readFileSync(SCRIPT));
      const run = await guest.run(["sh", "-c", SESSION], { timeout: 150_000 });
      expect(run).toMatchObject({ code: 0 });
      const read = async (path: string): Promise<string> => (await guest.run(["cat", path])).stdout;
      const live = rows(await read("/tmp/live.txt"));
      const replayed = await read("/tmp/replayed.txt");
      expect(live.some((row) => row.endsWith(" cat /proc/uptime"))).toBe(true);
      // The recorder saw more: it began earlier and ended later.
      expect(rows(replayed).filter((row) => live.includes(row))).toEqual(live);
      expect(await read("/tmp/rec.log")).toMatch(
        /^Recording, until Ctrl-C\nRecorded \d+ events in \d+ bytes/,
      );

      const folder = mkdtempSync(join(tmpdir(), "bpfkit-guest-"));
      try {
        const file = join(folder, "all.rec");
        const { stdout } = await guest.run(["base64", "/tmp/all.rec"]);
        writeFileSync(file, Buffer.from(stdout, "base64"));
        const program = join(repository(), "dist", "bin", "bpfkit.js");
        const here = spawnSync(process.execPath, [program, "trace", "-q", "--replay", file, SCRIPT], {
          encoding: "utf8",
        });
        expect({ out: here.stdout, code: here.status }).toEqual({ out: replayed, code: 0 });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  },
  {
    name: "a command is recorded with its children alone, calls and buffers included",
    run: async (guest) => {
      const record = [
        "./bpfkit",
        "record",
        "-q",
        "-o",
        "/tmp/cat.rec",
        "--",
        "sh",
        "-c",
        "echo hello there; cat /proc/version; true",
      ];
      const recorded = await guest.run(record);
      expect(recorded).toMatchObject({ code: 0, stderr: "" });
      const script = `tracepoint:syscalls:sys_enter_openat { printf("open %s %s\\n", comm, str(args.filename)); }
        tracepoint:syscalls:sys_enter_write /comm == "sh"/ { printf("write %r\\n", buf(args.buf, args.count)); }
        tracepoint:sched:sched_process_exit { @[comm] = count(); }`;
      const { stdout, code } = await guest.run([
        "./bpfkit",
        "trace",
        "-q",
        "--replay",
        "/tmp/cat.rec",
        "-e",
        script,
      ]);
      expect(code).toBe(0);
      expect(stdout).toContain("open cat /proc/version\n");
      expect(stdout).toContain(String.raw`write hello there\x0a`);
      expect(stdout).toMatch(/@\[cat\]: 1\n/);
      expect(stdout).not.toContain("@[node]");
    },
  },
];
