import { BPF_FUNC } from "../../../uapi/index.ts";
import type { ValueType } from "../../../wasm/index.ts";

/** A function that programs call by its id: the embedded kernel's side of BPF_CALL. */
export interface Helper {
  /** How r1, r2 … are passed: i32 is cheaper, and enough for addresses and sizes. */
  readonly params: readonly ValueType[];
  /** An i32 is sign-extended into r0. */
  readonly result: ValueType;
  /** JavaScript (i64 as bigint), or a function exported by a WebAssembly instance. */
  readonly call: (...args: never[]) => number | bigint;
}

/** By helper id (BPF_FUNC). */
export type Helpers = ReadonlyMap<number, Helper>;

/** Names of what every module of a machine imports. */
export const IMPORT = {
  machine: "machine",
  memory: "memory",
  table: "table",
  fuel: "fuel",
  level: "level",
  run: "run",
  packetLoad: "packetLoad",
  tailTarget: "tailTarget",
  place: "place",
  refuse: "refuse",
  helper: "helper",
} as const;

/** An array's elements, as far as a lookup with a known map needs them. */
export interface InlineArray {
  readonly data: number;
  readonly stride: number;
  readonly maxEntries: number;
  /** Per-CPU arrays: where the CPU that runs is told, and from one CPU's value to the next. */
  readonly perCpu?: { readonly cell: number; readonly stride: number };
}

/** The helper whose calls may become code of their own. */
export const LOOKUP: number = BPF_FUNC.map_lookup_elem;

/** The helper that the machines do themselves: another program goes on in the same frame. */
export const TAIL_CALL: number = BPF_FUNC.tail_call;

/** BPF_MAX_LOOPS: how often may_goto goes on. */
export const MAX_LOOPS: number = 8 * 1024 * 1024;

/** Bytes of one function's stack frame. */
export const FRAME_SIZE = 512;

/** How deep callbacks may be nested in each other. */
export const MAX_CALLBACKS = 8;

/** Bytes of stack that a program, or a callback, has with all its callees. */
export const STACK_SIZE: number = 8 * FRAME_SIZE;

/** Bytes in which the interpreter saves what callers need back, for one program or callback. */
export const SAVED_SIZE: number = 8 * 48;
