import type { IrFunction } from "../node.ts";
import { countUses } from "../rewrite.ts";
import type { PassScope } from "./pass.ts";

/**
 * A context that is read once only is read at the start: what is kept across calls is then the number,
 * and not the pointer that it must be loaded through.
 */
export function loadContextEarly(fn: IrFunction, { isProgram }: PassScope): void {
  const [context] = fn.params;
  const entry = fn.blocks[0]!;
  if (!isProgram || context === undefined || countUses(fn)[context.id] !== 1) return;
  for (const block of fn.blocks) {
    const index = block.body.findIndex((value) => value.op === "load" && value.args[0] === context);
    if (index < 0) continue;
    entry.body.unshift(...block.body.splice(index, 1));
    return;
  }
}
