import { isConditionalJump, JMP, JMP32 } from "./machine.ts";
import type { MachineBlock, MachineFunction } from "./machine.ts";

/** Lets jumps go where they end up: past blocks that do nothing but jump. Drops what is not reached. */
export function threadJumps(fn: MachineFunction): void {
  for (const block of fn.blocks) {
    block.next = block.next.map(endOfJumps);
    if (block.next.length === 2 && block.next[0] === block.next[1]) {
      block.insns.pop();
      block.next.pop();
    }
  }
  const reached = new Set(reversePostorder(fn));
  fn.blocks = fn.blocks.filter((block) => reached.has(block));
}

function endOfJumps(block: MachineBlock): MachineBlock {
  const seen = new Set<MachineBlock>();
  while (block.insns.length === 0 && block.next.length === 1 && !seen.has(block)) {
    seen.add(block);
    block = block.next[0]!;
  }
  return block;
}

/** An order in which only loops go back, and the usual way is the next block. */
export function reversePostorder(fn: MachineFunction): MachineBlock[] {
  const entry = fn.blocks[0]!;
  const seen = new Set([entry]);
  const postorder: MachineBlock[] = [];
  const stack = [{ block: entry, ways: ways(entry), index: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const next = top.ways[top.index++];
    if (next === undefined) {
      postorder.push(top.block);
      stack.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      stack.push({ block: next, ways: ways(next), index: 0 });
    }
  }
  return postorder.toReversed();
}

/** The way visited last comes first: the one not jumped to, unless the jump is the usual one. */
function ways(block: MachineBlock): MachineBlock[] {
  return block.likely === true ? block.next.toReversed() : block.next;
}

/** Joins blocks with their only successor where that has no other predecessor. */
export function mergeBlocks(fn: MachineFunction): void {
  const predecessors = new Map<MachineBlock, number>();
  for (const block of fn.blocks) {
    for (const next of block.next) predecessors.set(next, (predecessors.get(next) ?? 0) + 1);
  }
  const gone = new Set<MachineBlock>();
  for (const block of fn.blocks) {
    if (gone.has(block)) continue;
    for (;;) {
      const [next] = block.next;
      if (block.next.length !== 1 || next === undefined || next === block || next === fn.blocks[0]) break;
      if (predecessors.get(next) !== 1) break;
      block.insns = [...block.insns, ...next.insns];
      block.next = next.next;
      block.likely = next.likely;
      gone.add(next);
    }
  }
  fn.blocks = fn.blocks.filter((block) => !gone.has(block));
}

const NEGATED: ReadonlyMap<number, number> = new Map([
  [0x10, 0x50],
  [0x50, 0x10],
  [0x20, 0xb0],
  [0xb0, 0x20],
  [0x30, 0xa0],
  [0xa0, 0x30],
  [0x60, 0xd0],
  [0xd0, 0x60],
  [0x70, 0xc0],
  [0xc0, 0x70],
]);
const SINCE_V2 = new Set([0xa0, 0xb0, 0xc0, 0xd0]);

/** Turns a block's closing jump around, so that the other way is the one jumped to. @returns whether it can. */
export function invertJump(block: MachineBlock, v1: boolean): boolean {
  const jump = block.insns.at(-1);
  if (jump === undefined || !isConditionalJump(jump)) return false;
  const negated = NEGATED.get(jump.code & 0xf0);
  if (negated === undefined || (v1 && SINCE_V2.has(negated))) return false;
  const kind = (jump.code & 7) === JMP32 ? JMP32 : JMP;
  jump.code = negated | (jump.code & 0x08) | kind;
  block.next = block.next.toReversed();
  if (block.likely !== undefined) block.likely = !block.likely;
  return true;
}

/**
 * Puts blocks that are reached by unusual ways only behind all others, so that the usual way need not jump
 * over them. Blocks are in an order where only loops go back.
 */
export function moveColdBlocks(fn: MachineFunction): void {
  const warm = new Set<MachineBlock>([fn.blocks[0]!]);
  for (const block of fn.blocks) {
    if (!warm.has(block)) continue;
    block.next.forEach((next, index) => {
      if (block.likely === undefined || block.next.length < 2 || block.likely === (index === 0))
        warm.add(next);
    });
  }
  const cold = fn.blocks.filter((block) => !warm.has(block));
  fn.blocks = [...fn.blocks.filter((block) => warm.has(block)), ...cold];
}
