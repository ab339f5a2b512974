import { constant, newInstruction } from "../builder.ts";
import { dominates, dominatorTree } from "../dominators.ts";
import { pair } from "../node.ts";
import type { Block, Instruction, IrFunction, Phi, Predicate, Value } from "../node.ts";
import { OPS, PREDICATES } from "../op-table.ts";
import { Replacements } from "../rewrite.ts";
import { foldAddress } from "./addresses.ts";
import { canonicalCompare, decideCompare, simplify } from "./simplify.ts";

/**
 * Simplifies every instruction, computes equal ones once (pure helper calls too), and answers comparisons
 * that a dominating branch has answered. One walk in an order where definitions come before uses.
 */
export function numberValues(fn: IrFunction): void {
  const tree = dominatorTree(fn);
  const replacements = new Replacements();
  const known = new Map<string, { value: Value; block: Block }>();
  /** Comparisons that hold (or not) from a block on, in all that it dominates. */
  const facts = new Map<string, { holds: boolean; block: Block }[]>();

  const lookUp = (value: Value, block: Block): Value | undefined => {
    const key = numberingKey(value);
    if (key === undefined) return undefined;
    const found = known.get(key);
    if (found !== undefined && dominates(tree, found.block, block)) return found.value;
    known.set(key, { value, block });
    return undefined;
  };
  const fact = (predicate: Predicate, args: readonly Value[], block: Block): boolean | undefined =>
    facts.get(factKey(predicate, args))?.find((entry) => dominates(tree, entry.block, block))?.holds;

  for (const block of tree.blocks) {
    learn(block, tree.predecessors.get(block)!, facts);
    block.phis = block.phis.filter((phi) => {
      replacements.applyToArgs(phi.args);
      const same = onlyValue(phi);
      if (same === undefined) return true;
      replacements.set(phi, same);
      return false;
    });
    const out: Instruction[] = [];
    const process = (value: Instruction): Value => {
      const simpler = simplify(fn, value, (fields) => {
        const { op, type, args } = fields;
        return process(newInstruction(fn, { op, type, args, position: value.position }));
      });
      if (simpler !== undefined) return simpler;
      const equal = lookUp(value, block);
      if (equal !== undefined) return equal;
      out.push(value);
      return value;
    };
    for (const value of block.body) {
      replacements.applyToArgs(value.args);
      let current = value;
      if (value.op === "compare") {
        const { predicate, args } = canonicalCompare(value.predicate, value.args);
        current = { ...value, predicate, args };
        const holds = fact(predicate, args, block);
        if (holds !== undefined) {
          replacements.set(value, answer(fn, holds));
          continue;
        }
      }
      current = foldAddress(current);
      replacements.set(value, process(current));
    }
    block.body = out;
    const terminator = block.terminator!;
    replacements.applyToArgs(terminator.args);
    if (terminator.op !== "condBr") continue;
    const { predicate, args } = canonicalCompare(terminator.predicate, terminator.args);
    const holds = decideCompare(predicate, args[0]!, args[1]!) ?? fact(predicate, args, block);
    if (holds === undefined) block.terminator = { ...terminator, predicate, args };
    else block.terminator = { ...terminator, predicate: "ne", args: [answer(fn, holds), answer(fn, false)] };
  }
  replacements.apply(fn);
}

function answer(fn: IrFunction, holds: boolean): Value {
  return constant(fn, "i32", holds ? 1n : 0n);
}

/** What a block may believe because control came by one way only. */
function learn(
  block: Block,
  predecessors: readonly Block[],
  facts: Map<string, { holds: boolean; block: Block }[]>,
): void {
  const [from] = predecessors;
  if (predecessors.length !== 1 || from?.terminator?.op !== "condBr") return;
  const { predicate, args, whenTrue } = from.terminator;
  const holds = whenTrue === block;
  const believe = (key: string, value: boolean): void => {
    const list = facts.get(key);
    if (list === undefined) facts.set(key, [{ holds: value, block }]);
    else list.push({ holds: value, block });
  };
  const [left, right] = pair(args);
  const truth = holds ? predicate : PREDICATES[predicate].not;
  for (const implied of [truth, ...(IMPLIED[truth] ?? [])]) {
    const { not, swapped } = PREDICATES[implied];
    believe(factKey(implied, [left, right]), true);
    believe(factKey(not, [left, right]), false);
    believe(factKey(swapped, [right, left]), true);
    believe(factKey(PREDICATES[not].swapped, [right, left]), false);
  }
}

/** What else is true of the same two values. */
const IMPLIED: Partial<Record<Predicate, readonly Predicate[]>> = {
  eq: ["ule", "uge", "sle", "sge"],
  ult: ["ule", "ne"],
  ugt: ["uge", "ne"],
  slt: ["sle", "ne"],
  sgt: ["sge", "ne"],
};

function factKey(predicate: Predicate, args: readonly Value[]): string {
  return `${predicate} ${args[0]!.id} ${args[1]!.id}`;
}

/** The one value that a phi has, whichever way control came. */
function onlyValue(phi: Phi): Value | undefined {
  let found: Value | undefined;
  for (const argument of phi.args) {
    if (argument === phi || argument === found) continue;
    if (found !== undefined) return undefined;
    found = argument;
  }
  return found;
}

/** Equal for instructions that give the same; undefined for those that may not. */
function numberingKey(value: Value): string | undefined {
  const args = value.args.map((argument) => argument.id);
  switch (value.op) {
    case "compare":
      return `compare ${value.predicate} ${args.join(" ")}`;
    case "call": {
      if (value.effects.pure !== true) return undefined;
      const { callee } = value;
      const name = callee.kind === "helper" ? `#${callee.id}` : `${callee.kind} ${callee.name}`;
      return `call ${name} ${value.type} ${args.join(" ")}`;
    }
    default:
      if (OPS[value.op].effect !== "pure") return undefined;
      if (OPS[value.op].commutes === true && args[0]! > args[1]!) args.reverse();
      return `${value.op} ${value.type} ${args.join(" ")}`;
  }
}
