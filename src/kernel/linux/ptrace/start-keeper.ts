import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readStatus, tracingRights } from "./refusal.ts";

/** From this module, or from the bundle that it is part of; sources cannot be run by themselves. */
const PLACES = ["keeper.js", "../kernel/linux/ptrace/keeper.js"] as const;
const PATIENCE_MS = 3000;
/** The program that holds processes when their tracer has ended. */
export function keeperPath(): string | undefined {
  return PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url))).find((path) =>
    existsSync(path),
  );
}

/** Whether a process that is no ancestor may hold others. */
export function mayHoldStrangers(): boolean {
  const { scope, capable } = tracingRights();
  return scope === 0 || (scope < 3 && capable);
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
  const found = /^TracerPid:\s*(\d+)/m.exec(readStatus(pid))?.[1];
  return found === undefined ? undefined : Number(found);
}
