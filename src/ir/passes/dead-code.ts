import type { Instruction, IrFunction, Phi, Value } from "../node.ts";
import { isDiscardable } from "../op-table.ts";

/** Drops instructions and phis that nothing with an effect needs. */
export function removeDeadCode(fn: IrFunction): void {
  const needed = new Set<Value>();
  const stack: Value[] = [];
  const need = (value: Value): void => {
    if (needed.has(value)) return;
    needed.add(value);
    stack.push(value);
  };
  for (const block of fn.blocks) {
    for (const value of block.body) if (!isDiscardable(value)) need(value);
    for (const argument of block.terminator?.args ?? []) need(argument);
  }
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) value.args.forEach(need);
  for (const block of fn.blocks) {
    block.phis = block.phis.filter((phi: Phi) => needed.has(phi));
    block.body = block.body.filter((value: Instruction) => needed.has(value));
  }
}
