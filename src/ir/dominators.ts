import { successors } from "./node.ts";
import type { Block, IrFunction } from "./node.ts";

export interface DominatorTree {
  /** Reachable blocks in reverse postorder. */
  readonly blocks: readonly Block[];
  /** Position in `blocks`. */
  readonly order: ReadonlyMap<Block, number>;
  readonly predecessors: ReadonlyMap<Block, readonly Block[]>;
  /** By position in `blocks`: the position of the immediate dominator; the entry's is itself. */
  readonly parents: Int32Array;
  /** Preorder and postorder numbers in the tree, by position in `blocks`. */
  readonly enter: Int32Array;
  readonly leave: Int32Array;
}

export function reversePostorder(fn: IrFunction): Block[] {
  const entry = fn.blocks[0];
  if (entry === undefined) return [];
  const seen = new Set<Block>([entry]);
  const postorder: Block[] = [];
  const stack: { block: Block; next: Block[]; index: number }[] = [
    { block: entry, next: successors(entry), index: 0 },
  ];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    // Last successor first, so that the first one comes first in the reverse.
    const next = top.next[top.next.length - 1 - top.index++];
    if (next === undefined) {
      postorder.push(top.block);
      stack.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      stack.push({ block: next, next: successors(next), index: 0 });
    }
  }
  return postorder.toReversed();
}

export function predecessorsOf(blocks: readonly Block[]): Map<Block, Block[]> {
  const predecessors = new Map<Block, Block[]>(blocks.map((block) => [block, []]));
  for (const block of blocks) for (const next of successors(block)) predecessors.get(next)?.push(block);
  return predecessors;
}

/** Cooper, Harvey and Kennedy, "A simple, fast dominance algorithm". */
export function dominatorTree(fn: IrFunction): DominatorTree {
  const blocks = reversePostorder(fn);
  const order = new Map(blocks.map((block, index) => [block, index]));
  const predecessors = predecessorsOf(blocks);
  const parents = new Int32Array(blocks.length).fill(-1);
  if (blocks.length > 0) parents[0] = 0;
  const meet = (left: number, right: number): number => {
    while (left !== right) {
      while (left > right) left = parents[left]!;
      while (right > left) right = parents[right]!;
    }
    return left;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (let index = 1; index < blocks.length; index++) {
      let parent = -1;
      for (const from of predecessors.get(blocks[index]!)!) {
        const position = order.get(from)!;
        if (parents[position] === -1) continue;
        parent = parent === -1 ? position : meet(position, parent);
      }
      if (parents[index] !== parent) {
        parents[index] = parent;
        changed = true;
      }
    }
  }
  return { blocks, order, predecessors, parents, ...numberTree(parents) };
}

function numberTree(parents: Int32Array): { enter: Int32Array; leave: Int32Array } {
  const count = parents.length;
  const enter = new Int32Array(count);
  const leave = new Int32Array(count);
  const children: number[][] = Array.from({ length: count }, () => []);
  for (let index = 1; index < count; index++) children[parents[index]!]!.push(index);
  let clock = 0;
  const stack: { node: number; next: number }[] = count === 0 ? [] : [{ node: 0, next: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    if (top.next === 0) enter[top.node] = clock++;
    const child = children[top.node]![top.next++];
    if (child === undefined) {
      leave[top.node] = clock++;
      stack.pop();
    } else {
      stack.push({ node: child, next: 0 });
    }
  }
  return { enter, leave };
}

/** Whether every way to `below` leads through `above`; a block dominates itself. Both reachable. */
export function dominates(tree: DominatorTree, above: Block, below: Block): boolean {
  const upper = tree.order.get(above);
  const lower = tree.order.get(below);
  if (upper === undefined || lower === undefined) return false;
  return tree.enter[upper]! <= tree.enter[lower]! && tree.leave[lower]! <= tree.leave[upper]!;
}
