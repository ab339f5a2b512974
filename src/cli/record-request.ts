import type { Kernel } from "../kernel/index.ts";
import { Features } from "../loader/index.ts";
import type { ScriptRequest } from "./script.ts";

/** What is to be recorded, and where to. */
export interface RecordRequest {
  readonly path: string;
  readonly command: string | undefined;
  readonly pid: number | undefined;
  /** As `-e` gives them; absent: what later scripts may want. */
  readonly probes: string | undefined;
  /** Aborted by Ctrl-C. */
  readonly stop: AbortSignal;
  /** Called once events are recorded. */
  readonly began: (written: Written) => void;
}

/** What is in the file so far. */
export interface Written {
  readonly events: number;
  readonly bytes: number;
}

/** What is said of a recording that is over. */
export interface RecordResult {
  readonly events: number;
  readonly bytes: number;
  readonly lost: bigint;
  readonly remarks?: readonly string[];
}

/** Probes without actions: their events are what is wanted. */
export function scriptOf(probes: string, kernel: Kernel, { command, pid }: RecordRequest): ScriptRequest {
  return {
    source: { name: "-e", text: `${probes} {}` },
    kernel,
    features: new Features(kernel),
    positional: [],
    named: {},
    unsafe: false,
    warnings: false,
    child: command !== undefined,
    pid,
    printIr: false,
  };
}
