import { BpfkitError } from "../../errors.ts";
import type { SourcePosition } from "../node.ts";
import { ALU64, MEM } from "./machine.ts";
import type { MachineBlock, MachineFunction, StackSlot } from "./machine.ts";

/** MAX_BPF_STACK in include/linux/filter.h. */
export const MAX_STACK = 512;

export interface StackUser {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly position: SourcePosition | undefined;
}

/** A function needs more stack than a BPF program has. */
export class StackOverflowError extends BpfkitError {
  override readonly name = "StackOverflowError";
  /** Bytes. */
  readonly size: number;
  /** The largest users that live at the same time, largest first. */
  readonly users: readonly StackUser[];

  /** `who`: the function, or chain of functions. */
  constructor(who: string, size: number, users: readonly StackUser[]) {
    const largest = [...users].sort((left, right) => right.size - left.size).slice(0, 3);
    const list = largest.map((user) => `${user.name} (${user.size} bytes)`).join(", ");
    super(`${who} needs ${size} bytes of stack, but a BPF program has ${MAX_STACK}; the largest: ${list}`, {
      code: "ir/stack-overflow",
      hints: ["Use smaller strings and buffers, or keep them in a map."],
    });
    this.size = size;
    this.users = largest;
  }
}

function userOf(slot: StackSlot): StackUser {
  return { name: slot.name ?? "temporary", size: slot.size, position: slot.position };
}

interface Life {
  readonly slot: StackSlot;
  /** Positions of the first and last instruction that need it. */
  start: number;
  end: number;
}

/**
 * Gives every slot a place in the frame; slots that are never needed at the same time share theirs.
 * @returns the frame's size in bytes, a multiple of 8.
 */
export function layOutFrame(fn: MachineFunction): number {
  const lives = slotLives(fn);
  const size = place(lives);
  if (size > MAX_STACK) throw new StackOverflowError(fn.name, size, crowd(lives).map(userOf));
  for (const block of fn.blocks) {
    for (const insn of block.insns) {
      if (insn.slot === undefined) continue;
      const isAccess = (insn.code & 7) < 4 && (insn.code & 0xe0) >= MEM;
      if (isAccess) insn.offset += insn.slot.offset;
      else insn.imm += insn.slot.offset;
      if (!isAccess && (insn.code & 7) !== ALU64)
        throw new TypeError("a slot in an instruction without address");
    }
  }
  return size;
}

/** Blocks are in an order where only loops go back; what is needed in a loop is needed in all of it. */
function slotLives(fn: MachineFunction): Life[] {
  const starts = new Map<MachineBlock, number>();
  const ends = new Map<MachineBlock, number>();
  const lives = new Map<StackSlot, Life>();
  let position = 0;
  for (const block of fn.blocks) {
    starts.set(block, position);
    for (const insn of block.insns) {
      for (const slot of insn.slots) {
        const life = lives.get(slot);
        if (life === undefined) lives.set(slot, { slot, start: position, end: position });
        else life.end = position;
      }
      position++;
    }
    ends.set(block, position++);
  }
  const loops: { start: number; end: number }[] = [];
  for (const block of fn.blocks) {
    for (const next of block.next) {
      const start = starts.get(next)!;
      if (start <= starts.get(block)!) loops.push({ start, end: ends.get(block)! });
    }
  }
  for (const life of lives.values()) {
    if (life.slot.escapes) [life.start, life.end] = [0, position];
    for (let grown = loops.length > 0; grown;) {
      grown = false;
      for (const loop of loops) {
        if (life.end < loop.start || life.start > loop.end) continue;
        if (life.start <= loop.start && life.end >= loop.end) continue;
        life.start = Math.min(life.start, loop.start);
        life.end = Math.max(life.end, loop.end);
        grown = true;
      }
    }
  }
  return [...lives.values()].sort((left, right) => left.start - right.start);
}

/** First fit below the frame pointer, in order of first need. */
function place(lives: readonly Life[]): number {
  let active: Life[] = [];
  let size = 0;
  for (const life of lives) {
    active = active.filter((other) => other.end >= life.start);
    active.sort((left, right) => right.slot.offset - left.slot.offset);
    let top = 0;
    for (const other of active) {
      const offset = alignDown(top - life.slot.size, life.slot.align);
      if (offset >= other.slot.offset + other.slot.size) break;
      top = Math.min(top, other.slot.offset);
    }
    life.slot.offset = alignDown(top - life.slot.size, life.slot.align);
    size = Math.max(size, -life.slot.offset);
    active.push(life);
  }
  return (size + 7) & ~7;
}

function alignDown(offset: number, align: number): number {
  return Math.floor(offset / align) * align;
}

/** The slots alive where the frame is fullest. */
function crowd(lives: readonly Life[]): StackSlot[] {
  let worst: StackSlot[] = [];
  let most = 0;
  for (const { start } of lives) {
    const alive = lives.filter((life) => life.start <= start && life.end >= start).map((life) => life.slot);
    const bytes = alive.reduce((sum, slot) => sum + slot.size, 0);
    if (bytes > most) [most, worst] = [bytes, alive];
  }
  return worst;
}
