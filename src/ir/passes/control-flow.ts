import { predecessorsOf } from "../dominators.ts";
import { successors } from "../node.ts";
import type { Block, IrFunction, Phi, Terminator, Value } from "../node.ts";
import {
  incomingValue,
  redirect,
  removeIncoming,
  removeUnreachable,
  renameIncoming,
  Replacements,
} from "../rewrite.ts";
import { decideCompare } from "./simplify.ts";

/** Takes out branches that are decided, blocks that only pass control on, and joints between blocks. */
export function simplifyControlFlow(fn: IrFunction): void {
  for (let changed = true; changed;) {
    changed = foldBranches(fn);
    changed = removeUnreachable(fn) || changed;
    changed = shareReturns(fn) || changed;
    changed = threadDecidedJumps(fn) || changed;
    changed = skipEmptyBlocks(fn) || changed;
    changed = mergeChains(fn) || changed;
  }
}

function foldBranches(fn: IrFunction): boolean {
  let changed = false;
  for (const block of fn.blocks) {
    const target = decidedTarget(block.terminator!);
    if (target === undefined) continue;
    for (const next of successors(block)) if (next !== target) removeIncoming(next, block);
    block.terminator = { op: "br", args: [], target, position: block.terminator!.position };
    changed = true;
  }
  return changed;
}

function decidedTarget(terminator: Terminator): Block | undefined {
  if (terminator.op === "condBr") {
    if (terminator.whenTrue === terminator.whenFalse) return terminator.whenTrue;
    const holds = decideCompare(terminator.predicate, terminator.args[0]!, terminator.args[1]!);
    return holds === undefined ? undefined : holds ? terminator.whenTrue : terminator.whenFalse;
  }
  if (terminator.op === "switch") {
    const value = terminator.args[0]!;
    if (terminator.cases.every((entry) => entry.target === terminator.otherwise)) return terminator.otherwise;
    if (value.op !== "const") return undefined;
    return terminator.cases.find((entry) => entry.value === value.value)?.target ?? terminator.otherwise;
  }
  return undefined;
}

/** Blocks that do nothing but return the same become one. */
function shareReturns(fn: IrFunction): boolean {
  const shared = new Map<Value | undefined, Block>();
  const gone = new Map<Block, Block>();
  for (const block of fn.blocks) {
    const terminator = block.terminator!;
    if (terminator.op !== "ret" || block.body.length > 0 || block.phis.length > 0) continue;
    if (block === fn.blocks[0]) continue;
    const [value] = terminator.args;
    const first = shared.get(value);
    // A value of its own would have to reach the shared block; a constant does from everywhere.
    if (first !== undefined && (value === undefined || value.op === "const")) gone.set(block, first);
    else shared.set(value, block);
  }
  if (gone.size === 0) return false;
  for (const block of fn.blocks) {
    for (const next of successors(block)) {
      const by = gone.get(next);
      if (by !== undefined) redirect(block.terminator!, next, by);
    }
  }
  fn.blocks = fn.blocks.filter((block) => !gone.has(block));
  return true;
}

/** A block that branches on a phi alone: predecessors that bring a constant go where it leads. */
function threadDecidedJumps(fn: IrFunction): boolean {
  let changed = false;
  let users: Map<Value, Set<Block | Phi>> | undefined;
  for (const block of fn.blocks) {
    const terminator = block.terminator!;
    if (block.body.length > 0 || block.phis.length === 0 || terminator.op !== "condBr") continue;
    const reads = terminator.args.some((argument) => argument.op === "phi" && block.phis.includes(argument));
    if (!reads || successors(block).includes(block)) continue;
    users ??= userBlocks(fn);
    const next = successors(block);
    if (!block.phis.every((phi) => [...(users!.get(phi) ?? [])].every((user) => passesOn(user, block, next))))
      continue;
    const incoming = block.phis[0]!.incoming.slice();
    for (const from of incoming) {
      const args = terminator.args.map((argument) => comingFrom(argument, block, from));
      const holds = decideCompare(terminator.predicate, args[0]!, args[1]!);
      if (holds === undefined) continue;
      const target = holds ? terminator.whenTrue : terminator.whenFalse;
      // Two ways from one block to another cannot be told apart by phis.
      if (successors(from).includes(target)) continue;
      for (const phi of target.phis) {
        const value = comingFrom(incomingValue(phi, block)!, block, from);
        phi.args.push(value);
        phi.incoming.push(from);
        addUser(users, value, phi);
      }
      redirect(from.terminator!, block, target);
      removeIncoming(block, from);
      changed = true;
    }
  }
  return changed;
}

function comingFrom(value: Value, block: Block, from: Block): Value {
  return value.op === "phi" && block.phis.includes(value) ? incomingValue(value, from)! : value;
}

/** Whether a use is the block's own branch, or a phi right behind it. */
function passesOn(user: Block | Phi, block: Block, next: readonly Block[]): boolean {
  if (!("op" in user)) return user === block;
  return next.some(
    (target) =>
      target.phis.includes(user) &&
      user.args.every(
        (argument, index) => user.incoming[index] === block || !block.phis.some((phi) => phi === argument),
      ),
  );
}

/** Phis stand for themselves, everything else for its block. */
function userBlocks(fn: IrFunction): Map<Value, Set<Block | Phi>> {
  const users = new Map<Value, Set<Block | Phi>>();
  for (const block of fn.blocks) {
    for (const phi of block.phis) for (const argument of phi.args) addUser(users, argument, phi);
    for (const value of block.body) for (const argument of value.args) addUser(users, argument, block);
    for (const argument of block.terminator!.args) addUser(users, argument, block);
  }
  return users;
}

function addUser(users: Map<Value, Set<Block | Phi>>, value: Value, user: Block | Phi): void {
  if (value.op !== "phi") return;
  const set = users.get(value);
  if (set === undefined) users.set(value, new Set([user]));
  else set.add(user);
}

/** Predecessors of a block that only jumps jump on by themselves. */
function skipEmptyBlocks(fn: IrFunction): boolean {
  let changed = false;
  const predecessors = predecessorsOf(fn.blocks);
  for (const block of fn.blocks) {
    const terminator = block.terminator!;
    if (block === fn.blocks[0] || block.body.length > 0 || block.phis.length > 0) continue;
    if (terminator.op !== "br" || terminator.target === block) continue;
    const { target } = terminator;
    const before = predecessors.get(block)!;
    for (const from of before.slice()) {
      if (successors(from).includes(target) && target.phis.length > 0) continue;
      for (const phi of target.phis) {
        phi.args.push(incomingValue(phi, block)!);
        phi.incoming.push(from);
      }
      redirect(from.terminator!, block, target);
      before.splice(before.indexOf(from), 1);
      const list = predecessors.get(target)!;
      if (!list.includes(from)) list.push(from);
      changed = true;
    }
    if (before.length > 0) continue;
    // Nobody comes here any more; it goes now, so that the phis are right for the next block.
    removeIncoming(target, block);
    predecessors.get(target)!.splice(predecessors.get(target)!.indexOf(block), 1);
    block.terminator = { op: "unreachable", args: [], position: undefined };
    changed = true;
  }
  if (changed) removeUnreachable(fn);
  return changed;
}

function mergeChains(fn: IrFunction): boolean {
  const predecessors = predecessorsOf(fn.blocks);
  const replacements = new Replacements();
  const gone = new Set<Block>();
  for (const block of fn.blocks) {
    if (gone.has(block)) continue;
    for (;;) {
      const terminator = block.terminator!;
      if (terminator.op !== "br") break;
      const next = terminator.target;
      if (next === block || next === fn.blocks[0] || predecessors.get(next)!.length !== 1) break;
      for (const phi of next.phis) replacements.set(phi, phi.args[0]!);
      block.body = [...block.body, ...next.body];
      block.terminator = next.terminator;
      for (const after of successors(next)) renameIncoming(after, next, block);
      for (const after of successors(next)) {
        const list = predecessors.get(after)!;
        list.splice(list.indexOf(next), 1, block);
      }
      gone.add(next);
    }
  }
  if (gone.size === 0) return false;
  fn.blocks = fn.blocks.filter((block) => !gone.has(block));
  replacements.apply(fn);
  return true;
}
