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
  /** What records of the ring mean: a record's first u32 is an index into this list. */
  readonly records: readonly PlanRecord[];
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
  /** Where it stands in the plan's source, in UTF-16 units. */
  readonly at?: { readonly start: number; readonly end: number };
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
      /** A static probe, as `provider:name`. */
      readonly staticProbe?: string;
      /** In the file, of its counter that is above 0 while somebody listens. */
      readonly counterOffset?: number;
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
  /** Absent for a scalar map, which is an array: one element with key 0, or one for each bucket. Several keys make a tuple. */
  readonly key?: ValueType;
  readonly value: MapValue;
  /** The kernel keeps one value a CPU; the reader folds them. */
  readonly perCpu: boolean;
  /**
   * Scalar maps only: byte offset in the value of a u64 that is 0 until the script assigned it (and after
   * `delete`, `clear`). Where absent a value of zero bytes on all CPUs means: never assigned.
   */
  readonly setOffset?: number;
}

export type MapValue =
  | { readonly kind: "value"; readonly type: ValueType }
  /** u64/s64; the CPUs' values add up. */
  | { readonly kind: "count" | "sum"; readonly signed: boolean }
  /**
   * One u64 that only grows from 0, so that 0 is "never set" and CPUs fold by the unsigned maximum.
   * From the value: `min` flips all bits, `signed` flips the top bit; both are undone in the same way.
   */
  | { readonly kind: "min" | "max"; readonly signed: boolean }
  /** { sum, count } u64 each. */
  | { readonly kind: "avg" | "stats"; readonly signed: boolean }
  /**
   * One u64 counter a bucket. The bucket is the array's index (scalar maps), or a u32 in the key at
   * `bucketOffset`, after the user's key bytes.
   * `hist`: bucket 0 holds negative values, 1 + v holds v below 2^bits, above that 1 + (e << bits) + m, where
   * e is the position of v's top bit - bits + 1, and m the `bits` bits below the top bit.
   * `lhist`: 0 is below min, then steps, the last is max and above.
   */
  | {
      readonly kind: "hist";
      readonly bits: number;
      readonly buckets: number;
      readonly bucketOffset?: number;
    }
  | {
      readonly kind: "lhist";
      readonly min: number;
      readonly max: number;
      readonly step: number;
      readonly buckets: number;
      readonly bucketOffset?: number;
    };

/**
 * A record asks the session for one or more actions, in order: statements that follow each other share one
 * record. When a record cannot be sent, the lost counter grows by `actions.length`.
 */
export interface PlanRecord {
  /** Bytes at least; longer when the last action is `join`. */
  readonly size: number;
  readonly actions: readonly PlanAction[];
}

/** Where an argument's bytes are in the record (offset from its start), or what the compiler knows it to be. */
export type PlanArgument = PlanField | PlanConstant;

export interface PlanConstant {
  /** The text of a string, decimal digits of an integer. */
  readonly constant: string;
  readonly type: ValueType;
}

export type PlanAction =
  | {
      readonly kind: "printf" | "system" | "cat";
      readonly format: string;
      readonly args: readonly PlanArgument[];
    }
  | { readonly kind: "time"; readonly format: string }
  /** At `offset` a u32 with the number of bytes that follow: NUL-terminated strings one after another. */
  | { readonly kind: "join"; readonly separator: string; readonly offset: number }
  /** print(value). */
  | { readonly kind: "printValue"; readonly value: PlanArgument }
  /** `top`, `divisor`: 0 when not given. */
  | { readonly kind: "printMap"; readonly map: string; readonly top: number; readonly divisor: number }
  /** print(@map[key]) of an aggregation: the session looks it up. */
  | { readonly kind: "printElement"; readonly map: string; readonly key: PlanArgument }
  | { readonly kind: "clear" | "zero"; readonly map: string }
  | { readonly kind: "exit"; readonly code: PlanArgument }
  /** errorf and warnf: a message about the call's place in the script. */
  | {
      readonly kind: "message";
      readonly severity: "error" | "warning";
      readonly format: string;
      readonly args: readonly PlanArgument[];
      readonly span: readonly [start: number, end: number];
    }
  | {
      readonly kind: "error";
      readonly message: string;
      readonly span: readonly [start: number, end: number];
    };

export interface PlanConfig {
  /** The transport: MapSpec name of the ring buffer or perf event array. */
  readonly ring: { readonly kind: "ringbuf" | "perf"; readonly map: string };
  readonly globals: PlanGlobals;
  readonly maxMapKeys: number;
  readonly maxStringLength: number;
  readonly printMapsOnExit: boolean;
  readonly unsafe: boolean;
}

/** Byte offsets of u64s in the single value of an array map that programs and session share. */
export interface PlanGlobals {
  /** MapSpec name. */
  readonly map: string;
  readonly size: number;
  /** Actions whose record could not be sent, counted by the programs. */
  readonly lost: number;
  /** Written by the session before programs run, where the script needs them: */
  /** Traced process (`-p`, `-c`), 0: all. */
  readonly pid?: number;
  /** CLOCK_BOOTTIME nanoseconds at the start, for `elapsed`. */
  readonly start?: number;
  /** Child's process id, 0: none. */
  readonly childPid?: number;
  readonly cpuCount?: number;
  readonly failures?: readonly PlanFailure[];
}

/** What helpers refused in the kernel, counted by the programs. */
export interface PlanFailure {
  /** Byte offset of the u64 that counts it. */
  readonly offset: number;
  /**
   * `full`: a map had no room for a new key. `update`: a map's update failed for another reason. `stack`: a stack
   * was not kept, since another one has its place. `read`: memory could not be read.
   */
  readonly kind: "full" | "update" | "stack" | "read";
  /** PlanMap.name, the name of the map of stacks, or the helper that reads. */
  readonly what: string;
  /** In the plan's source, in UTF-16 units. */
  readonly at?: { readonly start: number; readonly end: number };
}
