import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

/** The checkout's own build. */
export const BPFKIT: string = resolve("dist/bin/bpfkit.js");
/** Who may ask the kernel for nothing. */
export const NOBODY = { uid: 65_534, gid: 65_534 } as const;

export interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Runner {
  readonly uid?: number;
  readonly gid?: number;
  /** Another build than the checkout's. */
  readonly program?: string;
  /** A module that Node loads first. */
  readonly preload?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds. */
  readonly timeout?: number;
}

/** Runs bpfkit to its end. */
export function runBpfkit(args: readonly string[], runner: Runner = {}): Run {
  const { program = BPFKIT, preload, timeout = 30_000, ...options } = runner;
  const node = preload === undefined ? [] : ["--require", preload];
  const child = spawnSync(process.execPath, [...node, program, ...args], {
    encoding: "utf8",
    timeout,
    cwd: "/",
    ...options,
  });
  return { code: child.status, out: child.stdout, err: child.stderr };
}
