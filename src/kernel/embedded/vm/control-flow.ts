import { successors } from "./program.ts";
import type { CheckedProgram } from "./program.ts";

/** A run of instructions that is entered at its first and left at its last. */
export interface Block {
  /** First slot. */
  readonly start: number;
  /** Slot of the last instruction. */
  readonly last: number;
  /** Indices of blocks: the one that follows, then the target of a taken jump. */
  readonly successors: readonly number[];
}

/** The blocks of one function in reverse postorder, so that index 0 is its entry. */
export interface ControlFlow {
  readonly blocks: readonly Block[];
  /** Of each block, the one that immediately dominates it; the entry's is itself. */
  readonly dominators: Int32Array;
  /** Dominator tree: the blocks that each block immediately dominates, ascending. */
  readonly children: readonly (readonly number[])[];
  /** Whether an edge goes back to the block. */
  readonly loopHeader: readonly boolean[];
  /** Whether two or more forward edges meet at the block. */
  readonly merge: readonly boolean[];
  /** Whether every backward edge goes to a block that dominates its origin. */
  readonly reducible: boolean;
}

/** Finds the blocks that a function's entry reaches, and how they are nested. */
export function analyze(program: CheckedProgram, entry: number): ControlFlow {
  const { starts, edges } = findBlocks(program, entry);
  const order = reversePostorder(entry, edges);
  const index = new Map(order.map((start, position) => [start, position]));
  const blocks = order.map((start) => ({
    start,
    last: starts.get(start)!,
    successors: edges.get(start)!.map((target) => index.get(target)!),
  }));
  const dominators = findDominators(blocks);
  const children: number[][] = blocks.map(() => []);
  for (let block = 1; block < blocks.length; block++) children[dominators[block]!]!.push(block);
  const { entered, left } = walkTree(children);
  const dominates = (upper: number, lower: number): boolean =>
    entered[upper]! <= entered[lower]! && entered[lower]! <= left[upper]!;
  const loopHeader = blocks.map(() => false);
  const forward = blocks.map(() => 0);
  let reducible = true;
  blocks.forEach((block, from) => {
    for (const to of new Set(block.successors)) {
      if (to > from) forward[to]!++;
      else {
        loopHeader[to] = true;
        reducible &&= dominates(to, from);
      }
    }
  });
  return { blocks, dominators, children, loopHeader, merge: forward.map((count) => count > 1), reducible };
}

/** Start to last slot of each reachable block, and start to starts of those that follow. */
function findBlocks(
  program: CheckedProgram,
  entry: number,
): { starts: Map<number, number>; edges: Map<number, number[]> } {
  const leaders = new Set([entry]);
  const seen = new Set<number>();
  const work = [entry];
  for (let slot = work.pop(); slot !== undefined; slot = work.pop()) {
    if (seen.has(slot)) continue;
    seen.add(slot);
    const opcode = program.opcodes[slot]!;
    const next = successors(program.insns[slot]!, opcode, slot);
    if (endsBlock(opcode.form)) for (const target of next) leaders.add(target);
    work.push(...next);
  }
  const starts = new Map<number, number>();
  const edges = new Map<number, number[]>();
  for (const start of leaders) {
    for (let slot = start; ;) {
      const opcode = program.opcodes[slot]!;
      const next = successors(program.insns[slot]!, opcode, slot);
      if (endsBlock(opcode.form) || leaders.has(next[0]!)) {
        starts.set(start, slot);
        edges.set(start, next);
        break;
      }
      slot = next[0]!;
    }
  }
  return { starts, edges };
}

function endsBlock(form: string): boolean {
  return ["jump", "jumpFar", "jumpRegister", "branch", "mayGoto", "exit"].includes(form);
}

function reversePostorder(entry: number, edges: ReadonlyMap<number, readonly number[]>): number[] {
  const order: number[] = [];
  const seen = new Set([entry]);
  const stack = [{ block: entry, next: 0 }];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const target = edges.get(top.block)![top.next++];
    if (target === undefined) {
      order.push(top.block);
      stack.pop();
    } else if (!seen.has(target)) {
      seen.add(target);
      stack.push({ block: target, next: 0 });
    }
  }
  return order.toReversed();
}

/** Immediate dominators by the method of Cooper, Harvey and Kennedy; the entry's is itself. */
function findDominators(blocks: readonly Block[]): Int32Array {
  const predecessors: number[][] = blocks.map(() => []);
  blocks.forEach((block, from) => block.successors.forEach((to) => predecessors[to]!.push(from)));
  const dominators = new Int32Array(blocks.length).fill(-1);
  dominators[0] = 0;
  for (let changed = true; changed;) {
    changed = false;
    for (let block = 1; block < blocks.length; block++) {
      let best = -1;
      for (const from of predecessors[block]!) {
        if (dominators[from] === -1) continue;
        best = best === -1 ? from : common(dominators, from, best);
      }
      if (dominators[block] === best) continue;
      dominators[block] = best;
      changed = true;
    }
  }
  return dominators;
}

function common(dominators: Int32Array, left: number, right: number): number {
  let a = left;
  let b = right;
  while (a !== b) {
    if (a > b) a = dominators[a]!;
    else b = dominators[b]!;
  }
  return a;
}

/** For each block of the dominator tree, when a walk of it enters the block and when it leaves it. */
function walkTree(children: readonly (readonly number[])[]): { entered: Int32Array; left: Int32Array } {
  const entered = new Int32Array(children.length);
  const left = new Int32Array(children.length);
  const stack = [{ block: 0, next: 0 }];
  let time = 0;
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const child = children[top.block]![top.next++];
    if (child === undefined) {
      left[top.block] = time;
      stack.pop();
    } else {
      entered[child] = ++time;
      stack.push({ block: child, next: 0 });
    }
  }
  return { entered, left };
}
