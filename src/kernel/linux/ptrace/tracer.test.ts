import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BpfkitError } from "../../../errors.ts";
import type { ProcessTracer, ProcessTracerOptions, TraceStop } from "../../index.ts";
import { openProcessTracer } from "./tracer.ts";

const NUMBERS =
  process.arch === "arm64"
    ? { getppid: 173, execve: 221, kill: 129 }
    : { getppid: 110, execve: 59, kill: 62 };

/** Undefined, with the reason printed, where ptrace is not to be had. */
function open(options: ProcessTracerOptions): ProcessTracer | undefined {
  try {
    const tracer = openProcessTracer(options);
    tracer.start({ path: "/bin/true", args: [] });
    all(tracer);
    return tracer;
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    console.log(`Skipped: no ptrace here: ${error.message}`);
    return undefined;
  }
}

function all(tracer: ProcessTracer, each: (stop: TraceStop) => void = () => undefined): TraceStop[] {
  const stops: TraceStop[] = [];
  for (;;) {
    const stop = tracer.wait();
    if (stop === undefined) return stops;
    if (stop === "interrupted") continue;
    stops.push(stop);
    each(stop);
    tracer.resume(stop);
  }
}

function alive(pid: number): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

const shell = (text: string): { readonly path: string; readonly args: readonly string[] } => ({
  path: "/bin/sh",
  args: ["-c", text],
});

describe("a process that the tracer starts", () => {
  test("is seen from its execve to its end, and its children with it", (context) => {
    using tracer = open({ follow: true, calls: [{ number: NUMBERS.execve }] });
    if (!tracer) return context.skip("no ptrace here");
    const pid = tracer.start(shell("/bin/true; exit 3"));
    const paths: string[] = [];
    const stops = all(tracer, (stop) => {
      if (stop.kind !== "entry") return;
      const bytes = tracer.read(stop.pid, stop.args[0]!, 64);
      paths.push(Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString());
    });
    expect(paths).toEqual(["/bin/sh", "/bin/true"]);
    expect(stops.filter(({ kind }) => kind === "exec")).toHaveLength(2);
    const fork = stops.find((stop) => stop.kind === "fork");
    expect(fork).toMatchObject({ pid });
    expect(stops.at(-1)).toEqual({ kind: "exited", pid, code: 3 });
    expect(stops).toContainEqual({ kind: "exited", pid: fork?.kind === "fork" ? fork.child : 0, code: 0 });
  });

  test("stops at every call where all are asked for, entry and exit in turn", (context) => {
    using tracer = open({ follow: false, calls: "all" });
    if (!tracer) return context.skip("no ptrace here");
    tracer.start({ path: "/bin/true", args: [] });
    const kinds = all(tracer).flatMap(({ kind }) => (kind === "entry" || kind === "exit" ? [kind] : []));
    expect(kinds.length).toBeGreaterThan(10);
    kinds.slice(0, -1).forEach((kind, index) => expect(kind).toBe(index % 2 === 0 ? "entry" : "exit"));
  });

  test("gets its signals, unless they are kept from it", (context) => {
    for (const deliver of [true, false]) {
      using tracer = open({ follow: false, calls: [] });
      if (!tracer) return context.skip("no ptrace here");
      const pid = tracer.start(shell("kill -USR1 $$; exit 5"));
      let end: TraceStop | undefined;
      for (;;) {
        const stop = tracer.wait();
        if (stop === undefined) break;
        if (stop === "interrupted") continue;
        end = stop;
        if (stop.kind === "signal") expect(tracer.signalInfo(pid)?.[0]).toBe(stop.signal);
        tracer.resume(stop, { deliver });
      }
      expect(end).toEqual(
        deliver ? { kind: "killed", pid, signal: 10, coreDumped: false } : { kind: "exited", pid, code: 5 },
      );
    }
  });

  test("is killed when the tracer ends, and what it started goes on", (context) => {
    const pids: number[] = [];
    {
      using tracer = open({ follow: true, calls: [] });
      if (!tracer) return context.skip("no ptrace here");
      pids.push(tracer.start(shell("sleep 1000 & sleep 1000")));
      while (pids.length < 3) {
        const stop = tracer.wait();
        if (stop === undefined || stop === "interrupted") continue;
        if (stop.kind === "attached") pids.push(stop.pid);
        tracer.resume(stop);
      }
    }
    const [command, ...started] = pids;
    try {
      expect(alive(command!)).toBe(false);
      expect(started.filter(alive)).toEqual(started);
      for (const pid of started)
        expect(readFileSync(`/proc/${pid}/status`, "latin1")).toMatch(/^State:\s*[RS][^]*^TracerPid:\s*0$/m);
    } finally {
      for (const pid of started) process.kill(pid, "SIGKILL");
    }
  });

  test("hands on the standard files and the default actions of signals", (context) => {
    using tracer = open({ follow: false, calls: [] });
    if (!tracer) return context.skip("no ptrace here");
    tracer.start(shell("test -e /proc/self/fd/1 && grep -q '^SigIgn:.*0000$' /proc/self/status && exit 7"));
    expect(all(tracer).at(-1)).toMatchObject({ kind: "exited", code: 7 });
  });
});

/** Where a process has a file's code, and the file's entry point in it. */
function entryPoint(pid: number): bigint | undefined {
  const header = readFileSync(`/proc/${pid}/exe`);
  const entry = header.readBigUInt64LE(24);
  const maps = readFileSync(`/proc/${pid}/maps`, "latin1");
  const [, start] = /^([0-9a-f]+)-/.exec(maps) ?? [];
  const fixed = header.readUInt16LE(16) === 2;
  return start === undefined ? undefined : fixed ? entry : BigInt(`0x${start}`) + entry;
}

describe("breakpoints", () => {
  test("stop before the instruction, which is made afterwards; children have them too", (context) => {
    using tracer = open({ follow: true, calls: [] });
    if (!tracer) return context.skip("no ptrace here");
    tracer.start(shell("/bin/true; exit 6"));
    let met = 0;
    const stops = all(tracer, (stop) => {
      if (stop.kind === "exec") {
        const entry = entryPoint(stop.pid);
        if (entry === undefined || !tracer.setBreakpoint(stop.pid, entry)) throw new Error("no code");
      }
      if (stop.kind !== "breakpoint") return;
      met++;
      expect(tracer.registers(stop.pid)?.instructionPointer).toBe(stop.address);
    });
    expect(met).toBe(2);
    expect(stops.at(-1)).toMatchObject({ kind: "exited", code: 6 });
  });

  test("that were taken out again stop nobody, and no code is no breakpoint", (context) => {
    using tracer = open({ follow: false, calls: [] });
    if (!tracer) return context.skip("no ptrace here");
    tracer.start({ path: "/bin/true", args: [] });
    const stops = all(tracer, (stop) => {
      if (stop.kind !== "exec") return;
      const entry = entryPoint(stop.pid)!;
      expect(tracer.setBreakpoint(stop.pid, entry)).toBe(true);
      tracer.clearBreakpoint(stop.pid, entry);
      expect(tracer.setBreakpoint(stop.pid, 16n)).toBe(false);
    });
    expect(stops.at(-1)).toMatchObject({ kind: "exited", code: 0 });
    expect(stops.some(({ kind }) => kind === "breakpoint")).toBe(false);
  });
});

describe("a process that runs already", () => {
  test("is held with its threads, and goes on when the tracer ends", async (context) => {
    using probe = open({ follow: false, calls: [] });
    if (!probe) return context.skip("no ptrace here");
    const child = spawn("/bin/sh", ["-c", "while :; do sleep 0.01; done"], { stdio: "ignore" });
    try {
      await once(child, "spawn");
      {
        using tracer = openProcessTracer({ follow: false, calls: "all" });
        tracer.attach(child.pid!);
        let calls = 0;
        while (calls < 4) {
          const stop = tracer.wait();
          if (stop === undefined || stop === "interrupted") continue;
          if (stop.kind === "entry") calls++;
          tracer.resume(stop);
        }
      }
      expect(readFileSync(`/proc/${child.pid}/status`, "latin1")).toMatch(/^TracerPid:\s*0$/m);
      expect(alive(child.pid!)).toBe(true);
    } finally {
      child.kill("SIGKILL");
    }
  });

  test("is an error where there is none, or one that may not be traced", () => {
    using tracer = openProcessTracer({ follow: false, calls: [] });
    expect(() => tracer.attach(0x3fff_ffff)).toThrow("There is no process");
    expect(() => tracer.attach(process.pid)).toThrow(/Cannot trace process/);
  });
});
