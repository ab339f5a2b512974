import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BpfkitError } from "../../../errors.ts";
import type { ProcessTracer, ProcessTracerOptions, TraceStop } from "../../index.ts";
import { openProcessTracer } from "./tracer.ts";

// Processes that end, stop, fork and become others at any moment, and tracers that do.

const EXECVE = process.arch === "arm64" ? 221 : 59;
const sh = (text: string): { readonly path: string; readonly args: readonly string[] } => ({
  path: "/bin/sh",
  args: ["-c", text],
});

const reason = whyNot();
function whyNot(): string | undefined {
  try {
    using tracer = openProcessTracer({ follow: false, calls: [] });
    tracer.start(sh("exit 0"));
    return undefined;
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    return error.message;
  }
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "latin1");
  } catch {
    return "";
  }
}

function alive(pid: number): boolean {
  return /^State:\s*[^ZX]/m.test(statusOf(pid));
}

function tracerOf(pid: number): number {
  return Number(/^TracerPid:\s*(\d+)/m.exec(statusOf(pid))?.[1] ?? 0);
}

/** Follows until `each` says false, or nothing is left. */
function follow(tracer: ProcessTracer, each: (stop: TraceStop) => boolean | void): void {
  for (;;) {
    const stop = tracer.wait();
    if (stop === undefined) return;
    if (stop === "interrupted") continue;
    const on = each(stop);
    tracer.resume(stop);
    if (on === false) return;
  }
}

const EVERYTHING: ProcessTracerOptions = { follow: true, calls: "all", exits: true };

describe("tracees", () => {
  test.skipIf(reason !== undefined)("may be killed at any of their stops", () => {
    const open = readdirSync("/proc/self/fd").length;
    for (let at = 1; at <= 60; at += 3) {
      using tracer = openProcessTracer(EVERYTHING);
      const pids = new Set<number>([tracer.start(sh("(/bin/true; /bin/true) & (exec /bin/true) & wait"))]);
      let count = 0;
      follow(tracer, (stop) => {
        pids.add(stop.pid);
        // As it stands there.
        if (++count % at === 0 && alive(stop.pid)) process.kill(stop.pid, "SIGKILL");
        tracer.registers(stop.pid);
        tracer.read(stop.pid, 0x1000n, 8);
        tracer.signalInfo(stop.pid);
      });
      expect([...pids].filter(alive)).toEqual([]);
      expect(tracer.size).toBe(0);
    }
    expect(readdirSync("/proc/self/fd").length).toBe(open);
  });

  test.skipIf(reason !== undefined)("that fork while they are let go are let go too", () => {
    for (let round = 0; round < 5; round++) {
      const children = new Set<number>();
      {
        using tracer = openProcessTracer({ follow: true, calls: [] });
        const shell = tracer.start(
          sh(`for i in 1 2 3; do (trap "" HUP; while :; do (:); done) & done; exec sleep 1000`),
        );
        let forks = 0;
        let loops = 0;
        follow(tracer, (stop) => {
          if (stop.kind !== "fork") return true;
          children.add(stop.child);
          if (stop.pid === shell) loops++;
          return loops < 3 || ++forks < 40 + round * 7;
        });
      }
      const left = [...children].filter(alive);
      const held = left.filter((pid) => tracerOf(pid) !== 0);
      for (const pid of left) if (alive(pid)) process.kill(pid, "SIGKILL");
      expect(held).toEqual([]);
      expect(left.length).toBeGreaterThanOrEqual(3);
    }
  });

  test.skipIf(reason !== undefined)("stop and go on as their shell says", () => {
    using tracer = openProcessTracer({ follow: true, calls: [] });
    const pid = tracer.start(sh("kill -STOP $$; exit 9"));
    const seen: string[] = [];
    follow(tracer, (stop) => {
      seen.push(stop.kind);
      if (stop.kind === "groupStop") {
        expect(stop.signal).toBe(19);
        process.kill(pid, "SIGCONT");
      }
      if (stop.kind === "exited") expect(stop.code).toBe(9);
    });
    expect(seen).toContain("groupStop");
    expect(seen.at(-1)).toBe("exited");
  });

  test.skipIf(reason !== undefined)("that stand still by SIGSTOP do so when they are let go", async () => {
    const pids: number[] = [];
    {
      using tracer = openProcessTracer({ follow: true, calls: [] });
      tracer.start(sh("(kill -STOP $(exec sh -c 'echo $PPID'); :) & exec sleep 1000"));
      follow(tracer, (stop) => {
        if (stop.kind !== "groupStop") return true;
        pids.push(stop.pid);
        return false;
      });
    }
    const [pid] = pids;
    try {
      // It comes back to where it stood by itself.
      await expect.poll(() => statusOf(pid!)).toMatch(/^State:\s*T \(stopped\)[^]*^TracerPid:\s*0$/m);
    } finally {
      process.kill(pid!, "SIGKILL");
    }
  });

  const python = spawnSync("python3", ["-V"]).error ? "there is no python3" : reason;
  test.skipIf(python !== undefined)("may become another program from any of their threads", () => {
    using tracer = openProcessTracer({ follow: true, calls: [{ number: EXECVE }] });
    const text = `import os, threading, time
for n in range(3): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
threading.Thread(target=lambda: os.execv("/bin/sh", ["sh", "-c", "exit 6"])).start()
time.sleep(1000)`;
    const pid = tracer.start({ path: "/usr/bin/env", args: ["python3", "-c", text] });
    const execs: TraceStop[] = [];
    let last: TraceStop | undefined;
    follow(tracer, (stop) => {
      if (stop.kind === "exec") execs.push(stop);
      last = stop;
    });
    const final = execs.at(-1);
    expect(final).toMatchObject({ kind: "exec", pid });
    expect(final?.kind === "exec" && final.former !== pid).toBe(true);
    expect(last).toEqual({ kind: "exited", pid, code: 6 });
  });
});
