import type { MachineBlock, MachineFunction } from "./machine.ts";

/** How often a loop is thought to go around. */
const ROUNDS = 8;
/** How seldom the unusual way is taken. */
const SELDOM = 1 / 16;

/** Guesses how often each block runs. Blocks are in an order where only loops go back. */
export function estimateFrequencies(fn: MachineFunction): void {
  const order = new Map(fn.blocks.map((block, index) => [block, index]));
  const loopHeads = new Set<MachineBlock>();
  for (const block of fn.blocks) {
    for (const next of block.next) if (order.get(next)! <= order.get(block)!) loopHeads.add(next);
    block.frequency = 0;
  }
  fn.blocks[0]!.frequency = 1;
  for (const block of fn.blocks) {
    if (loopHeads.has(block)) block.frequency *= ROUNDS;
    block.next.forEach((next, index) => {
      if (order.get(next)! <= order.get(block)!) return;
      const share =
        block.next.length < 2
          ? 1
          : block.likely === undefined
            ? 0.5
            : block.likely === (index === 0)
              ? 1
              : SELDOM;
      next.frequency += block.frequency * share;
    });
  }
}
