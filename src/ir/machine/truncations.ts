import { significantBits } from "../known-bits.ts";
import type { IrFunction, Value } from "../node.ts";
import { isBinary } from "../op-table.ts";

/** Uses of a 32-bit value that look at its low 32 bits only, whatever the register's upper half holds. */
function readsLowBitsOnly(user: Value, index: number): boolean {
  switch (user.op) {
    case "store":
      return index === 1 && user.width <= 4;
    case "sext32":
      return true;
    case "neg":
    case "zext8":
    case "zext16":
    case "sext8":
    case "sext16":
    case "bswap16":
    case "bswap32":
      return user.type === "i32";
    default:
      return user.type === "i32" && isBinary(user.op);
  }
}

/** Truncations that cost nothing: their argument's register serves everybody who reads them. */
export function transparentTruncations(fn: IrFunction): Set<Value> {
  const truncations = fn.blocks.flatMap((block) => block.body.filter((value) => value.op === "trunc"));
  const transparent = new Set<Value>(truncations);
  if (transparent.size === 0) return transparent;
  for (const value of readInFull(fn)) transparent.delete(value);
  // Where the upper half is zero anyway, nothing needs to be done for anybody.
  for (const value of truncations) if (significantBits(value.args[0]!) <= 32) transparent.add(value);
  return transparent;
}

/** Values whose upper half somebody reads, be it through a phi. */
function readInFull(fn: IrFunction): Set<Value> {
  const full = new Set<Value>();
  const phis: Value[] = [];
  const read = (value: Value): void => {
    if (full.has(value)) return;
    full.add(value);
    if (value.op === "phi") phis.push(value);
  };
  for (const block of fn.blocks) {
    for (const value of block.body) {
      value.args.forEach((argument, index) => {
        if (!readsLowBitsOnly(value, index)) read(argument);
      });
    }
    const terminator = block.terminator!;
    // A comparison of 32 bits reads no more; yet bounds must be learned on the register that is used later.
    if (terminator.op !== "condBr") terminator.args.forEach(read);
  }
  for (let phi = phis.pop(); phi !== undefined; phi = phis.pop()) phi.args.forEach(read);
  return full;
}
