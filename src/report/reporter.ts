import type { Diagnostic } from "../diagnostic.ts";
import type { PlanAction, PlanArgument } from "../object/index.ts";
import type { Memory } from "./memory.ts";
import type { MapSnapshot, Value } from "./value.ts";

/** Actions that only show something of their record. */
export type ShownAction =
  | { readonly kind: "printf"; readonly format: string; readonly args: readonly PlanArgument[] }
  | Extract<PlanAction, { readonly kind: "time" | "join" | "printValue" }>;

/** Takes a record's bytes, which are valid during the call only; `at` is its start, `end` behind it. */
export type RecordHandler = (memory: Memory, at: number, end: number) => void;

/**
 * Where a session's findings go, in order: text, JSON lines, or the queue of a library's caller. `handler` is
 * called once for each action of the plan; what it returns is called once for each record.
 */
export interface Reporter {
  /** How the strings of maps and values given to {@link map} and {@link value} are to be decoded. */
  readonly encoding: "latin1" | "utf8";
  handler(action: ShownAction, size: number): RecordHandler;
  /** print(@map), and the maps at the end. */
  map(snapshot: MapSnapshot): void;
  /** print(@map[key]). */
  value(value: Value): void;
  /** A file's first bytes, a command's output. */
  content(kind: "cat" | "syscall", bytes: Uint8Array): void;
  attached(probes: number): void;
  lost(events: number | bigint): void;
  /** So often a probe was reached and its program not run, since another was at work on the same CPU. */
  missed(probe: string, hits: bigint): void;
  diagnostic(diagnostic: Diagnostic): void;
  /** The last event was seen; maps follow. */
  end(): void;
}

/** Where finished output goes. */
export interface OutputTarget {
  /** Writes all of it or throws; `bytes` is reused afterwards. */
  write(bytes: Uint8Array): void;
}
