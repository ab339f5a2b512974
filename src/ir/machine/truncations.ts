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
  for (const block of fn.blocks) {
    for (const phi of block.phis) for (const argument of phi.args) transparent.delete(argument);
    for (const value of block.body) {
      value.args.forEach((argument, index) => {
        if (!readsLowBitsOnly(value, index)) transparent.delete(argument);
      });
    }
    const terminator = block.terminator!;
    // A comparison of 32 bits reads no more; yet bounds must be learned on the register that is used later.
    if (terminator.op !== "condBr") for (const argument of terminator.args) transparent.delete(argument);
  }
  // Where the upper half is zero anyway, nothing needs to be done for anybody.
  for (const value of truncations) if (significantBits(value.args[0]!) <= 32) transparent.add(value);
  return transparent;
}
