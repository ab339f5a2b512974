import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findClang } from "../../src/c/index.ts";
import { toElf } from "../../src/object/index.ts";
import { countingObject } from "../attach/counting-object.ts";
import { usdtExecutable } from "../attach/usdt-executable.ts";

const launcher = resolve("bpfkit");
const folder = mkdtempSync(join(tmpdir(), "bpfkit-run-test-"));
const ticker = join(folder, "ticker");
const program = resolve("test/run/ticker.bpf.c");
const target = `tick=${ticker}:demo:tick`;
const able =
  process.geteuid?.() === 0 && process.arch === "x64" && existsSync("/sys/bus/event_source/devices/uprobe");

beforeAll(() => {
  writeFileSync(ticker, usdtExecutable(3));
  chmodSync(ticker, 0o755);
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: readonly string[]): { out: string; err: string; code: number | null } {
  const { stdout, stderr, status } = spawnSync(launcher, ["run", ...args], { encoding: "utf8", cwd: folder });
  return { out: stdout, err: stderr, code: status };
}

function hasClang(): boolean {
  try {
    return findClang(process.env).path !== "";
  } catch {
    return false;
  }
}

describe("the command line", () => {
  it("says what it does not understand", () => {
    expect(run()).toMatchObject({ code: 1, err: expect.stringContaining("Give the program to run") });
    expect(run("a.bpf.o", "b.bpf.o").err).toContain("b.bpf.o is too much");
    expect(run("missing.bpf.o").err).toContain("Cannot read missing.bpf.o");
    if (hasClang()) expect(run("missing.bpf.c").err).toContain("There is no C program missing.bpf.c");
    expect(run("a.bpf.o", "--set", "x").code).toBe(1);
  });
});

/** Probes of a program that only this test runs. */
describe.skipIf(!able)("objects", () => {
  it("that leave their place open are not run, and say what they need", () => {
    writeFileSync(join(folder, "open.bpf.o"), toElf(countingObject([{ section: "xdp", result: 2 }])));
    const { err, code } = run("open.bpf.o");
    expect(err).toContain("No program of the object can be attached");
    expect(err).toContain("count_0 (xdp) needs a network interface");
    expect(code).toBe(1);
  });

  it("run without programs that are left out, and know those that there are", () => {
    const sections = [{ section: `uprobe/${ticker}:0x10a` }, { section: "kprobe/no_such_function" }];
    writeFileSync(join(folder, "two.bpf.o"), toElf(countingObject(sections)));
    expect(run("two.bpf.o", "-c", ticker).code).toBe(1);
    const { err, code } = run("two.bpf.o", "-c", ticker, "--without", "count_1");
    expect(err).toBe("Attached 1 program: count_0\n");
    expect(code).toBe(0);
    expect(run("two.bpf.o", "--without", "count_7").err).toContain("It has count_0, count_1");
  });

  it("count, and leave nothing behind", () => {
    const sections = [{ section: `uprobe/${ticker}:0x10a` }, { section: "xdp", result: 2 }];
    writeFileSync(join(folder, "count.bpf.o"), toElf(countingObject(sections)));
    const { out, err, code } = run("count.bpf.o", "-c", ticker, "-f", "json");
    expect(err).toContain("Attached 1 program: count_0");
    expect(err).toContain("Not attached: count_1 (xdp) needs a network interface: --dev INTERFACE");
    expect(JSON.parse(out)).toEqual({
      type: "map",
      map: "hits",
      data: [{ key: 0, value: [3, 0, 0, 0, 0, 0, 0, 0] }],
    });
    expect(code).toBe(0);
  });
});

/** In a network namespace of their own, where there is nothing but lo. */
describe.skipIf(!able)("programs of interfaces", () => {
  it("attach by links and by netlink, and are gone at the end", () => {
    const sections = [
      { section: "xdp", result: 2 },
      { section: "tc", result: 0 },
      { section: "tcx/egress", result: 0 },
    ];
    writeFileSync(join(folder, "net.bpf.o"), toElf(countingObject(sections)));
    const ping = `${process.execPath} -e 'const s = require("dgram").createSocket("udp4"); s.on("message", () => s.close()); s.bind(0, "127.0.0.1", () => s.send("x", s.address().port, "127.0.0.1"))'`;
    const script = `ip link set lo up && ${launcher} run net.bpf.o --dev lo -f json -q -c "sh load.sh" && ${launcher} net -j show`;
    writeFileSync(join(folder, "load.sh"), ping);
    const { stdout, stderr } = spawnSync("unshare", ["-n", "sh", "-c", script], {
      encoding: "utf8",
      cwd: folder,
    });
    expect(stderr).toBe("");
    const [hits = "", net = ""] = stdout.trim().split("\n");
    expect(Array.from(hits.matchAll(/"key":(\d)/g), ([, key]) => key)).toEqual(["0", "1", "2"]);
    expect(net).toMatch(/"xdp":\[\],"tc":\[\]/);
  });
});

describe.skipIf(!able || !hasClang())("a C program", () => {
  it("is compiled and run: printk, events by their type, maps and variables at the end", () => {
    const { out, err, code } = run(
      program,
      "--attach",
      target,
      "-c",
      ticker,
      "--set",
      "factor=2",
      "--set",
      "label=mine",
    );
    expect(err).toBe("Attached 1 program: tick\n");
    expect(out.match(/^ticker-\d+: tick 42 -7$/gm)).toHaveLength(3);
    expect(out.match(/^events pid=\d+ first=84 second=-7 label=mine comm=ticker$/gm)).toHaveLength(3);
    expect(out).toContain("\nsums:\n  42: 3\n");
    expect(out).toContain("\nglobal variables:\n  ticks: 3\n");
    expect(code).toBe(0);
    const traces = "/sys/kernel/tracing/instances";
    const left = existsSync(traces) ? readdirSync(traces) : [];
    expect(left.filter((name) => name.startsWith("bpfkit-"))).toEqual([]);
  });

  it("prints JSON", () => {
    const { out } = run(program, "--attach", target, "-c", ticker, "-f", "json", "-q");
    const lines = out
      .trim()
      .split("\n")
      .map((line): unknown => JSON.parse(line));
    expect(lines).toContainEqual({
      type: "event",
      map: "events",
      data: { pid: expect.any(Number), first: 42, second: -7, label: "none", comm: "ticker" },
    });
    expect(lines).toContainEqual({ type: "map", map: "sums", data: [{ key: 42, value: 3 }] });
    expect(lines).toContainEqual({ type: "globals", data: { ticks: 3 } });
  });

  it("with an iterator prints what that writes", () => {
    const tasks = resolve("test/run/tasks.bpf.c");
    const { out, code } = run(tasks, "-q", "--set", `wanted=${process.pid}`, "-c", "true");
    expect(out).toMatch(new RegExp(`^${process.pid} \\S+.*\\n$`));
    expect(code).toBe(0);
    const { err } = run(tasks, "--pid", String(process.pid), "-c", "true");
    expect(err).toMatch(/--pid does not filter \w+ \(iter\/task\): the kernel runs them for all processes/);
  });

  it("refuses variables, structs and targets that are not there", () => {
    expect(run(program, "--set", "factr=2").err).toMatch(/no global variable factr/);
    expect(run(program, "--set", "factor=two").err).toContain("takes a whole number");
    expect(run(program, "--event", "struct none").err).toMatch(/no struct none/);
    expect(run(program, "--attach", `tick=${ticker}:demo:tock`, "-c", ticker).err).toContain(
      "Did you mean demo:tick?",
    );
  });
});
