import type { Diagnostic, SourceText, Span } from "../diagnostic.ts";
import type { AttachTarget } from "../object/index.ts";
import type { BuiltinName } from "./builtins.ts";
import type { FunctionName } from "./functions.ts";
import type { ProbeKind } from "./probes.ts";
import type { AggregateType, RecordField, RecordType, Type } from "./types.ts";
import type { StaticProbe } from "./world.ts";

/**
 * The checked program: what `lower` reads. All sugar is gone: macros, positional parameters, constants,
 * enumerators, wildcards and aliases are resolved, every expression carries its type, and every change of an
 * integer's size or sign is an explicit `cast`. A body that means something different at each of its attach points
 * (typed `args`) is there once for each of them.
 */
export interface CheckedProgram {
  readonly source: SourceText;
  readonly probes: readonly CheckedProbe[];
  readonly maps: readonly CheckedMap[];
  readonly config: CheckedConfig;
}

export interface CheckedConfig {
  readonly maxMapKeys: number;
  /** Bytes, the NUL included. */
  readonly maxStringLength: number;
  readonly maxCatBytes: number;
  readonly printMapsOnExit: boolean;
  readonly missingProbes: "error" | "warn" | "ignore";
  readonly license: string;
  readonly stringTrailer: string;
  /** Pages of the ring buffer; absent: decided when the program starts. */
  readonly ringPages?: number;
  readonly cacheUserSymbols?: "PER_PID" | "PER_PROGRAM" | "NONE";
  readonly demangle: boolean;
  readonly unsafe: boolean;
}

/** One program body and every place it attaches to. */
export interface CheckedProbe {
  readonly kind: ProbeKind;
  /** At least one; all of them can share the same instructions, except what `probe` and `func` yield. */
  readonly targets: readonly CheckedTarget[];
  readonly predicate?: TypedExpression;
  readonly body: TypedBlock;
  /** Every variable of the body, in order of appearance. */
  readonly variables: readonly LocalVariable[];
  /** Type of `args`, where the probe has it. */
  readonly args?: RecordType;
  readonly span: Span;
}

export interface CheckedTarget {
  /** Full name, as `probe` yields it. */
  readonly name: string;
  readonly attach: AttachTarget;
  /** Of a static probe: where its arguments are, or why that is not known. */
  readonly arguments?: StaticProbe["arguments"];
  /** The attach point that it was written as. */
  readonly span?: Span;
}

/** Identity is the object: two variables of the same name in separate blocks are two objects. */
export interface LocalVariable {
  /** With `$`. */
  readonly name: string;
  readonly type: Type;
  readonly span: Span;
}

/** Identity is the object. */
export interface CheckedMap {
  /** With `@`. */
  readonly name: string;
  /** Absent for a scalar map. Several keys are one tuple. */
  readonly key?: Type;
  readonly value: Type;
  /** From `let @a = lruhash(10)`; absent: the kind follows from the value's type. */
  readonly declared?: { readonly type: MapKind; readonly maxEntries: number };
  readonly span: Span;
}
export type MapKind = "hash" | "lruhash" | "percpuhash" | "percpulruhash";

export interface TypedBlock {
  readonly kind: "block";
  readonly statements: readonly TypedStatement[];
  readonly span: Span;
}

export type TypedStatement =
  /** For effect: a call, an increment. */
  | { readonly kind: "expression"; readonly expression: TypedExpression; readonly span: Span }
  /** `value` already has the variable's type. Compound assignments are spelt out. */
  | {
      readonly kind: "assignVariable";
      readonly variable: LocalVariable;
      readonly value: TypedExpression;
      readonly span: Span;
    }
  /** `let $x;` and first sight in a loop's body: the variable starts as zero bytes here. */
  | { readonly kind: "declare"; readonly variable: LocalVariable; readonly span: Span }
  | {
      readonly kind: "assignMap";
      readonly map: CheckedMap;
      readonly key?: TypedExpression;
      readonly value: TypedExpression;
      readonly span: Span;
    }
  /** `@m[k] = count()`, `sum(n)`, `hist(n)`, ...; for `count` there is no operand. */
  | {
      readonly kind: "aggregate";
      readonly map: CheckedMap;
      readonly key?: TypedExpression;
      readonly aggregate: AggregateType;
      readonly operand?: TypedExpression;
      readonly span: Span;
    }
  | {
      readonly kind: "if";
      readonly condition: TypedExpression;
      readonly then: TypedBlock;
      readonly otherwise?: TypedBlock;
      readonly span: Span;
    }
  /** The body that many times, 1 to 100. */
  | { readonly kind: "unroll"; readonly count: number; readonly body: TypedBlock; readonly span: Span }
  | {
      readonly kind: "while";
      readonly condition: TypedExpression;
      readonly body: TypedBlock;
      readonly span: Span;
    }
  /** From start to before end; both have the variable's type. */
  | {
      readonly kind: "forRange";
      readonly variable: LocalVariable;
      readonly start: TypedExpression;
      readonly end: TypedExpression;
      readonly body: TypedBlock;
      readonly span: Span;
    }
  /** The variable is the tuple (key, value). `captured`: variables from outside that the body uses. */
  | {
      readonly kind: "forMap";
      readonly variable: LocalVariable;
      readonly map: CheckedMap;
      readonly captured: readonly LocalVariable[];
      readonly body: TypedBlock;
      readonly span: Span;
    }
  | { readonly kind: "break" | "continue" | "return"; readonly span: Span }
  | TypedBlock;

interface TypedNode {
  readonly type: Type;
  readonly span: Span;
}

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%" | "|" | "^" | "&" | "<<" | ">>";
export type ComparisonOperator = "==" | "!=" | "<" | ">" | "<=" | ">=";

export type TypedExpression =
  /** `type` is int, bool, enum or pointer. */
  | (TypedNode & { readonly kind: "integer"; readonly value: bigint })
  | (TypedNode & { readonly kind: "string"; readonly value: string })
  | (TypedNode & { readonly kind: "variable"; readonly variable: LocalVariable })
  /** A map's value; an absent key yields zero bytes. */
  | (TypedNode & { readonly kind: "map"; readonly map: CheckedMap; readonly key?: TypedExpression })
  /** The map itself, as an argument of print, clear, len, ...; `type` is none. */
  | (TypedNode & { readonly kind: "mapReference"; readonly map: CheckedMap; readonly key?: TypedExpression })
  | (TypedNode & { readonly kind: "builtin"; readonly name: BuiltinName; readonly index?: number })
  | (TypedNode & {
      readonly kind: "call";
      readonly name: FunctionName;
      /** Names and formats are `string` nodes, stack modes and clocks too. */
      readonly arguments: readonly TypedExpression[];
      /** The value is not looked at. */
      readonly discarded?: boolean;
    })
  /** Both sides and the result have the node's type (int); shifts: the left one. Division by 0 yields 0. */
  | (TypedNode & {
      readonly kind: "arithmetic";
      readonly operator: ArithmeticOperator;
      readonly left: TypedExpression;
      readonly right: TypedExpression;
    })
  /** Sides are of the same type (int: its sign decides the order); result bool. Strings, buffers, arrays, tuples: == and != only. */
  | (TypedNode & {
      readonly kind: "comparison";
      readonly operator: ComparisonOperator;
      readonly left: TypedExpression;
      readonly right: TypedExpression;
    })
  /** Short-circuit; sides are any scalar or a string, true when not 0 or empty; result bool. */
  | (TypedNode & {
      readonly kind: "logical";
      readonly operator: "&&" | "||";
      readonly left: TypedExpression;
      readonly right: TypedExpression;
    })
  | (TypedNode & { readonly kind: "not"; readonly operand: TypedExpression })
  | (TypedNode & { readonly kind: "negate" | "complement"; readonly operand: TypedExpression })
  /** Pointer plus or minus a number of elements; `scale` is the element's size in bytes. */
  | (TypedNode & {
      readonly kind: "pointerOffset";
      readonly pointer: TypedExpression;
      readonly index: TypedExpression;
      readonly scale: number;
      readonly negative: boolean;
    })
  | (TypedNode & {
      readonly kind: "ternary";
      readonly condition: TypedExpression;
      readonly then: TypedExpression;
      readonly otherwise: TypedExpression;
    })
  /** Between ints, bool, enums and pointers: truncate or extend by the source's sign. Aggregates to int: read and fold. Int to and from arrays: same bytes. Strings: copied to the new size. */
  | (TypedNode & { readonly kind: "cast"; readonly operand: TypedExpression })
  /** Member of a record value: `operand` is a record (in memory of its space) or `*pointer`. */
  | (TypedNode & { readonly kind: "field"; readonly operand: TypedExpression; readonly field: RecordField })
  /** `*pointer` */
  | (TypedNode & { readonly kind: "dereference"; readonly operand: TypedExpression })
  /** Element of an array. */
  | (TypedNode & {
      readonly kind: "element";
      readonly operand: TypedExpression;
      readonly index: TypedExpression;
    })
  | (TypedNode & { readonly kind: "addressOf"; readonly operand: TypedExpression })
  | (TypedNode & { readonly kind: "tuple"; readonly elements: readonly TypedExpression[] })
  | (TypedNode & { readonly kind: "tupleField"; readonly operand: TypedExpression; readonly index: number })
  /** `$x++`, `--@m[k]`: `target` is a variable or map node; yields the new value when `prefix`. */
  | (TypedNode & {
      readonly kind: "increment";
      readonly target: TypedExpression;
      readonly by: 1 | -1;
      readonly prefix: boolean;
    })
  /** Statements for effect, then the value. */
  | (TypedNode & {
      readonly kind: "blockValue";
      readonly block: TypedBlock;
      readonly value: TypedExpression;
    });

export interface CheckResult {
  /** Undefined when there are errors. */
  readonly checked?: CheckedProgram;
  readonly diagnostics: readonly Diagnostic[];
}
