import { constant, newBlock, newInstruction, newPhi } from "../builder.ts";
import type {
  BinaryOp,
  Block,
  Instruction,
  IrFunction,
  Predicate,
  SourcePosition,
  Terminator,
  Value,
} from "../node.ts";
import { pair, successors } from "../node.ts";
import { PREDICATES } from "../op-table.ts";
import { foldBinary } from "../passes/fold.ts";
import type { CpuVersion } from "../program-code.ts";
import {
  countUses,
  removeUnreachable,
  renameIncoming,
  Replacements,
  splitCriticalEdges,
} from "../rewrite.ts";

/**
 * Takes out what the target has no instruction for: choices become branches, a switch a chain of them,
 * signed division before v4 unsigned division of absolute values, 32-bit comparisons before v3 64-bit ones.
 */
export function legalize(fn: IrFunction, cpu: CpuVersion): void {
  removeUnreachable(fn);
  lowerSwitches(fn);
  if (cpu !== "v4") lowerSignedDivision(fn);
  lowerChoices(fn);
  if (cpu === "v1" || cpu === "v2") widenComparisons(fn);
  dropTrivialPhis(fn);
  splitCriticalEdges(fn, (after) => insertBlock(fn, after));
}

function insertBlock(fn: IrFunction, after: Block): Block {
  const block = newBlock(fn);
  fn.blocks.splice(fn.blocks.indexOf(after) + 1, 0, block);
  return block;
}

function lowerSwitches(fn: IrFunction): void {
  for (const block of fn.blocks.slice()) {
    const terminator = block.terminator!;
    if (terminator.op !== "switch") continue;
    const [value] = terminator.args;
    const targets = successors(block);
    const origins = new Map<Block, Block[]>(targets.map((target) => [target, []]));
    const cases = terminator.cases.filter((entry) => entry.target !== terminator.otherwise);
    let from = block;
    cases.forEach((entry, index) => {
      const whenFalse = index === cases.length - 1 ? terminator.otherwise : insertBlock(fn, from);
      from.terminator = {
        op: "condBr",
        predicate: "eq",
        args: [value!, constant(fn, value!.type === "i32" ? "i32" : "i64", entry.value)],
        whenTrue: entry.target,
        whenFalse,
        likely: undefined,
        position: terminator.position,
      };
      origins.get(entry.target)!.push(from);
      if (whenFalse === terminator.otherwise) origins.get(whenFalse)!.push(from);
      else from = whenFalse;
    });
    if (cases.length === 0) {
      block.terminator = { op: "br", args: [], target: terminator.otherwise, position: terminator.position };
      origins.get(terminator.otherwise)!.push(block);
    }
    for (const [target, preds] of origins) replaceIncoming(target, block, preds);
  }
}

function replaceIncoming(target: Block, from: Block, by: readonly Block[]): void {
  for (const phi of target.phis) {
    const index = phi.incoming.indexOf(from);
    const argument = phi.args[index]!;
    phi.incoming.splice(index, 1, ...by);
    phi.args.splice(index, 1, ...by.map(() => argument));
  }
}

/** Makes instructions in front of others. */
class Inserter {
  readonly #fn: IrFunction;
  readonly #position: SourcePosition | undefined;
  readonly #out: Instruction[];

  constructor(fn: IrFunction, position: SourcePosition | undefined, out: Instruction[]) {
    this.#fn = fn;
    this.#position = position;
    this.#out = out;
  }

  binary(op: BinaryOp, left: Value, right: Value): Value {
    const type = left.type === "i32" ? "i32" : "i64";
    if (right.op === "const") {
      if (right.value === 0n && (op === "xor" || op === "sub")) return left;
      if (left.op === "const") {
        const folded = foldBinary(op, left.value, right.value, type === "i32" ? 32 : 64);
        return constant(this.#fn, type, folded);
      }
    }
    const value = newInstruction(this.#fn, { op, type, args: [left, right], position: this.#position });
    this.#out.push(value);
    return value;
  }

  constant(like: Value, value: number): Value {
    return constant(this.#fn, like.type === "i32" ? "i32" : "i64", value);
  }
}

/** |a| / |b| with the sign put back: (x ^ s) - s negates x where s is -1. */
function lowerSignedDivision(fn: IrFunction): void {
  const replacements = new Replacements();
  for (const block of fn.blocks) {
    if (!block.body.some((value) => value.op === "sdiv" || value.op === "smod")) continue;
    const out: Instruction[] = [];
    for (const value of block.body) {
      if (value.op !== "sdiv" && value.op !== "smod") {
        out.push(value);
        continue;
      }
      const [left, right] = pair(value.args);
      const make = new Inserter(fn, value.position, out);
      const top = make.constant(value, value.type === "i32" ? 31 : 63);
      const negateIf = (sign: Value, operand: Value): Value =>
        make.binary("sub", make.binary("xor", operand, sign), sign);
      const leftSign = make.binary("ashr", left, top);
      const rightSign = make.binary("ashr", right, top);
      const dividend = negateIf(leftSign, left);
      const divisor = negateIf(rightSign, right);
      const result = make.binary(value.op === "sdiv" ? "udiv" : "umod", dividend, divisor);
      const sign = value.op === "sdiv" ? make.binary("xor", leftSign, rightSign) : leftSign;
      replacements.set(value, negateIf(sign, result));
    }
    block.body = out;
  }
  replacements.apply(fn);
}

/** Comparisons as values and selects: a fork whose ways meet in a phi. */
function lowerChoices(fn: IrFunction): void {
  const replacements = new Replacements();
  const uses = countUses(fn);
  for (const first of fn.blocks.slice()) {
    if (!first.body.some((value) => value.op === "compare" || value.op === "select")) continue;
    const body = first.body;
    const { terminator } = first;
    const leaving = successors(first);
    let block = first;
    block.body = [];
    for (const value of body) {
      if (value.op === "compare" && uses[value.id] === 0) continue;
      if (value.op === "compare" && onlyChooses(value, body, terminator!, uses)) continue;
      if (value.op !== "compare" && value.op !== "select") {
        block.body.push(value);
        continue;
      }
      const choice = choiceOf(fn, value);
      const middle = insertBlock(fn, block);
      const join = insertBlock(fn, middle);
      const { position } = value;
      block.terminator = {
        op: "condBr",
        predicate: choice.predicate,
        args: choice.args,
        whenTrue: join,
        whenFalse: middle,
        likely: undefined,
        position,
      };
      middle.terminator = { op: "br", args: [], target: join, position };
      const phi = newPhi(fn, value.type, position);
      phi.incoming.push(block, middle);
      phi.args.push(choice.whenTrue, choice.whenFalse);
      join.phis.push(phi);
      replacements.set(value, phi);
      block = join;
    }
    block.terminator = fuseCompare(terminator!);
    if (block !== first) for (const next of leaving) renameIncoming(next, first, block);
  }
  replacements.apply(fn);
  for (const block of fn.blocks) block.terminator = fuseCompare(block.terminator!);
}

interface Choice {
  readonly predicate: Predicate;
  readonly args: Value[];
  readonly whenTrue: Value;
  readonly whenFalse: Value;
}

function choiceOf(fn: IrFunction, value: Instruction): Choice {
  if (value.op === "compare") {
    const [one, zero] = [constant(fn, "i32", 1), constant(fn, "i32", 0)];
    return { predicate: value.predicate, args: [...value.args], whenTrue: one, whenFalse: zero };
  }
  const condition = value.args[0]!;
  const whenTrue = value.args[1]!;
  const whenFalse = value.args[2]!;
  if (condition.op === "compare") {
    return { predicate: condition.predicate, args: [...condition.args], whenTrue, whenFalse };
  }
  const zero = constant(fn, condition.type === "i32" ? "i32" : "i64", 0);
  return { predicate: "ne", args: [condition, zero], whenTrue, whenFalse };
}

/** Whether a comparison's number is needed nowhere: all uses are selects and the branch of its own block. */
function onlyChooses(
  compare: Value,
  body: readonly Instruction[],
  terminator: Terminator,
  uses: Uint32Array,
): boolean {
  let count = 0;
  for (const value of body) if (value.op === "select" && value.args[0] === compare) count++;
  if (fusable(terminator) && terminator.args[0] === compare) count++;
  return count === uses[compare.id];
}

/** `if (a < b) != 0`. */
function fusable(terminator: Terminator): boolean {
  if (terminator.op !== "condBr") return false;
  const [left, right] = terminator.args;
  if (terminator.predicate !== "ne" && terminator.predicate !== "eq") return false;
  return left!.op === "compare" && right!.op === "const" && right!.value === 0n;
}

function fuseCompare(terminator: Terminator): Terminator {
  if (terminator.op !== "condBr" || !fusable(terminator)) return terminator;
  const [compare] = terminator.args;
  if (compare?.op !== "compare") return terminator;
  const predicate = terminator.predicate === "ne" ? compare.predicate : PREDICATES[compare.predicate].not;
  return { ...terminator, predicate, args: [...compare.args] };
}

/** 32-bit comparisons of zero-extended values: unsigned ones as they are, signed ones sign-extended. */
function widenComparisons(fn: IrFunction): void {
  for (const block of fn.blocks) {
    const terminator = block.terminator!;
    if (terminator.op !== "condBr" || terminator.args[0]!.type !== "i32") continue;
    const op = PREDICATES[terminator.predicate].signed === true ? "sext32" : "zext32";
    terminator.args = terminator.args.map((argument) => {
      if (argument.op === "const") {
        const value = op === "zext32" ? BigInt.asUintN(32, argument.value) : argument.value;
        return constant(fn, "i64", value);
      }
      const args = [argument];
      const wide = newInstruction(fn, { op, type: "i64", args, position: terminator.position });
      block.body.push(wide);
      return wide;
    });
  }
}

function dropTrivialPhis(fn: IrFunction): void {
  const replacements = new Replacements();
  for (const block of fn.blocks) {
    block.phis = block.phis.filter((phi) => {
      if (phi.args.length !== 1) return true;
      replacements.set(phi, phi.args[0]!);
      return false;
    });
  }
  replacements.apply(fn);
}
