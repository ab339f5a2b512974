import type { IrFunction, Value } from "../node.ts";
import type { StackSlot } from "./machine.ts";

/** The slots that a value may point into, for every value that is computed from a slot's address. */
export function slotsByValue(
  fn: IrFunction,
  slotOf: ReadonlyMap<Value, StackSlot>,
): Map<Value, readonly StackSlot[]> {
  const slots = new Map<Value, readonly StackSlot[]>();
  for (const [alloca, slot] of slotOf) slots.set(alloca, [slot]);
  if (slots.size === 0) return slots;
  const derive = (value: Value): boolean => {
    const known = slots.get(value) ?? [];
    const all = new Set(known);
    for (const argument of value.args) for (const slot of slots.get(argument) ?? []) all.add(slot);
    if (all.size === known.length) return false;
    slots.set(value, [...all]);
    return true;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const block of fn.blocks) {
      for (const phi of block.phis) changed = derive(phi) || changed;
      for (const value of block.body) {
        if (value.op === "load" || value.op === "call" || value.op === "atomic" || value.type === "void")
          continue;
        // One round suffices but for addresses that go around a loop.
        if (derive(value) && value.args.some((argument) => argument.op === "phi")) changed = true;
      }
    }
  }
  return slots;
}
