import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** From this module, or from the bundle that it is part of; sources cannot be run by themselves. */
const PLACES = ["keeper.js", "../kernel/linux/ptrace/keeper.js"] as const;
const PATIENCE_MS = 3000;
/** CAP_SYS_PTRACE. */
const TRACE_ALL = 19n;

/** The program that holds processes when their tracer has ended. */
export function keeperPath(): string | undefined {
  return PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((path) =>
    existsSync(path),
  );
}

/** Yama (kernel.yama.ptrace_scope) lets who has no CAP_SYS_PTRACE hold only its own descendants. */
export function mayHoldStrangers(): boolean {
  const scope = Number(readText("/proc/sys/kernel/yama/ptrace_scope") || "0");
  const capabilities = BigInt(
    `0x${/^CapEff:\s*([0-9a-f]+)/m.exec(readText("/proc/self/status"))?.[1] ?? "0"}`,
  );
  return scope === 0 || (scope < 3 && ((capabilities >> TRACE_ALL) & 1n) === 1n);
}

/** Starts it for processes that stand still; gives its id once it holds them all, undefined if it does not. */
export function startKeeper(processes: readonly number[]): number | undefined {
  const path = keeperPath();
  if (path === undefined) return undefined;
  const keeper = spawn(process.execPath, [path, ...processes.map(String)], {
    cwd: "/",
    detached: true,
    stdio: "ignore",
  });
  keeper.unref();
  const { pid } = keeper;
  if (pid === undefined) return undefined;
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    if (processes.every((each) => [pid, undefined].includes(tracerOf(each)))) return pid;
    Atomics.wait(pause, 0, 0, 2);
  }
  keeper.kill("SIGKILL");
  return undefined;
}

/** Undefined where the process is gone; 0 where nobody traces it. */
function tracerOf(pid: number): number | undefined {
  const found = /^TracerPid:\s*(\d+)/m.exec(readText(`/proc/${pid}/status`))?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Empty where there is no such file. */
function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
