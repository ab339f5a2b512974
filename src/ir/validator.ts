import { BpfkitError } from "../errors.ts";
import { dominatorTree, dominates } from "./dominators.ts";
import { successors } from "./node.ts";
import type { Block, IrFunction, IrModule, Terminator, Value } from "./node.ts";
import { isLeaf, OPS } from "./op-table.ts";
import { printInstruction, printTerminator } from "./printer.ts";

/** A front end or pass made a module that breaks a rule of the form: a bug, never the user's fault. */
export class InvalidIrError extends BpfkitError {
  override readonly name = "InvalidIrError";

  constructor(functionName: string, message: string) {
    super(`Invalid IR in ${functionName}: ${message}`, { code: "ir/invalid" });
  }
}

/** @throws {InvalidIrError} at the first rule that is broken. */
export function validateModule(module: IrModule): void {
  for (const fn of module.functions) validateFunction(fn);
}

export function validateFunction(fn: IrFunction): void {
  const fail = (message: string): never => {
    throw new InvalidIrError(fn.name, message);
  };
  const entry = fn.blocks[0];
  if (entry === undefined) return fail("it has no block");
  checkEdges(fn, fail);
  const definitions = definitionSites(fn, fail);
  const tree = dominatorTree(fn);
  const leaves = new Set<Value>([...fn.params, ...fn.leaves.values()]);
  const reachable = (block: Block): boolean => tree.order.has(block);
  const checkUse = (value: Value, block: Block, index: number, where: () => string): void => {
    if (value.type === "void") fail(`a value is missing in: ${where()}`);
    if (isLeaf(value)) {
      if (!leaves.has(value)) fail(`a leaf of another function in: ${where()}`);
      return;
    }
    const site = definitions.get(value);
    if (site === undefined) return fail(`%${value.id} is used but in no block: ${where()}`);
    const dominated = site.block === block ? site.index < index : dominates(tree, site.block, block);
    if (!dominated) fail(`%${value.id} does not reach its use in b${block.id}: ${where()}`);
  };
  for (const block of fn.blocks) {
    if (!reachable(block)) continue;
    for (const phi of block.phis) {
      phi.args.forEach((argument, index) => {
        const from = phi.incoming[index]!;
        if (reachable(from)) checkUse(argument, from, Infinity, () => printInstruction(phi));
        if (argument.type !== phi.type) fail(`types differ: ${printInstruction(phi)}`);
      });
    }
    block.body.forEach((value, index) => {
      for (const argument of value.args) checkUse(argument, block, index, () => printInstruction(value));
      const problem = typeProblem(value);
      if (problem !== undefined) fail(`${problem}: ${printInstruction(value)}`);
    });
    const terminator = block.terminator!;
    for (const argument of terminator.args)
      checkUse(argument, block, Infinity, () => printTerminator(terminator));
    const problem = terminatorProblem(terminator, fn);
    if (problem !== undefined) fail(`${problem}: ${printTerminator(terminator)}`);
  }
}

function checkEdges(fn: IrFunction, fail: (message: string) => never): void {
  const known = new Set(fn.blocks);
  const predecessors = new Map<Block, Set<Block>>();
  for (const block of fn.blocks) {
    if (block.terminator === undefined) fail(`b${block.id} has no terminator`);
    for (const next of successors(block)) {
      if (!known.has(next)) fail(`b${block.id} goes to b${next.id}, which is not in the function`);
      const set = predecessors.get(next);
      if (set === undefined) predecessors.set(next, new Set([block]));
      else set.add(block);
    }
  }
  if (predecessors.has(fn.blocks[0]!)) fail("the entry has a predecessor");
  for (const block of fn.blocks) {
    const expected = predecessors.get(block) ?? new Set();
    for (const phi of block.phis) {
      const same = phi.incoming.length === expected.size && phi.incoming.every((from) => expected.has(from));
      if (!same || phi.args.length !== phi.incoming.length || new Set(phi.incoming).size !== expected.size) {
        fail(`b${block.id} has other predecessors than: ${printInstruction(phi)}`);
      }
    }
  }
}

interface Site {
  readonly block: Block;
  readonly index: number;
}

function definitionSites(fn: IrFunction, fail: (message: string) => never): Map<Value, Site> {
  const sites = new Map<Value, Site>();
  const ids = new Set<number>();
  const define = (value: Value, block: Block, index: number): void => {
    if (sites.has(value) || ids.has(value.id)) fail(`%${value.id} is defined twice`);
    ids.add(value.id);
    sites.set(value, { block, index });
  };
  for (const block of fn.blocks) {
    for (const phi of block.phis) define(phi, block, -1);
    block.body.forEach((value, index) => define(value, block, index));
  }
  return sites;
}

function typeProblem(value: Value): string | undefined {
  const { args: count } = OPS[value.op];
  if (count !== undefined && value.args.length !== count) return `${value.op} takes ${count} arguments`;
  const [first, second, third] = value.args;
  switch (value.op) {
    case "compare":
      return comparable(first!, second!) ? undefined : "types differ";
    case "select":
      return second!.type === third!.type && value.type === second!.type ? undefined : "types differ";
    case "trunc":
      return first!.type === "i64" || first!.type === "ptr" ? undefined : "trunc takes an i64";
    case "zext32":
    case "sext32":
      return first!.type === "i32" ? undefined : `${value.op} takes an i32`;
    case "load":
    case "store":
    case "copy":
    case "fill":
    case "atomic":
      if (first!.type !== "ptr" && first!.type !== "i64") return "the base is not an address";
      if (value.op === "load" && value.type === "i32" && value.width === 8)
        return "8 bytes do not fit an i32";
      if (value.op === "store" && value.width === 8 && second!.type === "i32")
        return "the value is too narrow";
      return undefined;
    case "call":
      return value.args.length > 5 ? "more than five arguments" : undefined;
    case "add":
    case "sub":
      return wide(first!) === wide(second!) ? undefined : "types differ";
    case "phi":
      return undefined;
    default:
      if (value.args.length === 2 && wide(first!) !== wide(second!)) return "types differ";
      return undefined;
  }
}

function wide(value: Value): boolean {
  return value.type !== "i32";
}

function comparable(left: Value, right: Value): boolean {
  return wide(left) === wide(right);
}

function terminatorProblem(terminator: Terminator, fn: IrFunction): string | undefined {
  switch (terminator.op) {
    case "condBr":
      if (terminator.whenTrue === terminator.whenFalse) return "both ways are the same";
      return comparable(terminator.args[0]!, terminator.args[1]!) ? undefined : "types differ";
    case "ret": {
      const [value] = terminator.args;
      if (fn.result === "void") return value === undefined ? undefined : "the function returns nothing";
      if (value === undefined) return "the result is missing";
      return (value.type === "i32") === (fn.result === "i32") ? undefined : "types differ";
    }
    case "br":
    case "switch":
    case "unreachable":
      return undefined;
  }
}
