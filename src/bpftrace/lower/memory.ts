import type { Value } from "../../ir/index.ts";
import type { BtfView } from "../world.ts";

/**
 * Some memory of the traced system or of the program.
 * `direct`: stack, map values, ring records. `context`: the program's context, whose fields are read by plain
 * loads. `kernel`, `user`: any address, read by helpers, or (kernel) by plain loads where the verifier knows
 * its type.
 */
export interface Place {
  readonly base: Value;
  /** Bytes from the base. */
  readonly offset: number;
  readonly space: "direct" | "context" | "kernel" | "user";
  /** A member of a kernel record at base + offset, whose own offset the running kernel decides. */
  readonly member?: KernelMember;
  /** A tracepoint's field, likewise. */
  readonly field?: { readonly tracepoint: string; readonly name: string; readonly offset: number };
  /** The base may be null; then all bytes are 0. */
  readonly nullable?: boolean;
}

export interface KernelMember {
  readonly btf: BtfView;
  /** The record at the base. */
  readonly root: number;
  /** Member and array indices from there; empty: the record itself. */
  readonly path: readonly number[];
}

/** Where a value's bytes go. */
export interface Destination {
  readonly base: Value;
  readonly offset: number;
  /** Bytes after a string's NUL and between a tuple's members are cleared: the whole is compared or hashed. */
  readonly clean: boolean;
}

/** Memory that plain loads and stores reach: stack, map values, records of the ring. */
export function directPlace(base: Value, offset = 0): Place {
  return { base, offset, space: "direct" };
}
