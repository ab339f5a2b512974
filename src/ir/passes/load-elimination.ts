import { constant, newInstruction } from "../builder.ts";
import { reversePostorder, predecessorsOf } from "../dominators.ts";
import { stackUse, touchedArguments } from "../memory-regions.ts";
import type { StackUse } from "../memory-regions.ts";
import type {
  Block,
  ConvertOp,
  Instruction,
  IrFunction,
  LoadTimeNumber,
  Value,
  ValueType,
  Width,
} from "../node.ts";
import { Replacements } from "../rewrite.ts";
import type { PassScope } from "./pass.ts";

/** What is known to lie somewhere in memory. */
interface Entry {
  readonly base: Value;
  readonly offset: number;
  readonly size: number;
  readonly reloc: LoadTimeNumber | undefined;
  /** For a load: its sign; what was stored has none. */
  readonly signed: boolean | undefined;
  /** Undefined for memory filled with zeros. */
  readonly value: Value | undefined;
}

interface Memory extends StackUse {
  /** The program's context: nothing but a callee that is given it writes there. */
  readonly context: Value | undefined;
}

/** Farther than an access can reach. */
const FAR = 0x1_0000_0000;

type Load = Extract<Instruction, { readonly op: "load" }>;

/** Entries kept at once: older ones are forgotten, so that the pass stays linear. */
const CAPACITY = 48;

/** Replaces loads of what was just stored or loaded, along chains of blocks with one way in. */
export function eliminateLoads(fn: IrFunction, scope: PassScope): void {
  const blocks = reversePostorder(fn);
  const predecessors = predecessorsOf(blocks);
  const use: Memory = { ...stackUse(fn), context: scope.isProgram ? fn.params[0] : undefined };
  const replacements = new Replacements();
  const atEnd = new Map<Block, Entry[]>();
  for (const block of blocks) {
    let entries = entriesAtStart(predecessors.get(block)!, atEnd);
    const out: Instruction[] = [];
    for (const value of block.body) {
      replacements.applyToArgs(value.args);
      if (value.op === "load") {
        const known = entries.findLast((entry) => covers(entry, value));
        const found = known && valueOf(fn, known, value, out);
        if (found !== undefined) {
          replacements.set(value, found);
          continue;
        }
        entries.push(entryOf(value, value.signed, value));
      } else {
        entries = afterEffect(entries, value, use);
      }
      out.push(value);
      if (entries.length > CAPACITY) entries = entries.slice(-CAPACITY / 2);
    }
    block.body = out;
    atEnd.set(block, entries);
  }
  replacements.apply(fn);
}

function entriesAtStart(
  predecessors: readonly Block[],
  atEnd: ReadonlyMap<Block, readonly Entry[]>,
): Entry[] {
  const [first, ...others] = predecessors.map((block) => atEnd.get(block));
  // A way that is not known yet comes from a loop.
  if (first === undefined || others.includes(undefined)) return [];
  return first.filter((entry) => others.every((entries) => entries!.includes(entry)));
}

function entryOf(
  access: {
    readonly args: Value[];
    readonly offset: number;
    readonly width: Width;
    readonly reloc: LoadTimeNumber | undefined;
  },
  signed: boolean | undefined,
  value: Value,
): Entry {
  const { offset, width, reloc } = access;
  return { base: access.args[0]!, offset, size: width, reloc, signed, value };
}

function covers(entry: Entry, load: Load): boolean {
  if (entry.base !== load.args[0] || entry.reloc !== load.reloc) return false;
  if (entry.value === undefined || isStoredConstant(entry)) {
    return load.offset >= entry.offset && load.offset + load.width <= entry.offset + entry.size;
  }
  if (entry.offset !== load.offset || entry.size !== load.width) return false;
  return entry.signed === undefined || (entry.signed === load.signed && entry.value.type === load.type);
}

/** Any part of a constant is a constant. */
function isStoredConstant(entry: Entry): boolean {
  return entry.signed === undefined && entry.value?.op === "const" && entry.value.type !== "ptr";
}

/** The number that a load would give, from the one that is known to lie there. */
function valueOf(fn: IrFunction, entry: Entry, load: Load, out: Instruction[]): Value | undefined {
  if (entry.value === undefined) return constant(fn, load.type, 0n);
  if (isStoredConstant(entry) && entry.value.op === "const") {
    const bytes = entry.value.value >> BigInt(8 * (load.offset - entry.offset));
    const bits = load.width * 8;
    return constant(fn, load.type, load.signed ? BigInt.asIntN(bits, bytes) : BigInt.asUintN(bits, bytes));
  }
  if (entry.signed !== undefined) return entry.value;
  let { value } = entry;
  const convert = (op: ConvertOp, type: ValueType): void => {
    const made = newInstruction(fn, { op, type, args: [value], position: load.position });
    out.push(made);
    value = made;
  };
  if (load.width === 8)
    return value.type === load.type || (value.type !== "ptr" && load.type !== "ptr") ? value : undefined;
  if (value.type === "ptr" || load.type === "ptr") return undefined;
  if (value.type === "i64" && (load.type === "i32" || load.width === 4)) convert("trunc", "i32");
  if (load.width < 4) {
    const type = value.type === "i32" ? "i32" : "i64";
    convert(load.width === 1 ? (load.signed ? "sext8" : "zext8") : load.signed ? "sext16" : "zext16", type);
  }
  if (value.type === "i32" && load.type === "i64") convert(load.signed ? "sext32" : "zext32", "i64");
  return value;
}

/** What is still known after an instruction that may write. */
function afterEffect(entries: Entry[], value: Instruction, use: Memory): Entry[] {
  switch (value.op) {
    case "store": {
      const base = value.args[0]!;
      // Where exactly, only the loader knows.
      if (value.reloc !== undefined) return afterWrite(entries, base, -FAR, 2 * FAR, use);
      const left = afterWrite(entries, base, value.offset, value.width, use);
      left.push(entryOf(value, undefined, value.args[1]!));
      return left;
    }
    case "fill": {
      const { size, offset } = value;
      const base = value.args[0]!;
      const left = afterWrite(entries, base, offset, size, use);
      const zeros = { base, offset, size, reloc: undefined, signed: undefined, value: undefined };
      if (value.byte === 0) left.push(zeros);
      return left;
    }
    case "copy":
      return afterWrite(entries, value.args[0]!, value.offset, value.size, use);
    case "atomic":
      return afterWrite(entries, value.args[0]!, value.offset, value.width, use);
    case "call": {
      if (value.effects.pure === true) return entries;
      const written = touchedArguments(value, "writes");
      const { discardable } = value.effects;
      return entries.filter((entry) => {
        const roots = use.roots.get(entry.base);
        if (entry.base === use.context) return !written.includes(entry.base);
        if (roots === undefined) return discardable === true && !written.includes(entry.base);
        if ([...roots].some((root) => use.escaped.has(root))) return false;
        return !written.some((argument) =>
          [...(use.roots.get(argument) ?? [])].some((root) => roots.has(root)),
        );
      });
    }
    default:
      return entries;
  }
}

function afterWrite(
  entries: readonly Entry[],
  base: Value,
  offset: number,
  size: number,
  use: Memory,
): Entry[] {
  const written = use.roots.get(base);
  return entries.flatMap((entry) => {
    if (entry.base === base && entry.reloc === undefined) return outside(entry, offset, size);
    return mayOverlap(entry) ? [] : [entry];
  });

  function mayOverlap(entry: Entry): boolean {
    if (use.context !== undefined && (entry.base === use.context) !== (base === use.context)) return false;
    const roots = use.roots.get(entry.base);
    const isPrivate = (slots: ReadonlySet<Value>): boolean =>
      ![...slots].some((slot) => use.escaped.has(slot));
    // A private slot is reached through its own address only.
    if (roots !== undefined && written !== undefined) return [...roots].some((root) => written.has(root));
    if (roots !== undefined) return !isPrivate(roots);
    return written === undefined || !isPrivate(written);
  }
}

/** What of an entry lies outside of a write. */
function outside(entry: Entry, offset: number, size: number): Entry[] {
  const end = entry.offset + entry.size;
  if (end <= offset || offset + size <= entry.offset) return [entry];
  if (entry.value !== undefined) return [];
  const before = { ...entry, size: offset - entry.offset };
  const after = { ...entry, offset: offset + size, size: end - offset - size };
  return [before, after].filter((part) => part.size > 0);
}
