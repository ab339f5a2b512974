import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { copyForOthers } from "../copy-for-others.ts";
import { BPFKIT, NOBODY, runBpfkit as bpfkit } from "../run-bpfkit.ts";

const CREATION = resolve("examples/process-creation.bt");
const CALLS = "tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }";

const folder = mkdtempSync(join(tmpdir(), "bpfkit-replay-"));
chmodSync(folder, 0o777);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Another machine: no native code can be loaded there, and it is no Linux. */
const elsewhere = join(folder, "elsewhere.cjs");
writeFileSync(
  elsewhere,
  `process.dlopen = () => { throw new Error("no native code here"); };
   Object.defineProperty(process, "platform", { value: "darwin" });`,
);

describe.skipIf(process.platform !== "linux")("record, and trace --replay", () => {
  const file = join(folder, "make.rec");

  test("a command is recorded, and a script that came later runs over it", () => {
    const run = bpfkit([
      "record",
      "--kernel",
      "embedded",
      "-o",
      file,
      "--",
      "sh",
      "-c",
      "/bin/true; cat '/etc/hostname'; exit 3",
    ]);
    expect(run).toMatchObject({ code: 0, out: readFileSync("/etc/hostname", "utf8") });
    expect(run.err).toMatch(/^Recording\nRecorded \d+ events in \d+ bytes: /);
    const { code, out, err } = bpfkit(["trace", "-q", "--replay", file, CREATION]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("TIME      PID    CGROUP");
    expect(out).toMatch(/ sh +\S*\/sh -c \/bin\/true; cat '\/etc\/hostname'; exit 3\n/);
    expect(out).toMatch(/ cat \/etc\/hostname\n/);
  });

  test("the same without native code, on what is no Linux", () => {
    const args = ["trace", "-q", "--replay", file, CREATION];
    expect(bpfkit(args, { preload: elsewhere })).toEqual(bpfkit(args));
    const live = bpfkit(["trace", "-q", "--kernel", "embedded", "-c", "true", "-e", CALLS], {
      preload: elsewhere,
    });
    expect(live.code).not.toBe(0);
  });

  test("--at shows the maps behind an event, as text and as JSON", () => {
    const args = ["trace", "-q", "--replay", file, "--at", "40", "-e", `${CALLS} END { clear(@); }`];
    expect(bpfkit(args)).toMatchObject({ code: 0, out: expect.stringMatching(/^\s*@\[sh\]: \d+\s*$/) });
    const json = bpfkit([...args, "-f", "json"])
      .out.trim()
      .split("\n")
      .at(-1);
    expect(JSON.parse(json ?? "")).toMatchObject({ type: "map", data: { "@": { sh: expect.any(Number) } } });
  });

  test("a mistyped command leaves an older recording as it was, and no new file", () => {
    const before = readFileSync(file);
    for (const kernel of ["linux", "embedded"]) {
      const record = ["record", "--kernel", kernel, "-o"];
      const { code, err } = bpfkit([...record, file, "--", "no-such-command"]);
      expect(code).toBe(1);
      expect(err).toContain('Cannot run "no-such-command": there is no such program\n');
      expect(readFileSync(file).equals(before)).toBe(true);
      const fresh = join(folder, "fresh.rec");
      bpfkit([...record, fresh, "--", "no-such-command"]);
      expect(existsSync(fresh)).toBe(false);
    }
  });

  test("what a recording does not have is said to be that", () => {
    const { err } = bpfkit(["trace", "--replay", file, "-e", "tracepoint:sched:sched_switch { }"]);
    expect(err).toContain("HINT: A recording has what was recorded");
    const late = bpfkit(["trace", "--replay", file, "--at", "999999", "-e", CALLS]);
    expect(late.err).toMatch(/^The recording ends with event \d+: there is none of number 999999$/m);
    expect(bpfkit(["trace", "--replay", BPFKIT, "-e", CALLS]).err).toContain(
      `${BPFKIT}: This is no recording`,
    );
  });

  test("-l lists what the recording has events of", () => {
    const { out } = bpfkit(["trace", "--replay", file, "-l", "tracepoint:*"]);
    expect(out).toContain("tracepoint:syscalls:sys_enter_openat\n");
    expect(out).toContain("tracepoint:sched:sched_process_exec\n");
  });

  test("what a killed recorder leaves can be read, and that it is not all is said", async () => {
    const cut = join(folder, "killed.rec");
    const busy = "while :; do /bin/true; done";
    const child = spawn(
      process.execPath,
      [BPFKIT, "record", "--kernel", "embedded", "-o", cut, "--", "sh", "-c", busy],
      {
        stdio: "ignore",
      },
    );
    const exit = once(child, "exit");
    // The first second's events are in the file before the recorder dies.
    for (let size = 0; size < 20_000; size = statSync(cut, { throwIfNoEntry: false })?.size ?? 0)
      await new Promise((done) => setTimeout(done, 50));
    child.kill("SIGKILL");
    await exit;
    const { code, out } = bpfkit(["trace", "--replay", cut, "-e", CALLS]);
    expect(code).toBe(0);
    expect(Number(/@\[true\]: (\d+)/.exec(out)?.[1])).toBeGreaterThan(20);
    const bytes = readFileSync(cut);
    writeFileSync(cut, bytes.subarray(0, bytes.length - 7));
    const shorter = bpfkit(["trace", "--replay", cut, "-e", CALLS]);
    expect(shorter).toMatchObject({ code: 0, err: expect.stringContaining("ends within a block") });
  });

  test("an ordinary user records and replays", (context) => {
    if (process.getuid?.() !== 0) context.skip("needs root to become another user");
    using copy = copyForOthers();
    const as = { ...NOBODY, program: join(copy.folder, "dist", "bin", "bpfkit.js") };
    const own = join(folder, "nobody.rec");
    const script = join(copy.folder, "examples", "process-creation.bt");
    const live = bpfkit(
      ["trace", "-q", "--record", own, "-c", "sh -c '/bin/true; ls / > /dev/null'", script],
      as,
    );
    expect(live).toMatchObject({ code: 0, out: expect.stringContaining(" ls /\n") });
    expect(live.err).toMatch(/^(bpf\(2\) is refused here .*\n)?$/);
    expect(bpfkit(["trace", "-q", "--replay", own, script], as)).toEqual({ ...live, err: "" });
  });

  test("a script that runs on the running kernel, with what it sees", (context) => {
    const own = join(folder, "beside.rec");
    const script = `tracepoint:syscalls:sys_enter_openat /pid == cpid/ { printf("%s %s\\n", comm, str(args.filename)); }
      tracepoint:syscalls:sys_exit_openat /pid == cpid/ { @opened = count(); }`;
    const command = ["-c", "cat /etc/hostname"];
    const live = bpfkit(["trace", "--kernel", "linux", "--record", own, ...command, "-e", script]);
    if (live.code !== 0) context.skip(`no bpf(2) here: ${live.err.split("\n")[0]}`);
    expect(live.err).toMatch(/^Recorded \d+ events in \d+ bytes: .*beside\.rec$/m);
    const { out } = bpfkit(["trace", "-q", "--replay", own, "-e", script]);
    expect(`${readFileSync("/etc/hostname", "utf8")}${out}`.split("\n").toSorted()).toEqual(
      live.out.split("\n").toSorted(),
    );
    expect(bpfkit(["record", "info", own, "-f", "json"]).out).toContain('"ended":true');
    const other = bpfkit(["trace", "-q", "--replay", own, "-e", CALLS]);
    expect(other).toMatchObject({ code: 0, out: expect.stringMatching(/^\s*@\[cat\]: \d+$/m) });
  });

  test("some probes alone, with all that they need", () => {
    const some = join(folder, "some.rec");
    const { code } = bpfkit([
      "record",
      "-o",
      some,
      "-e",
      "t:syscalls:sys_*_openat",
      "-c",
      "cat /etc/hostname",
    ]);
    expect(code).toBe(0);
    const script = 'tracepoint:syscalls:sys_enter_openat { printf("%s %s\\n", comm, str(args.filename)); }';
    expect(bpfkit(["trace", "-q", "--replay", some, "-e", script]).out).toContain("cat /etc/hostname\n");
    const other = bpfkit(["trace", "-q", "--replay", some, "-e", CALLS]);
    expect(other).toMatchObject({ code: 1, err: expect.stringContaining("raw_syscalls:sys_enter") });
  });

  test.each<[string, string[], string]>([
    ["no file", ["trace", "--replay", "/nowhere", "-e", "BEGIN { }"], "Cannot read /nowhere: no such file"],
    ["another file", ["trace", "--replay", "/etc/passwd", "-e", "BEGIN { }"], "This is no recording"],
    ["a command to replay", ["trace", "--replay", "x", "-c", "ls", "-e", "BEGIN { }"], "leave --cmd out"],
    ["nowhere to record to", ["record", "--", "ls"], "Nowhere to record to"],
    ["nothing to record", ["record", "-o", join(folder, "x.rec")], "Give one of a command"],
    [
      "no such program",
      ["record", "-o", join(folder, "x.rec"), "--", "no-such"],
      'Cannot run "no-such": there is no such program',
    ],
    ["no event 0", ["trace", "--replay", "x", "--at", "0", "-e", "BEGIN { }"], "Option --at takes"],
    ["--at of a live run", ["trace", "--at", "5", "-e", "BEGIN { }"], "--at goes with --replay"],
  ])("%s", (_, args, message) => {
    const { code, out, err } = bpfkit(args);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(message);
  });
});
