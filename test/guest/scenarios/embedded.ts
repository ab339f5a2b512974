import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { repository } from "../repository.ts";
import type { Scenario } from "../scenario.ts";

/** Columns that are the same whatever process it is: cgroup, command, arguments. */
function rows(text: string): string[] {
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const [, , cgroup, , ...rest] = line.trim().split(/\s+/);
      return [cgroup, ...rest].join(" ");
    });
}

/** The embedded kernel beside the real one. */
export const embedded: readonly Scenario[] = [
  {
    name: "process creation prints the same on the embedded kernel",
    run: async (guest) => {
      const script = readFileSync(join(repository(), "examples", "process-creation.bt"));
      await guest.write("/tmp/process-creation.bt", script);
      const command =
        'sh -c "cat /proc/version >/dev/null; (true; ls / >/dev/null); cat /proc/uptime >/dev/null"';
      const run = async (...options: readonly string[]): Promise<string> => {
        const argv = ["./bpfkit", "trace", "-q", ...options, "/tmp/process-creation.bt", "-c", command];
        const { stdout, stderr, code } = await guest.run(argv);
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        return stdout;
      };
      const real = rows(await run());
      expect(real.length).toBeGreaterThan(3);
      expect(rows(await run("--kernel", "embedded"))).toEqual(real);
    },
  },
  {
    name: "counts of calls and functions are the same on the embedded kernel",
    run: async (guest) => {
      const script = `tracepoint:syscalls:sys_enter_openat /comm == "cat"/ { @opened[str(args.filename)] = count(); }
        tracepoint:syscalls:sys_exit_read /comm == "cat"/ { @read = sum(args.ret); }
        tracepoint:sched:sched_process_exit /comm == "cat"/ { @ends = count(); }`;
      const run = async (...options: readonly string[]): Promise<string> => {
        const argv = [
          "./bpfkit",
          "trace",
          "-q",
          ...options,
          "-e",
          script,
          "-c",
          "cat /proc/version /bpfkit/package.json",
        ];
        const { stdout, stderr, code } = await guest.run(argv);
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        return stdout.slice(stdout.indexOf("@"));
      };
      const real = await run();
      expect(real).toContain("@ends: 1");
      expect(await run("--kernel", "embedded")).toBe(real);
    },
  },
  {
    name: "strace shows the calls of bpfkit itself",
    run: async (guest) => {
      const argv = [
        "./bpfkit",
        "strace",
        "-f",
        "--explain",
        "-o",
        "/tmp/calls",
        "--",
        "./bpfkit",
        "trace",
        "-e",
      ];
      const { code } = await guest.run([...argv, "BEGIN { @x = 1; exit(3) }"]);
      expect(code).toBe(3);
      const { stdout } = await guest.run(["cat", "/tmp/calls"]);
      expect(stdout).toMatch(/^\d+ +bpf\(BPF_PROG_LOAD, \{prog_type=BPF_PROG_TYPE_\w+, insn_cnt=\d+/m);
      expect(stdout).toMatch(/^ +\d+: exit$/m);
      expect(stdout).toContain("+++ exited with 3 +++");
    },
  },
];
