/**
 * The nodes of the intermediate form: a module of functions in SSA form. Passes change functions in
 * place; nodes are created by the builder only.
 *
 * Types: an `i32` lives in a register whose upper half is zero, as 32-bit operations and loads of at most
 * four bytes leave it, so zero extension costs nothing. Narrower integers exist only as explicit
 * `zext8`, `sext16` and so on.
 */
export type ValueType = "i32" | "i64" | "ptr";

/** What an instruction may leave: a value, or nothing. */
export type ResultType = ValueType | "void";

export type BinaryOp =
  | "add"
  | "sub"
  | "mul"
  /** Division by zero gives 0, the remainder of it the dividend, as in BPF. */
  | "udiv"
  | "sdiv"
  | "umod"
  | "smod"
  | "and"
  | "or"
  | "xor"
  /** Shift counts are taken modulo the width. */
  | "shl"
  | "lshr"
  | "ashr";

export type UnaryOp =
  | "neg"
  /** Swap the low bytes and clear the rest. */
  | "bswap16"
  | "bswap32"
  | "bswap64";

export type ConvertOp =
  /** i64 to i32. */
  | "trunc"
  /** i32 to i64. */
  | "zext32"
  | "sext32"
  /** Same type: the low bits, extended to the whole value. */
  | "zext8"
  | "zext16"
  | "sext8"
  | "sext16";

export type Predicate =
  | "eq"
  | "ne"
  | "ult"
  | "ule"
  | "ugt"
  | "uge"
  | "slt"
  | "sle"
  | "sgt"
  | "sge"
  /** True when the two have a common bit. */
  | "set"
  /** True when the two have none. */
  | "clear";

export type AtomicOp = "add" | "and" | "or" | "xor" | "xchg" | "cmpxchg";

/** Bytes of one memory access. */
export type Width = 1 | 2 | 4 | 8;

/** Where an instruction comes from. `text` is the whole source line. Lines and columns count from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** A number that is known only when the program is loaded; patched into one instruction. */
export type LoadTimeNumber =
  | { readonly kind: "core"; readonly typeId: number; readonly access: string; readonly coreKind: number }
  | { readonly kind: "tracepoint"; readonly tracepoint: string; readonly field: string };

/** What a call does beside returning a value; whatever is absent is taken at its worst. */
export interface CallEffects {
  /** Equal arguments give equal results during one run, and memory is left alone: merged and dropped freely. */
  readonly pure?: boolean;
  /** May be dropped when its result and what it wrote are not used. */
  readonly discardable?: boolean;
  /** Indices of the pointer arguments whose memory is read; absent: all of them. */
  readonly reads?: readonly number[];
  /** Indices of the pointer arguments whose memory is written; absent: all of them. */
  readonly writes?: readonly number[];
}

export type Callee =
  | { readonly kind: "helper"; readonly id: number; readonly name?: string }
  | { readonly kind: "kfunc"; readonly name: string; readonly weak?: boolean }
  | { readonly kind: "function"; readonly name: string };

interface ValueBase<Type extends ResultType = ResultType> {
  /** Unique in its function. */
  readonly id: number;
  readonly type: Type;
  args: Value[];
  position: SourcePosition | undefined;
}

/** Values without a place in a block: known on entry, or made anew wherever they are used. */
export type Leaf =
  /** i32 and i64 are kept sign-extended from their width; a `ptr` constant is null. */
  | (ValueBase<ValueType> & { readonly op: "const"; readonly value: bigint })
  | (ValueBase<ValueType> & { readonly op: "param"; readonly index: number })
  /** A stack slot, alive from its first to its last use; uninitialised. Size and alignment in bytes. */
  | (ValueBase<"ptr"> & {
      readonly op: "alloca";
      readonly size: number;
      readonly align: number;
      readonly name: string | undefined;
    })
  | (ValueBase<"ptr"> & { readonly op: "mapRef"; readonly map: string })
  /** An address in the first value of an array map. */
  | (ValueBase<"ptr"> & { readonly op: "mapValue"; readonly map: string; readonly offset: number })
  | (ValueBase<"ptr"> & { readonly op: "functionRef"; readonly name: string })
  | (ValueBase<"i64"> & { readonly op: "loadTime"; readonly number: LoadTimeNumber })
  | (ValueBase<"i64" | "ptr"> & {
      readonly op: "ksym";
      readonly name: string;
      readonly typed: boolean;
      readonly weak: boolean;
    });

export type Phi = ValueBase<ValueType> & {
  readonly op: "phi";
  /** The predecessor that each argument comes from. */
  incoming: Block[];
};

/** One memory access: `args[0]` is the base; `reloc` (when there) is added to the offset at load. */
export interface Access {
  readonly width: Width;
  readonly offset: number;
  readonly reloc: LoadTimeNumber | undefined;
}

export type Instruction =
  | (ValueBase<ValueType> & { readonly op: BinaryOp | UnaryOp | ConvertOp })
  /** i32: 1 or 0. */
  | (ValueBase<"i32"> & { readonly op: "compare"; readonly predicate: Predicate })
  /** `args`: condition (true when not zero), then, else. */
  | (ValueBase<ValueType> & { readonly op: "select" })
  /** Widths below the type are zero- or sign-extended to it. */
  | (ValueBase<ValueType> & { readonly op: "load"; readonly signed: boolean } & Access)
  /** `args`: base, value. The low bytes of the value are stored. */
  | (ValueBase<"void"> & { readonly op: "store" } & Access)
  /** `args`: destination, source; they do not overlap. Offsets are added to them. Alignment is that of both. */
  | (ValueBase<"void"> & {
      readonly op: "copy";
      readonly size: number;
      readonly align: number;
      readonly offset: number;
      readonly sourceOffset: number;
    })
  /** `args`: destination. Fills with one byte. */
  | (ValueBase<"void"> & {
      readonly op: "fill";
      readonly size: number;
      readonly align: number;
      readonly offset: number;
      readonly byte: number;
    })
  /** `args`: base, value, and for cmpxchg the expected old value. With a result: the old value. */
  | (ValueBase & { readonly op: "atomic"; readonly operation: AtomicOp } & Access)
  | (ValueBase & { readonly op: "call"; readonly callee: Callee; readonly effects: CallEffects });

/** Anything that can be an argument, and the instructions that leave nothing. */
export type Value = Leaf | Phi | Instruction;

interface TerminatorBase {
  args: Value[];
  position: SourcePosition | undefined;
}

export type Terminator =
  | (TerminatorBase & { readonly op: "br"; target: Block })
  /** `args`: left, right, of one width. */
  | (TerminatorBase & {
      readonly op: "condBr";
      readonly predicate: Predicate;
      whenTrue: Block;
      whenFalse: Block;
      /** Which way is usual; undefined: nobody knows. */
      readonly likely: boolean | undefined;
    })
  /** `args`: the value. */
  | (TerminatorBase & {
      readonly op: "switch";
      cases: { readonly value: bigint; readonly target: Block }[];
      otherwise: Block;
    })
  /** `args`: the result, or none. */
  | (TerminatorBase & { readonly op: "ret" })
  | (TerminatorBase & { readonly op: "unreachable" });

export interface Block {
  /** Unique in its function. */
  readonly id: number;
  readonly name: string | undefined;
  phis: Phi[];
  body: Instruction[];
  /** Undefined only while the block is being built. */
  terminator: Terminator | undefined;
}

export interface IrFunction {
  readonly name: string;
  readonly params: Leaf[];
  readonly result: ResultType;
  /** In order of emission; the first is the entry and has no predecessors. */
  blocks: Block[];
  /** BTF type id of the FUNC, for func_info. */
  readonly typeId: number | undefined;
  readonly position: SourcePosition | undefined;
  nextValueId: number;
  nextBlockId: number;
  /** Constants and references, one node each. */
  readonly leaves: Map<string, Leaf>;
}

export interface IrModule {
  /** The first one is the program; the others are called from it. */
  readonly functions: IrFunction[];
}

/** The two arguments of what has two. */
export function pair(args: readonly Value[]): [Value, Value] {
  return [args[0]!, args[1]!];
}

/** Blocks that control may go to next, without repetition. */
export function successors(block: Block): Block[] {
  const terminator = block.terminator;
  if (terminator === undefined) return [];
  switch (terminator.op) {
    case "br":
      return [terminator.target];
    case "condBr":
      return terminator.whenTrue === terminator.whenFalse
        ? [terminator.whenTrue]
        : [terminator.whenTrue, terminator.whenFalse];
    case "switch":
      return [...new Set([...terminator.cases.map((entry) => entry.target), terminator.otherwise])];
    case "ret":
    case "unreachable":
      return [];
  }
}
