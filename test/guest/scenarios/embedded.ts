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
  // Last: a scope of 3 stays until the machine boots again.
  {
    name: "an ordinary user traces what kernel.yama.ptrace_scope and unprivileged BPF let him, and is told the rest",
    run: async (guest) => {
      await guest.write(
        "/tmp/execs.bt",
        Buffer.from('tracepoint:syscalls:sys_enter_execve { printf("%s ", comm); join(args.argv); }'),
      );
      await guest.write("/tmp/ends", Buffer.from("ls / >/dev/null; exit 3"));
      await guest.write("/tmp/leaves", Buffer.from("sleep 100 & exit 0"));
      const trace = (file: string): Promise<{ stdout: string; stderr: string; code: number | null }> => {
        const line = `HOME=/none ./bpfkit trace /tmp/execs.bt -c 'sh ${file}'`;
        return guest.run(["su", "nobody", "-s", "/bin/sh", "-c", line]);
      };
      const told = /^bpf\(2\) is refused here \(EPERM\): .*embedded kernel, under ptrace\n/;
      for (const unprivileged of ["0", "2"]) {
        await guest.shell(`echo ${unprivileged} >/proc/sys/kernel/unprivileged_bpf_disabled`);
        const { stdout, stderr, code } = await trace("/tmp/ends");
        expect(stderr).toMatch(told);
        expect(stdout).toMatch(/^sh (?:\S*\/)?ls \/$/m);
        expect(code).toBe(0);
      }
      const scope = "/proc/sys/kernel/yama/ptrace_scope";
      if ((await guest.shell(`cat ${scope} 2>/dev/null || echo none`)).trim() === "none") return;
      await guest.shell(`echo 1 >${scope}`);
      expect((await trace("/tmp/ends")).code).toBe(0);
      // Nobody else may hold what is left.
      const left = await trace("/tmp/leaves");
      expect(left.stderr).toMatch(/was killed \([\d, ]+\): kernel\.yama\.ptrace_scope/);
      for (const [value, hint] of [
        ["2", /HINT: kernel\.yama\.ptrace_scope is 2: tracing takes CAP_SYS_PTRACE/],
        ["3", /HINT: kernel\.yama\.ptrace_scope is 3: nobody may trace/],
      ] as const) {
        await guest.shell(`echo ${value} >${scope}`);
        const { stderr, code } = await trace("/tmp/ends");
        expect(stderr).toMatch(hint);
        expect(stderr.match(/ERROR:/g)).toHaveLength(1);
        expect(code).toBe(1);
      }
    },
  },
];
