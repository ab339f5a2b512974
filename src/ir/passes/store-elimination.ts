import { stackUse, touchedArguments } from "../memory-regions.ts";
import type { StackUse } from "../memory-regions.ts";
import { alignmentFrom, pieces } from "../pieces.ts";
import { successors } from "../node.ts";
import type { Block, Instruction, IrFunction, Value } from "../node.ts";
import { countUses } from "../rewrite.ts";

/** By private slot: a mask of the bytes that are read before they are written again. */
type LiveBytes = Map<Value, bigint>;

/** Drops writes to stack slots that nobody reads, and the part of a fill that is overwritten. */
export function eliminateStores(fn: IrFunction): void {
  const pass = new StoreElimination(fn);
  if (pass.needed) pass.run();
}

type Fill = Extract<Instruction, { readonly op: "fill" }>;

class StoreElimination {
  readonly #fn: IrFunction;
  readonly #use: StackUse;
  readonly #uses: Uint32Array;

  constructor(fn: IrFunction) {
    this.#fn = fn;
    this.#use = stackUse(fn);
    this.#uses = countUses(fn);
  }

  get needed(): boolean {
    return this.#use.roots.size > 0;
  }

  run(): void {
    const atStart = new Map<Block, LiveBytes>();
    const blocks = this.#fn.blocks.toReversed();
    for (let changed = true; changed;) {
      changed = false;
      for (const block of blocks) {
        const live = liveAtEnd(block, atStart);
        for (const value of block.body.toReversed()) this.#before(value, live);
        const known = atStart.get(block);
        if (known !== undefined && sameBytes(known, live)) continue;
        atStart.set(block, live);
        changed = true;
      }
    }
    for (const block of blocks) {
      const live = liveAtEnd(block, atStart);
      const kept: Instruction[] = [];
      for (const value of block.body.toReversed()) {
        const left = this.#liveParts(value, live);
        for (const part of left) this.#before(part, live);
        kept.push(...left);
      }
      block.body = kept.toReversed();
    }
  }

  /** The one private slot that an address is the start of. */
  #slot(address: Value): (Value & { readonly op: "alloca" }) | undefined {
    return address.op === "alloca" && !this.#use.escaped.has(address) ? address : undefined;
  }

  /** The instruction, or what is left of it; nothing if all that it writes is dead. */
  #liveParts(value: Instruction, live: LiveBytes): Instruction[] {
    switch (value.op) {
      case "store":
      case "copy": {
        const slot = this.#slot(value.args[0]!);
        if (slot === undefined) return [value];
        const size = value.op === "store" ? value.width : value.size;
        return ((live.get(slot) ?? 0n) & mask(value.offset, size)) === 0n ? [] : [value];
      }
      case "fill": {
        const slot = this.#slot(value.args[0]!);
        return slot === undefined ? [value] : liveFills(this.#fn, value, live.get(slot) ?? 0n);
      }
      case "call": {
        if (value.effects.discardable !== true || this.#uses[value.id]! > 0) return [value];
        const written = touchedArguments(value, "writes");
        const dead = written.every((argument) => {
          const roots = this.#use.roots.get(argument);
          if (roots === undefined) return false;
          return [...roots].every((root) => !this.#use.escaped.has(root) && (live.get(root) ?? 0n) === 0n);
        });
        return dead ? [] : [value];
      }
      default:
        return [value];
    }
  }

  /** Turns what is live after an instruction into what is live before it. */
  #before(value: Instruction, live: LiveBytes): void {
    switch (value.op) {
      case "load":
        return this.#read(value.args[0]!, value.offset, value.width, live);
      case "store":
        return this.#write(value.args[0]!, value.offset, value.width, live);
      case "fill":
        return this.#write(value.args[0]!, value.offset, value.size, live);
      case "copy":
        this.#write(value.args[0]!, value.offset, value.size, live);
        return this.#read(value.args[1]!, value.sourceOffset, value.size, live);
      case "atomic":
        return this.#read(value.args[0]!, value.offset, value.width, live);
      case "call":
        for (const argument of touchedArguments(value, "reads")) this.#readAll(argument, live);
        return;
      default:
    }
  }

  #write(address: Value, offset: number, size: number, live: LiveBytes): void {
    const slot = this.#slot(address);
    const bytes = slot === undefined ? undefined : live.get(slot);
    if (bytes === undefined) return;
    const left = bytes & ~mask(offset, size);
    // Dead slots leave the map: blocks of large programs would drag thousands along.
    if (left === 0n) live.delete(slot!);
    else live.set(slot!, left);
  }

  #read(address: Value, offset: number, size: number, live: LiveBytes): void {
    const slot = this.#slot(address);
    if (slot === undefined) return this.#readAll(address, live);
    live.set(slot, (live.get(slot) ?? 0n) | mask(offset, size));
  }

  #readAll(address: Value, live: LiveBytes): void {
    for (const root of this.#use.roots.get(address) ?? []) {
      if (root.op === "alloca") live.set(root, mask(0, root.size));
    }
  }
}

function mask(offset: number, size: number): bigint {
  return ((1n << BigInt(size)) - 1n) << BigInt(Math.max(0, offset));
}

function liveAtEnd(block: Block, atStart: ReadonlyMap<Block, LiveBytes>): LiveBytes {
  const live: LiveBytes = new Map();
  for (const next of successors(block)) {
    for (const [slot, bytes] of atStart.get(next) ?? []) live.set(slot, (live.get(slot) ?? 0n) | bytes);
  }
  return live;
}

function sameBytes(left: LiveBytes, right: LiveBytes): boolean {
  if (left.size !== right.size) return false;
  for (const [slot, bytes] of left) if (right.get(slot) !== bytes) return false;
  return true;
}

/** The parts of a fill that are live: whole pieces as they will be stored, or half of one. */
function liveFills(fn: IrFunction, fill: Fill, live: bigint): Fill[] {
  const isDead = (offset: number, size: number): boolean => (live & mask(offset, size)) === 0n;
  if (!isDead(fill.offset, fill.size) && fill.size <= 1) return [fill];
  const runs: { offset: number; size: number; align: number }[] = [];
  for (const { at, width } of pieces(fill.size, alignmentFrom(fill.args[0]!, fill.offset, fill.align))) {
    let offset = fill.offset + at;
    let size: number = width;
    if (isDead(offset, size)) continue;
    while (size > 1 && (isDead(offset, size / 2) || isDead(offset + size / 2, size / 2))) {
      if (isDead(offset, size / 2)) offset += size / 2;
      size /= 2;
    }
    const last = runs.at(-1);
    if (last !== undefined && last.offset + last.size === offset && size === width) last.size += size;
    else runs.push({ offset, size, align: size });
  }
  const [first] = runs;
  if (runs.length === 1 && first!.size === fill.size) return [fill];
  return runs.map((run) => ({ ...fill, ...run, id: fn.nextValueId++ }));
}
