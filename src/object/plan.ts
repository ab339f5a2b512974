/**
 * The contract between the compiler and the session: everything the session must know to attach,
 * decode, print and end, as one JSON value. It is stored in the object's `.bpfkit.plan` section, so a
 * machine without a compiler runs what another one built. Bump {@link PLAN_VERSION} when its meaning changes.
 */
export interface TracePlan {
  readonly version: typeof PLAN_VERSION;
  /** The script's source and its name, for messages. */
  readonly source: { readonly name: string; readonly text: string };
  readonly probes: readonly PlanProbe[];
  readonly maps: readonly PlanMap[];
  /** What records of the ring mean: the record's first u64 is an index into this list. */
  readonly actions: readonly PlanAction[];
  readonly config: PlanConfig;
}

export const PLAN_VERSION = 1;

/** One program and where it attaches; expanded from wildcards at compile time. */
export interface PlanProbe {
  /** ProgramSpec.name. */
  readonly program: string;
  /** As `probe` prints it: `tracepoint:syscalls:sys_enter_execve`. */
  readonly name: string;
  readonly attach: AttachTarget;
}

export type AttachTarget =
  /** Run once by BPF_PROG_TEST_RUN before everything attaches or after everything detached. */
  | { readonly kind: "begin" | "end" }
  | { readonly kind: "signal"; readonly signal: string }
  | { readonly kind: "tracepoint"; readonly category: string; readonly event: string }
  | { readonly kind: "rawtracepoint"; readonly event: string; readonly module?: string }
  | {
      readonly kind: "kprobe";
      readonly function: string;
      readonly offset: number;
      readonly module?: string;
      readonly return: boolean;
    }
  | {
      readonly kind: "fentry";
      readonly function: string;
      readonly module?: string;
      readonly return: boolean;
    }
  | {
      readonly kind: "uprobe";
      readonly path: string;
      /** Symbol, resolved in the target's ELF at attach; or a file offset alone. */
      readonly symbol?: string;
      readonly offset: number;
      readonly return: boolean;
    }
  /** Every CPU; `period` in nanoseconds, or `frequency` in Hz. */
  | { readonly kind: "profile"; readonly period?: number; readonly frequency?: number }
  /** One CPU. */
  | { readonly kind: "interval"; readonly period?: number; readonly frequency?: number }
  /** perf_event_attr type and config with a sample period. */
  | {
      readonly kind: "perf";
      readonly event: string;
      readonly type: number;
      readonly config: number;
      readonly period: number;
    };

/** How a value's bytes are read and shown. Sizes and offsets are in bytes. */
export type ValueType =
  | { readonly kind: "int"; readonly size: 1 | 2 | 4 | 8; readonly signed: boolean }
  | { readonly kind: "bool" }
  | { readonly kind: "enum"; readonly size: 1 | 2 | 4 | 8; readonly names: Readonly<Record<string, string>> }
  | { readonly kind: "pointer" }
  /** NUL-terminated, at most `size` bytes with the NUL. */
  | { readonly kind: "string"; readonly size: number }
  /** u32 length, then `size` bytes of room. */
  | { readonly kind: "buffer"; readonly size: number }
  | { readonly kind: "array"; readonly element: ValueType; readonly length: number }
  | { readonly kind: "tuple"; readonly size: number; readonly fields: readonly PlanField[] }
  | {
      readonly kind: "struct";
      readonly name: string;
      readonly size: number;
      readonly fields: readonly PlanField[];
    }
  /** u64 kernel address. */
  | { readonly kind: "ksym" }
  /** u64 address, u32 pid, u32 probe index. */
  | { readonly kind: "usym" }
  /** s64 id in the stack map named `map`; for ustack followed by u32 pid and u32 probe index. */
  | {
      readonly kind: "kstack" | "ustack";
      readonly map: string;
      readonly depth: number;
      readonly mode: string;
    }
  /** u64 address family, 16 bytes address. */
  | { readonly kind: "inet" }
  | { readonly kind: "mac" }
  /** u64 nanoseconds (`nsecs` clock) shown by a strftime format. */
  | { readonly kind: "timestamp"; readonly format: string; readonly clock: "boot" | "monotonic" | "tai" }
  | { readonly kind: "username" }
  | { readonly kind: "cgroupPath" }
  | { readonly kind: "none" };

export interface PlanField {
  readonly name: string;
  readonly offset: number;
  readonly type: ValueType;
  /** Bitfields: bits from the field's start, and width. */
  readonly bits?: { readonly offset: number; readonly width: number };
}

/** A bpftrace map `@name`; its BPF map has the same name without `@` (`AT_` for the nameless one). */
export interface PlanMap {
  /** With `@`. */
  readonly name: string;
  /** MapSpec.name. */
  readonly map: string;
  /** Absent for a scalar map. Several keys make a tuple. */
  readonly key?: ValueType;
  readonly value: MapValue;
  /** The kernel keeps one value a CPU; the reader folds them. */
  readonly perCpu: boolean;
}

export type MapValue =
  | { readonly kind: "value"; readonly type: ValueType }
  /** u64/s64. */
  | { readonly kind: "count" | "sum"; readonly signed: boolean }
  /** { value u64/s64, set u64 }. */
  | { readonly kind: "min" | "max"; readonly signed: boolean }
  /** { sum, count } u64 each. */
  | { readonly kind: "avg" | "stats"; readonly signed: boolean }
  /** u64 buckets; 2^bits sub-buckets a power of two. */
  | { readonly kind: "hist"; readonly bits: number; readonly buckets: number }
  | {
      readonly kind: "lhist";
      readonly min: number;
      readonly max: number;
      readonly step: number;
      readonly buckets: number;
    };

/**
 * What one ring record asks the session to do. Its payload follows the leading u64; `args` gives each
 * argument's offset from the record's start. A record may be longer than its last argument.
 */
export type PlanAction =
  | {
      readonly kind: "printf" | "system" | "cat";
      readonly format: string;
      readonly args: readonly PlanField[];
      readonly size: number;
    }
  | { readonly kind: "time"; readonly format: string }
  /** u32 count, u32 bytes, then `count` NUL-terminated strings packed one after another. */
  | { readonly kind: "join"; readonly separator: string }
  /** print(value). */
  | { readonly kind: "printValue"; readonly value: PlanField; readonly size: number }
  | { readonly kind: "printMap"; readonly map: string; readonly top: number; readonly divisor: number }
  /** print(@map[key]): the key's bytes. */
  | { readonly kind: "printElement"; readonly map: string; readonly key: PlanField; readonly size: number }
  | { readonly kind: "clear" | "zero"; readonly map: string }
  /** s64 code at offset 8. */
  | { readonly kind: "exit" }
  | {
      readonly kind: "error";
      readonly message: string;
      readonly span: readonly [start: number, end: number];
    };

export interface PlanConfig {
  /** MapSpec names of the transport: the ring (or perf buffer) and the per-CPU u64 of lost records. */
  readonly ring: string;
  readonly lost: string;
  readonly maxMapKeys: number;
  readonly maxStringLength: number;
  readonly printMapsOnExit: boolean;
  readonly unsafe: boolean;
  /** Slot of the u64 in the data map that is compared with the traced pid (`-p`, `-c`); 0: all. */
  readonly globals?: { readonly map: string; readonly pidOffset: number; readonly startOffset: number };
}
