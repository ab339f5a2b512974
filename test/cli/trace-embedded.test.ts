import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { copyForOthers } from "../copy-for-others.ts";
import { NOBODY, runBpfkit } from "../run-bpfkit.ts";
import type { Run, Runner } from "../run-bpfkit.ts";

function trace(args: readonly string[], runner?: Runner): Run {
  return runBpfkit(["trace", ...args], runner);
}

function embedded(script: string, command: string): string {
  const { code, out, err } = trace(["-q", "--kernel", "embedded", "-e", script, "-c", command]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return out.trim();
}

const SCRIPT = 'sh -c "/bin/true; exit 3"';

describe.skipIf(process.platform !== "linux")("a command's events, without the kernel's help", () => {
  test("calls at entry and exit, with arguments from its memory", () => {
    const enter = "tracepoint:syscalls:sys_enter_execve";
    const exit = "tracepoint:syscalls:sys_exit_execve";
    const out = embedded(
      `${enter} { printf("%s %d\\n", str(args.filename), args.__syscall_nr); } ${exit} { printf("= %d\\n", args.ret); }`,
      "/bin/sh -c /bin/true",
    );
    expect(out.split("\n").filter((line) => line !== "")).toEqual([
      expect.stringMatching(/^\/bin\/sh \d+$/),
      "= 0",
      expect.stringMatching(/^\/bin\/true \d+$/),
      "= 0",
    ]);
  });

  test("forks, execs and ends", () => {
    const out = embedded(
      `tracepoint:sched:sched_process_fork { @forks = count(); @[args.parent_comm] = count(); }
       tracepoint:sched:sched_process_exec { printf("exec %s\\n", args.filename); }
       tracepoint:sched:sched_process_exit { printf("exit %s\\n", args.comm); }`,
      SCRIPT,
    );
    expect(out).toMatch(/exec \S*\/sh\nexec \/bin\/true\nexit true\nexit sh/);
    expect(out).toMatch(/@forks: 1/);
    expect(out).toContain("@[sh]: 1");
  });

  test("signals", () => {
    const script = 'tracepoint:signal:signal_deliver /comm == "sh"/ { printf("%d\\n", args.sig); }';
    expect(embedded(script, 'sh -c "kill -USR1 $$"').split("\n")).toContain("10");
  });

  test("every call of raw_syscalls, and maps", () => {
    const out = embedded(
      "tracepoint:raw_syscalls:sys_exit { @calls = count(); @last = args.ret; }",
      "/bin/true",
    );
    expect(Number(/@calls: (\d+)/.exec(out)?.[1])).toBeGreaterThan(10);
  });

  test("raw tracepoints, with their own arguments", () => {
    const out = embedded(
      `rawtracepoint:sys_enter { @calls = count(); } rawtracepoint:sys_exit /args.ret == 0/ { @good = count(); }
       rawtracepoint:sched_process_exec { printf("%s %d\n", args.p->comm, args.p->tgid == pid); }`,
      "/bin/true",
    );
    expect(out).toContain("true 1");
    expect(out).toMatch(/@calls: [1-9]\d+/);
    expect(out).toMatch(/@good: [1-9]/);
  });

  test("tasks, their parents and namespaces", () => {
    const out = embedded(
      `tracepoint:syscalls:sys_enter_execve /comm == "sh"/ {
         $task = (struct task_struct *)curtask;
         printf("%d %d %d %d %s %d\\n", $task->tgid == pid, $task->parent->tgid > 1, $task->cred->uid.val == uid,
           $task->real_parent->parent->pid >= 0, $task->comm, $task->nsproxy->pid_ns_for_children->ns.inum > 0);
       }`,
      SCRIPT,
    );
    expect(out.split("\n")[0]).toBe("1 1 1 1 sh 1");
  });

  test("functions of a library, at entry and return", () => {
    const out = embedded(
      `uprobe:libc:malloc { @in = count(); @large = max(arg0); } uretprobe:libc:malloc { @out = count(); @zero = min(retval == 0); }`,
      "ls /",
    );
    const value = (name: string): number => Number(new RegExp(`@${name}: (\\d+)`).exec(out)?.[1]);
    expect(value("in")).toBeGreaterThan(3);
    expect(value("out")).toBe(value("in"));
    expect([value("large") > 0, value("zero")]).toEqual([true, 0]);
  });

  test("functions of a library in all that a shell starts, by fork and by vfork", () => {
    const out = embedded(
      "uprobe:libc:malloc { @[comm] = count(); }",
      "sh -c '(/bin/ls / | cat); /bin/ls /; :'",
    );
    expect(
      [...out.matchAll(/^@\[(\w+)\]/gm)].map(([, comm = ""]) => comm).toSorted((a, b) => (a < b ? -1 : 1)),
    ).toEqual(["cat", "ls", "sh"]);
  });

  test("what the command leaves behind goes on, and can still do what was traced", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bpfkit-left-"));
    try {
      const later = join(folder, "later");
      const command = `sh -c '(sleep 0.7; /bin/sh -c "echo lives >${later}") & exit 0'`;
      const script =
        'tracepoint:syscalls:sys_enter_execve /str(args.filename) == "/bin/sh"/ { @later = count(); }';
      const { code, out, err } = trace(["--kernel", "embedded", "-e", script, "-c", command]);
      expect({ code, out: out.trim() }).toEqual({ code: 0, out: "" });
      const [, keeper = "0"] =
        /^What the command started still runs \([\d, ]+\); process (\d+) stays/m.exec(err) ?? [];
      expect(Number(keeper)).toBeGreaterThan(0);
      await expect
        .poll(() => (existsSync(later) ? readFileSync(later, "utf8") : ""), { timeout: 5000 })
        .toBe("lives\n");
      // And nobody is left when it has ended.
      await expect.poll(() => existsSync(`/proc/${keeper}`), { timeout: 5000 }).toBe(false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("a process with threads is followed by its id, and goes on afterwards", async () => {
    const text = `const { Worker } = require("node:worker_threads");
      for (let n = 0; n < 3; n++)
        new Worker('setInterval(() => require("node:fs").accessSync("/"), 5)', { eval: true });
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["-e", text], { stdio: "ignore" });
    try {
      await expect.poll(() => readdirSync(`/proc/${child.pid}/task`).length).toBeGreaterThan(4);
      const script =
        "tracepoint:syscalls:sys_enter_* /pid == $1/ { @threads[tid] = count(); @ = count(); } interval:ms:700 { exit(); }";
      const pid = String(child.pid);
      const { code, out, err } = trace(["-q", "--kernel", "embedded", "-e", script, "-p", pid, pid]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect([...out.matchAll(/^@threads\[/gm)].length).toBeGreaterThanOrEqual(3);
      expect(readFileSync(`/proc/${child.pid}/status`, "latin1")).toMatch(
        /^State:\s*[RS][^]*^TracerPid:\s*0$/m,
      );
      expect(child.exitCode).toBe(null);
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("the script's code, and a command that is not there", () => {
    const args = ["-q", "--kernel", "embedded", "-e"];
    expect(trace([...args, "BEGIN { exit(7); }"]).code).toBe(7);
    expect(trace([...args, "BEGIN { }", "-c", "nosuchprogram"]).err).toContain("there is no such program");
    const unknown = trace([...args, "tracepoint:net:netif_rx { }", "-c", "true"]);
    expect(unknown.code).toBe(1);
    const alone = trace([...args, "tracepoint:syscalls:sys_enter_read { }"]);
    expect(alone).toMatchObject({
      code: 1,
      err: expect.stringContaining("with -c COMMAND, or a process with -p PID"),
    });
  });

  test.skipIf(process.getuid?.() !== 0)(
    "an ordinary user gets it where the kernel refuses, and is told so",
    () => {
      using copy = copyForOthers();
      const file = resolve(copy.folder, "examples/process-creation.bt");
      const nobody = { ...NOBODY, program: resolve(copy.folder, "dist/bin/bpfkit.js") };
      const { code, out, err } = trace([file, "-c", SCRIPT], nobody);
      expect(code).toBe(0);
      expect(err.split("\n")[0]).toMatch(/^bpf\(2\) is refused here \(E\w+\): .*embedded kernel/);
      const rows = out
        .trim()
        .split("\n")
        .map((line) => line.split(/\s+/));
      expect(rows[0]).toEqual(["TIME", "PID", "CGROUP", "PPID", "COMM", "ARGS"]);
      expect(rows[1]?.slice(4).join(" ")).toMatch(/^sh \S*sh -c \/bin\/true; exit 3$/);
      expect(rows[2]?.slice(3)).toEqual([rows[1]?.[1], "sh", "/bin/true"]);
      // Nor with no home, nor where no program may get more rights than it has.
      const bare = spawnSync(
        "setpriv",
        ["--no-new-privs", "--reuid", "65534", "--regid", "65534", "--clear-groups"].concat([
          process.execPath,
          nobody.program,
          "trace",
          file,
          "-c",
          SCRIPT,
        ]),
        { encoding: "utf8", cwd: "/", env: { PATH: process.env["PATH"], HOME: "/nonexistent" } },
      );
      if (!bare.error)
        expect(bare).toMatchObject({ status: 0, stdout: expect.stringContaining("/bin/true") });
      const alone = trace(["-e", 'BEGIN { printf("%d\\n", uid); exit(); }'], nobody);
      expect(alone).toMatchObject({ code: 0, out: expect.stringContaining(String(NOBODY.uid)) });
    },
    // A copy of the program, and three runs of it.
    90_000,
  );
});
