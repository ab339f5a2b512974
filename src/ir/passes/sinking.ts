import { dominates, dominatorTree } from "../dominators.ts";
import type { Block, Instruction, IrFunction, Value } from "../node.ts";
import { successors } from "../node.ts";
import { OPS } from "../op-table.ts";

/**
 * Moves what only one branch needs into that branch, so that the other does not pay for it and registers
 * are held for a shorter time. Nothing goes into a loop that it was not in.
 */
export function sinkValues(fn: IrFunction): void {
  const tree = dominatorTree(fn);
  /** How often each value is used in each block. */
  const usedIn = new Map<Value, Map<Block, number>>();
  const use = (value: Value, block: Block, change = 1): void => {
    let counts = usedIn.get(value);
    if (counts === undefined) usedIn.set(value, (counts = new Map()));
    const count = (counts.get(block) ?? 0) + change;
    if (count === 0) counts.delete(block);
    else counts.set(block, count);
  };
  for (const block of fn.blocks) {
    for (const phi of block.phis) phi.args.forEach((argument, index) => use(argument, phi.incoming[index]!));
    for (const value of block.body) for (const argument of value.args) use(argument, block);
    for (const argument of block.terminator!.args) use(argument, block);
  }
  // Later blocks first, so that what a sunk value needs can follow it.
  for (const block of tree.blocks.toReversed()) {
    const targets = successors(block).filter(
      (next) => tree.predecessors.get(next)!.length === 1 && tree.order.get(next)! > tree.order.get(block)!,
    );
    if (targets.length === 0 || successors(block).length < 2) continue;
    const kept: Instruction[] = [];
    for (const value of block.body.toReversed()) {
      const target = isMovable(value)
        ? targets.find((next) =>
            [...(usedIn.get(value)?.keys() ?? [])].every((user) => dominates(tree, next, user)),
          )
        : undefined;
      if (target === undefined || !usedIn.has(value)) {
        kept.push(value);
        continue;
      }
      target.body.unshift(value);
      for (const argument of value.args) {
        use(argument, block, -1);
        use(argument, target);
      }
    }
    block.body = kept.toReversed();
  }
}

function isMovable(value: Instruction): boolean {
  if (value.op === "call") return value.effects.pure === true;
  return OPS[value.op].effect === "pure";
}
