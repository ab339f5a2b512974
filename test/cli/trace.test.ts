import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { copyForOthers } from "../copy-for-others.ts";

const launcher = resolve("bpfkit");
const folder = mkdtempSync(join(tmpdir(), "bpfkit-cli-"));
const canTrace = process.getuid?.() === 0 && existsSync("/sys/kernel/btf/vmlinux");

afterAll(() => rmSync(folder, { recursive: true }));

function bpfkit(...args: readonly string[]): { out: string; err: string; code: number | null } {
  const { stdout, stderr, status } = spawnSync(launcher, args, { encoding: "utf8", cwd: folder });
  return { out: stdout, err: stderr, code: status };
}

function trace(script: string, ...args: readonly string[]): ReturnType<typeof bpfkit> {
  return bpfkit("trace", ...args, "-e", script);
}

describe("the command line", () => {
  it("helps, and says what it does not know", () => {
    expect(bpfkit("--version").out).toMatch(/^bpfkit \d+\.\d+\.\d+\n$/);
    expect(bpfkit("trace", "--help").out).toContain("--dry-run");
    expect(bpfkit("nonsense")).toMatchObject({
      code: 1,
      err: expect.stringContaining("Unknown command nonsense"),
    });
    expect(bpfkit("trace", "--nonsense")).toMatchObject({ code: 1, out: "" });
    expect(bpfkit("trace", "-f", "xml", "x.bt").err).toContain("one of text, json, not xml");
    expect(bpfkit("trace")).toMatchObject({ code: 1, err: expect.stringContaining("Nothing to run") });
    expect(bpfkit("trace", "missing.bt").err).toContain("Cannot read missing.bt: no such file");
  });

  it("formats scripts, and only what is one", () => {
    expect(bpfkit("trace", "--fmt", "-e", "BEGIN{exit()}")).toEqual({
      code: 0,
      out: "BEGIN\n{\n  exit()\n}\n",
      err: "",
    });
    expect(bpfkit("trace", "--fmt", "-e", "BEGIN{exit(")).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringContaining("Expected a value"),
    });
  });

  it("completes in three shells", () => {
    for (const shell of ["bash", "zsh", "fish"]) {
      expect(bpfkit("completion", shell).out).toContain("dry-run");
      expect(bpfkit("completion", shell).out).toContain("event_pipe");
    }
    const { status } = spawnSync("bash", ["-n"], { input: bpfkit("completion", "bash").out });
    expect(status).toBe(0);
  });
});

describe.skipIf(!canTrace)("trace on the running kernel", () => {
  it("runs BEGIN and END, prints maps, and ends with the script's code", () => {
    const { out, err, code } = trace(
      'BEGIN { printf("%s %d\\n", comm, 6 * 7); @x = 1; @y["a", 2] = 3; exit(4) } END { printf("bye\\n") }',
    );
    expect(out).toBe("bpfkit 42\nbye\n\n\n@x: 1\n@y[a, 2]: 3\n");
    expect(err).toBe("Attached 2 probes\n");
    expect(code).toBe(4);
  });

  it("takes a whole probe from the command line", () => {
    expect(bpfkit("trace", "-q", "-e", '$1 { printf("hit\\n"); exit() }', "interval:ms:1").out).toContain(
      "hit",
    );
  });

  it("reads headers of its own, from the script's folder, -I and --include", () => {
    writeFileSync(join(folder, "answer.h"), "#define ANSWER 42\nstruct answer { int a; char b; };\n");
    writeFileSync(
      join(folder, "headers.bt"),
      '#include "answer.h"\nBEGIN { print((ANSWER, sizeof(struct answer))) }',
    );
    expect(bpfkit("trace", "-q", "headers.bt").out).toContain("(42, 8)");
    const script = "BEGIN { print((ANSWER, sizeof(struct answer))) }";
    expect(trace(script, "-q", "--include", "answer.h").out).toContain("(42, 8)");
    expect(trace(`#include <answer.h>\n${script}`, "-q", "-I", folder).out).toContain("(42, 8)");
    expect(trace(script, "--include", "no.h")).toMatchObject({
      code: 1,
      err: expect.stringContaining("no.h"),
    });
  });

  it("sends records by the perf buffer where it is to do without the ring buffer", () => {
    const script =
      'BEGIN { for ($i : 0..40) { printf("%d %s\\n", $i, comm); } join((uint8 **)0); print(("t", 2)); } END { printf("end\\n"); }';
    const own = trace(script);
    const perf = trace(script, "--no-feature", "ring_buffer");
    expect(perf).toEqual(own);
    expect(perf.out.split("\n")[39]).toBe("39 bpfkit");
    expect(trace(script, "--no-feature", "ring_buffer", "-d", "plan").out).toContain('"perf"');
    expect(trace(script, "--no-feature", "rings").err).toContain("not rings");
  });

  it("lists the probes of a script", () => {
    const file = join(folder, "listed.bt");
    writeFileSync(file, "BEGIN { } tracepoint:syscalls:sys_enter_exec* { } END { }");
    expect(bpfkit("trace", "-l", file).out).toBe(
      "begin\ntracepoint:syscalls:sys_enter_execve\ntracepoint:syscalls:sys_enter_execveat\nend\n",
    );
    expect(trace("interval:s:1 { }", "-l").out).toBe("interval:s:1\n");
  });

  it("shows what the kernel can do, as text and as JSON", () => {
    const { out, code } = bpfkit("trace", "--info");
    expect(out).toMatch(/^System\n {2}OS: Linux .*\n/);
    expect(out).toContain("\nProbe types\n  kprobe: ");
    expect(out).toContain("  btf: yes\n");
    expect(code).toBe(0);
    const info: unknown = JSON.parse(bpfkit("trace", "--info", "-f", "json").out);
    expect(info).toMatchObject({
      "Kernel features": { btf: true },
      System: { Arch: expect.stringMatching(/^(x86_64|aarch64)$/) },
    });
  });

  it("is bpftrace when it is called so", () => {
    const link = join(folder, "bpftrace");
    symlinkSync(launcher, link);
    const { stdout } = spawnSync(link, ["-q", "-e", "BEGIN { print(comm); exit() }"], { encoding: "utf8" });
    expect(stdout).toBe("bpftrace\n\n\n");
  });

  it("writes JSON lines", () => {
    const { out } = trace('BEGIN { printf("a\\"b"); print((1, "x")); @[1] = count(); exit() }', "-f", "json");
    expect(
      out
        .trim()
        .split("\n")
        .map((line): unknown => JSON.parse(line)),
    ).toEqual([
      { type: "attached_probes", count: 1, data: { probes: 1 } },
      { type: "printf", data: 'a"b' },
      { type: "value", data: [1, "x"] },
      { type: "map", data: { "@": { 1: 1 } } },
    ]);
  });

  it("shows the script's own messages with their place", () => {
    const script = 'BEGIN { errorf("bad %d", 1); warnf("%s", comm); exit() }';
    expect(trace(script, "--no-warnings").err).not.toContain("WARNING");
    expect(trace(script, "--no-warnings", "-f", "json").out).not.toContain("warnf");
    expect(trace(script, "-q").err).toBe("-e:1:9-28: ERROR: bad 1\n-e:1:30-47: WARNING: bpfkit\n");
    expect(trace(script, "-q", "-f", "json").out).toBe(
      '{"type": "errorf", "msg": "bad 1", "filename": "-e", "line": 1, "col": 9}\n' +
        '{"type": "warnf", "msg": "bpfkit", "filename": "-e", "line": 1, "col": 30}\n',
    );
  });

  it("traces a command from its first call to its end", () => {
    const { out, code } = trace(
      'tracepoint:syscalls:sys_enter_execve /pid == cpid/ { printf("%d ", pid == cpid); join(args.argv); }',
      "-c",
      "/bin/echo 'two words' three",
    );
    expect(code).toBe(0);
    expect(out).toContain("1 /bin/echo two words three\n");
    expect(out).toContain("two words three\n");
  });

  it("counts what it cannot deliver: nothing is unaccounted for", () => {
    const file = join(folder, "events.txt");
    const { err } = trace(
      'tracepoint:raw_syscalls:sys_enter /pid == cpid && (args.id == 0 || args.id == 1)/ { printf("%d\\n", args.id); }',
      "-o",
      file,
      "-c",
      "dd if=/dev/zero of=/dev/null bs=1 count=50000 status=none",
    );
    const delivered = readFileSync(file, "utf8").trimEnd().split("\n").length;
    const lost = [...err.matchAll(/^Lost (\d+) events$/gm)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
    // The program's own start reads a little too.
    expect(delivered + lost).toBeGreaterThanOrEqual(100_000);
    expect(delivered + lost).toBeLessThan(100_100);
  });

  it("ends with the process of -p", async () => {
    const child = spawn("sleep", ["2"]);
    const script = 'interval:s:60 { exit() } END { printf("over\\n") }';
    const { out, code } = trace(script, "-p", String(child.pid));
    expect(out).toBe("over\n\n\n");
    expect(code).toBe(0);
  });

  it("detaches and prints maps on Ctrl-C", async () => {
    const child = spawn(launcher, ["trace", "-e", "BEGIN { @ = 1 } interval:s:60 { exit() }"]);
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.once("data", () => child.kill("SIGINT"));
    const code = await new Promise((done) => child.once("close", done));
    expect({ out, code }).toEqual({ out: "\n\n@: 1\n", code: 0 });
  });

  it("ends quietly when nobody reads any more, and loudly when the disk is full", () => {
    const shell = `"${launcher}" trace -q -e 'interval:ms:5 { print(1) }' | head -n 1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync("bash", ["-c", shell], { encoding: "utf8" });
    expect({ stdout, stderr }).toEqual({ stdout: "1\n0\n", stderr: "" });
    const full = trace("BEGIN { print(1); exit() }", "-o", "/dev/full");
    expect(full.code).toBe(1);
    expect(full.err).toContain("no space left");
  });

  it("stops before running with --dry-run and -d", () => {
    expect(trace("BEGIN { print(1) }", "--dry-run").out).toBe("");
    expect(trace("BEGIN { print(1) }", "-d", "asm").out).toContain("ringbuf_submit");
  });

  it("runs a built object without a compiler", () => {
    const script = join(folder, "hello.bt");
    writeFileSync(script, 'BEGIN { printf("built %d\\n", 1); exit() }');
    expect(bpfkit("build", script, "-o", join(folder, "hello.bpf.o"))).toMatchObject({ code: 0, err: "" });
    expect(bpfkit("trace", "-q", join(folder, "hello.bpf.o"))).toMatchObject({
      code: 0,
      out: "built 1\n\n\n",
    });
  });

  it.each([
    ["a syntax error", 'BEGIN { printf("x" }', /^-e:1:\d+.*ERROR: Expected/],
    [
      "an unknown probe",
      "tracepoint:sched:sched_swich { }",
      /no tracepoint.*\n.*\n\s*\^~+\nHINT: .*sched_switch/,
    ],
    [
      "an unknown field",
      "tracepoint:sched:sched_switch { print(args.nope) }",
      /no field 'nope'\n.*\n +\^~~~/,
    ],
    ["an unknown function", "BEGIN { nofunc(1) }", /Unknown function 'nofunc'/],
    ["an unknown type", "BEGIN { print(((struct nosuch *)0)->x) }", /Unknown type 'struct nosuch'/],
    ["a type mismatch", 'BEGIN { $a = 1; $a = "x" }', /ERROR: .*\$a/],
    ["a missing --unsafe", 'BEGIN { system("true") }', /unsafe.*\n.*\n.*\nHINT: .*--unsafe/],
  ])("says one clear thing about %s", (_what, script, message) => {
    const { err, code, out } = trace(script);
    expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 1, out: "" });
  });

  it("shows the source line that the verifier rejects, in words", () => {
    const { err, code } = trace("BEGIN { while (1) { @x = 1 } }");
    expect(err).toMatch(/^-e:1:\d+.*ERROR: The kernel's verifier rejected.*\n.*\n +\^~+\nHINT: .*loop/);
    expect(code).toBe(1);
  });

  it("says that there is no such process", () => {
    expect(trace("interval:s:1 { }", "-p", "2147483646")).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringContaining("There is no process 2147483646"),
    });
  });

  it("names the missing capability", () => {
    using copy = copyForOthers();
    const { stderr, status } = spawnSync(
      "setpriv",
      [
        "--reuid",
        "65534",
        "--clear-groups",
        "--bounding-set=-all",
        join(copy.folder, "bpfkit"),
        "trace",
        "--kernel",
        "linux",
        "-e",
        "BEGIN { exit() }",
      ],
      { encoding: "utf8", env: { ...process.env, HOME: "" } },
    );
    expect(stderr).toMatch(/EPERM[^]*HINT: .*CAP_BPF/);
    expect(status).toBe(1);
  });

  it("says where types can come from when there are none", () => {
    const { err, code } = trace(
      "BEGIN { print(((struct task_struct *)curtask)->pid) }",
      "--btf",
      "/dev/null",
    );
    expect(err).toContain("BTF");
    expect(code).toBe(1);
  });
});
