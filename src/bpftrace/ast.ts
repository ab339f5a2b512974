import type { SourceText, Span } from "../diagnostic.ts";

/**
 * The syntax tree, as written: sugar and old spellings are kept, so that it can be printed back.
 * Nodes are immutable; every node has its span.
 */
export interface Program {
  readonly source: SourceText;
  /** Header line without its newline. */
  readonly shebang?: string;
  /** `#include` and `#define` lines and C definitions, after conditionals are resolved. */
  readonly prelude: readonly PreludeItem[];
  readonly imports: readonly Import[];
  readonly config?: Config;
  readonly items: readonly Item[];
  readonly comments: readonly Comment[];
  readonly span: Span;
}

export interface Comment {
  readonly kind: "line" | "block";
  readonly text: string;
  readonly span: Span;
}

export type PreludeItem =
  | { readonly kind: "include"; readonly path: string; readonly system: boolean; readonly span: Span }
  | { readonly kind: "define"; readonly name: string; readonly value: string; readonly span: Span }
  /** C declarations as text; c-declarations.ts reads them. */
  | { readonly kind: "c"; readonly text: string; readonly span: Span };

export interface Import {
  readonly kind: "importStatement";
  readonly path: string;
  readonly span: Span;
}

export interface Config {
  readonly kind: "config";
  readonly entries: readonly ConfigEntry[];
  readonly span: Span;
}
export interface ConfigEntry {
  readonly key: string;
  readonly value: string | bigint | boolean;
  readonly keySpan: Span;
  readonly span: Span;
}

export type Item = Probe | MapDeclaration | Macro | FunctionDefinition;

export interface Probe {
  readonly kind: "probe";
  readonly attachPoints: readonly AttachPoint[];
  readonly predicate?: Expression;
  readonly body: Block;
  readonly span: Span;
}

/** As written, split at colons outside quotes: `tracepoint`, `syscalls`, `sys_enter_*`. */
export interface AttachPoint {
  readonly text: string;
  readonly parts: readonly string[];
  readonly span: Span;
}

/** `let @name = hash(100);` */
export interface MapDeclaration {
  readonly kind: "mapDeclaration";
  readonly name: string;
  readonly type: string;
  readonly maxEntries: Expression;
  readonly span: Span;
}

/** `macro name($a, @b, c) { ... }` */
export interface Macro {
  readonly kind: "macro";
  readonly name: string;
  readonly parameters: readonly MacroParameter[];
  readonly body: Block;
  readonly span: Span;
}
export interface MacroParameter {
  /** `$name`: a variable, `@name`: a map, `name`: an expression. */
  readonly name: string;
  readonly type?: TypeName;
  readonly span: Span;
}

/** `fn name($a: int64): int64 { ... }` */
export interface FunctionDefinition {
  readonly kind: "function";
  readonly name: string;
  readonly parameters: readonly { readonly name: string; readonly type: TypeName; readonly span: Span }[];
  readonly result: TypeName;
  readonly body: Block;
  readonly span: Span;
}

/** `{ statement; statement; value }` */
export interface Block {
  readonly kind: "block";
  readonly statements: readonly Statement[];
  /** The last expression without a semicolon: the block's value where one is asked for. */
  readonly value?: Expression;
  readonly span: Span;
}

export type Statement =
  | { readonly kind: "expression"; readonly expression: Expression; readonly span: Span }
  /** `target = value`, `target += value`; `operator` is the binary operator of a compound assignment. */
  | {
      readonly kind: "assign";
      readonly target: Variable | MapAccess | Expression;
      readonly operator?: BinaryOperator;
      readonly value: Expression;
      readonly span: Span;
    }
  | {
      readonly kind: "let";
      readonly variable: Variable;
      readonly type?: TypeName;
      readonly value?: Expression;
      readonly span: Span;
    }
  /** `_ = value` */
  | { readonly kind: "discard"; readonly value: Expression; readonly span: Span }
  | {
      readonly kind: "if";
      readonly condition: Expression;
      readonly then: Block;
      /** For `else if` a block with that one statement. */
      readonly otherwise?: Block;
      readonly span: Span;
    }
  | { readonly kind: "unroll"; readonly count: Expression; readonly body: Block; readonly span: Span }
  | { readonly kind: "while"; readonly condition: Expression; readonly body: Block; readonly span: Span }
  /** `for ($kv : @map)` or `for ($i : 0..10)` */
  | {
      readonly kind: "for";
      readonly variable: Variable;
      readonly over: Range | Expression;
      readonly body: Block;
      readonly span: Span;
    }
  | { readonly kind: "break" | "continue"; readonly span: Span }
  | { readonly kind: "return"; readonly value?: Expression; readonly span: Span }
  | Import
  | Block;

export interface Range {
  readonly kind: "range";
  readonly start: Expression;
  readonly end: Expression;
  readonly span: Span;
}

export interface Variable {
  readonly kind: "variable";
  /** With `$`. */
  readonly name: string;
  readonly span: Span;
}

export interface MapAccess {
  readonly kind: "map";
  /** With `@`; the nameless map is `@`. */
  readonly name: string;
  /** Absent without brackets; `@a[1, 2]` is one tuple. */
  readonly key?: Expression;
  readonly span: Span;
}

export type BinaryOperator =
  | "||"
  | "&&"
  | "|"
  | "^"
  | "&"
  | "=="
  | "!="
  | "<"
  | ">"
  | "<="
  | ">="
  | "<<"
  | ">>"
  | "+"
  | "-"
  | "*"
  | "/"
  | "%";
export type UnaryOperator = "-" | "!" | "~" | "*" | "&" | "+";

export type Expression =
  | {
      readonly kind: "integer";
      readonly value: bigint;
      readonly text: string;
      readonly suffix: string;
      readonly span: Span;
    }
  | { readonly kind: "string"; readonly value: string; readonly span: Span }
  | { readonly kind: "boolean"; readonly value: boolean; readonly span: Span }
  /** `$1`; `$#` has index 0. */
  | { readonly kind: "positional"; readonly index: number; readonly span: Span }
  /** A builtin, constant, macro parameter, enumerator or stack mode. */
  | { readonly kind: "identifier"; readonly name: string; readonly span: Span }
  | Variable
  | MapAccess
  | {
      readonly kind: "call";
      readonly name: string;
      readonly nameSpan: Span;
      readonly arguments: readonly Expression[];
      readonly span: Span;
    }
  /** `sizeof(x)`: of a type when one is written, else of an expression. */
  | { readonly kind: "sizeof"; readonly of: TypeName | Expression; readonly span: Span }
  | {
      readonly kind: "offsetof";
      readonly of: TypeName | Expression;
      readonly field: readonly string[];
      readonly span: Span;
    }
  /** A type where a value is expected: an argument of a macro or of typeinfo. */
  | TypeName
  | {
      readonly kind: "unary";
      readonly operator: UnaryOperator;
      readonly operand: Expression;
      readonly span: Span;
    }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly operatorSpan: Span;
      readonly left: Expression;
      readonly right: Expression;
      readonly span: Span;
    }
  | {
      readonly kind: "increment";
      readonly operator: "++" | "--";
      readonly prefix: boolean;
      readonly operand: Expression;
      readonly span: Span;
    }
  /** `a ? b : c`; without `then` it is `a ?: c`. */
  | {
      readonly kind: "ternary";
      readonly condition: Expression;
      readonly then?: Expression;
      readonly otherwise: Expression;
      readonly span: Span;
    }
  | { readonly kind: "cast"; readonly type: TypeName; readonly operand: Expression; readonly span: Span }
  | {
      readonly kind: "field";
      readonly operand: Expression;
      readonly arrow: boolean;
      /** A name, or a tuple's index as digits. */
      readonly field: string;
      readonly fieldSpan: Span;
      readonly span: Span;
    }
  | { readonly kind: "index"; readonly operand: Expression; readonly index: Expression; readonly span: Span }
  | { readonly kind: "tuple"; readonly elements: readonly Expression[]; readonly span: Span }
  | {
      readonly kind: "record";
      readonly fields: readonly { readonly name: string; readonly value: Expression; readonly span: Span }[];
      readonly span: Span;
    }
  | {
      readonly kind: "ifExpression";
      readonly condition: Expression;
      readonly then: Block;
      readonly otherwise: Block;
      readonly span: Span;
    }
  | { readonly kind: "comptime"; readonly operand: Expression; readonly span: Span }
  | Block;

/** `struct foo **`, `uint64`, `int32[4]`, `string[64]`, `typeof($x)`. */
export interface TypeName {
  readonly kind: "type";
  readonly tag?: "struct" | "union" | "enum";
  /** Words of a C type are joined by a space: `unsigned long`. */
  readonly name: string;
  /** `typeof(...)` in place of a name. */
  readonly typeOf?: Expression | TypeName;
  /** From the inside out: `*` or an array length (-1 when left out). */
  readonly derived: readonly ("*" | number)[];
  readonly span: Span;
}
