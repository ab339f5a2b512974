import type { BpfAttr, BpfCommand, BpfResult } from "../../index.ts";
import type { World } from "../world.ts";

/** One command of bpf(2). Failures are KernelFailures. */
export type Command<C extends BpfCommand> = (world: World, attr: BpfAttr[C]) => BpfResult[C];

/** Those of the table that one file has. */
export type Commands = { readonly [C in BpfCommand]?: Command<C> };

/** char[16] of a name: letters, digits, `_` and `.` (bpf_obj_name_cpy in kernel/bpf/syscall.c). */
export function isName(name: string): boolean {
  return /^[\w.]*$/.test(name);
}

/** Nothing follows an ENOENT but `false`, where a command answers whether it found something. */
export function found(result: number, missing: number): boolean {
  return result !== -missing;
}
