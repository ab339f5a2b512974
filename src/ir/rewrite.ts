import { predecessorsOf } from "./dominators.ts";
import type { Block, IrFunction, Phi, Terminator, Value } from "./node.ts";
import { successors } from "./node.ts";

/** Puts others in the place of values, everywhere at once; chains of replacements are followed. */
export class Replacements {
  readonly #by = new Map<Value, Value>();

  get size(): number {
    return this.#by.size;
  }

  set(value: Value, by: Value): void {
    if (value !== by) this.#by.set(value, by);
  }

  resolve(value: Value): Value {
    let found = this.#by.get(value);
    if (found === undefined) return value;
    for (let next = this.#by.get(found); next !== undefined; next = this.#by.get(next)) found = next;
    this.#by.set(value, found);
    return found;
  }

  applyToArgs(args: Value[]): void {
    for (let index = 0; index < args.length; index++) args[index] = this.resolve(args[index]!);
  }

  /** Rewrites every argument of the function; the replaced values themselves stay where they are. */
  apply(fn: IrFunction): void {
    if (this.#by.size === 0) return;
    for (const block of fn.blocks) {
      for (const phi of block.phis) this.applyToArgs(phi.args);
      for (const value of block.body) this.applyToArgs(value.args);
      if (block.terminator !== undefined) this.applyToArgs(block.terminator.args);
    }
  }
}

/** Number of uses by value id. */
export function countUses(fn: IrFunction): Uint32Array {
  const uses = new Uint32Array(fn.nextValueId);
  for (const block of fn.blocks) {
    for (const phi of block.phis) for (const argument of phi.args) uses[argument.id]!++;
    for (const value of block.body) for (const argument of value.args) uses[argument.id]!++;
    for (const argument of block.terminator?.args ?? []) uses[argument.id]!++;
  }
  return uses;
}

export function redirect(terminator: Terminator, from: Block, to: Block): void {
  switch (terminator.op) {
    case "br":
      if (terminator.target === from) terminator.target = to;
      return;
    case "condBr":
      if (terminator.whenTrue === from) terminator.whenTrue = to;
      if (terminator.whenFalse === from) terminator.whenFalse = to;
      return;
    case "switch":
      terminator.cases = terminator.cases.map((entry) =>
        entry.target === from ? { value: entry.value, target: to } : entry,
      );
      if (terminator.otherwise === from) terminator.otherwise = to;
      return;
    case "ret":
    case "unreachable":
      return;
  }
}

/** Phis of `block` hear that what came from one predecessor now comes from another. */
export function renameIncoming(block: Block, from: Block, to: Block): void {
  for (const phi of block.phis) {
    for (let index = 0; index < phi.incoming.length; index++) {
      if (phi.incoming[index] === from) phi.incoming[index] = to;
    }
  }
}

export function removeIncoming(block: Block, from: Block): void {
  for (const phi of block.phis) {
    const index = phi.incoming.indexOf(from);
    if (index < 0) continue;
    phi.incoming.splice(index, 1);
    phi.args.splice(index, 1);
  }
}

export function incomingValue(phi: Phi, from: Block): Value | undefined {
  return phi.args[phi.incoming.indexOf(from)];
}

/** Drops blocks that control never reaches. @returns whether there were any. */
export function removeUnreachable(fn: IrFunction): boolean {
  const entry = fn.blocks[0];
  if (entry === undefined) return false;
  const seen = new Set([entry]);
  const stack = [entry];
  for (let block = stack.pop(); block !== undefined; block = stack.pop()) {
    for (const next of successors(block)) {
      if (seen.has(next)) continue;
      seen.add(next);
      stack.push(next);
    }
  }
  if (seen.size === fn.blocks.length) return false;
  for (const block of fn.blocks) {
    if (seen.has(block)) continue;
    for (const next of successors(block)) if (seen.has(next)) removeIncoming(next, block);
  }
  fn.blocks = fn.blocks.filter((block) => seen.has(block));
  return true;
}

/** Gives every edge from a fork to a join with phis a block of its own, where copies can go. */
export function splitCriticalEdges(fn: IrFunction, newBlock: (after: Block) => Block): void {
  const predecessors = predecessorsOf(fn.blocks);
  for (const block of fn.blocks.slice()) {
    const next = successors(block);
    if (next.length < 2) continue;
    for (const target of next) {
      if (target.phis.length === 0 || predecessors.get(target)!.length < 2) continue;
      const middle = newBlock(block);
      middle.terminator = { op: "br", args: [], target, position: block.terminator!.position };
      redirect(block.terminator!, target, middle);
      renameIncoming(target, block, middle);
    }
  }
}
