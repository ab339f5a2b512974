import { expect } from "vitest";
import type { Guest } from "../guest.ts";
import { isSince } from "../scenario.ts";
import type { Scenario } from "../scenario.ts";

const ATTACHED = /Attached \d+ probe/;
const COUNT = ["./bpfkit", "trace", "-e", "tracepoint:syscalls:sys_enter_write { @[comm] = count(); }"];
const PRINT = [
  "./bpfkit",
  "trace",
  "-e",
  'tracepoint:raw_syscalls:sys_enter { printf("%d %s\\n", pid, comm); }',
];

/** How a session ends, and that it leaves nothing behind. */
export const sessions: readonly Scenario[] = [
  ...["SIGINT", "SIGTERM"].map((signal): Scenario => ({
    name: `${signal} prints the maps and detaches`,
    run: async (guest) => {
      const tracer = guest.start(COUNT);
      await tracer.waitFor(ATTACHED);
      await guest.shell("dd if=/dev/zero of=/dev/null bs=1 count=10");
      tracer.signal(signal);
      const { stdout, code } = await tracer.end;
      expect(stdout).toMatch(/^@\[dd\]: 1\d$/m);
      expect(code).toBe(0);
      await expectNothingLeft(guest);
    },
  })),
  {
    name: "the end of -c ends the session",
    run: async (guest) => {
      const { stdout, code } = await guest.run([
        ...COUNT,
        "-c",
        "dd if=/dev/zero of=/dev/null bs=1 count=10",
      ]);
      expect(stdout).toMatch(/^@\[dd\]: 1\d$/m);
      expect(code).toBe(0);
      await expectNothingLeft(guest);
    },
  },
  {
    name: "a closed pipe ends the session",
    run: async (guest) => {
      const stdout = await guest.shell(`${quote(PRINT)} | head -n 3`);
      expect(stdout.split("\n")).toHaveLength(4);
      await expectNothingLeft(guest);
    },
  },
  {
    name: "a full disk ends the session with an error",
    run: async (guest) => {
      const { stdout, stderr } = await guest.run(["sh", "-c", `${quote(PRINT)} >/dev/full; echo "code $?"`]);
      expect(stdout).toContain("code 1");
      expect(stderr).toMatch(/ENOSPC|no space left/i);
      await expectNothingLeft(guest);
    },
  },
  {
    name: "every event is delivered or counted as lost",
    run: async (guest) => {
      const script =
        'tracepoint:syscalls:sys_enter_write /comm == "dd" && args.fd == 1/ { printf("event %d\\n", args.count); }';
      const load = "dd if=/dev/zero of=/dev/null bs=1 count=200000";
      const { stderr, code } = await guest.run([
        "./bpfkit",
        "trace",
        "-o",
        "/tmp/events",
        "-e",
        script,
        "-c",
        load,
      ]);
      const delivered = Number(await guest.shell("grep -c '^event 1$' /tmp/events"));
      const reports = stderr + (await guest.shell("grep -i lost /tmp/events || true"));
      const lost = [...reports.matchAll(/Lost (\d+) events/gi)].reduce(
        (sum, [, count]) => sum + Number(count),
        0,
      );
      expect(delivered + lost).toBe(200_000);
      expect(code).toBe(0);
    },
  },
  {
    name: "hits that the kernel leaves out are told",
    skip: (guest) => (isSince(guest, "6.7") ? undefined : "misses of tracepoints are not counted before 6.7"),
    run: async (guest) => {
      // trace_printk raises a tracepoint while the program that called it is at work.
      const script = `
        kprobe:vfs_write /comm == "dd" && arg2 == 1/ { debugf("%d", arg2); }
        tracepoint:bpf_trace:bpf_trace_printk { @ = count(); }`;
      const argv = ["-e", script, "-c", "dd if=/dev/zero of=/dev/null bs=1 count=5"];
      const { stderr } = await guest.run(["./bpfkit", "trace", ...argv]);
      expect(stderr).toMatch(/^Missed 5 hits of tracepoint:bpf_trace:bpf_trace_printk: /m);
      const { stdout } = await guest.run(["./bpfkit", "trace", "-f", "json", ...argv]);
      expect(stdout).toContain(
        '{"type": "missed_hits", "data": {"probe": "tracepoint:bpf_trace:bpf_trace_printk", "hits": 5}}',
      );
    },
  },
  {
    name: "a full map is told, with the number of updates",
    run: async (guest) => {
      const script = `let @few = hash(2);
        tracepoint:syscalls:sys_enter_write /comm == "dd" && args.fd == 1/ { $i = 0; unroll(5) { @few[$i] = 1; $i++ } }`;
      const argv = ["-e", script, "-c", "dd if=/dev/zero of=/dev/null bs=1 count=10"];
      const { stdout, stderr } = await guest.run(["./bpfkit", "trace", ...argv]);
      expect(stdout.match(/^@few/gm)).toHaveLength(2);
      expect(stderr).toMatch(/Map @few is full: it holds 2 elements; 30 updates of other keys were lost$/m);
    },
  },
];

async function expectNothingLeft(guest: Guest): Promise<void> {
  // Links and programs are file descriptors of somebody, or pinned: nobody but the agent may have any.
  const held = await guest.shell("ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c bpf-prog || true");
  expect(held.trim()).toBe("0");
  expect((await guest.shell("ls /sys/fs/bpf")).trim()).toBe("");
}

function quote(argv: readonly string[]): string {
  return argv.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(" ");
}
