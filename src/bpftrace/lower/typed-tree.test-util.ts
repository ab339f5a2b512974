import type { AttachTarget } from "../../object/index.ts";
import type {
  ArithmeticOperator,
  CheckedConfig,
  CheckedMap,
  CheckedProbe,
  CheckedProgram,
  ComparisonOperator,
  LocalVariable,
  TypedBlock,
  TypedExpression,
  TypedStatement,
} from "../typed.ts";
import {
  bool,
  int64,
  none,
  type RecordField,
  type RecordType,
  stringOf,
  type TupleType,
  type Type,
  uint32,
} from "../types.ts";
import { type CompileTarget, PORTABLE } from "./target.ts";

// Checked programs written by hand: what `check` would make of a script.

const source = { name: "test.bt", text: "first line\nsecond line\n" };
const span = { source, start: 0, end: 5 };

export const config: CheckedConfig = {
  maxMapKeys: 4096,
  maxStringLength: 1024,
  maxCatBytes: 10_240,
  printMapsOnExit: true,
  missingProbes: "error",
  license: "GPL",
  stringTrailer: "..",
  demangle: true,
  unsafe: false,
};

/** A kernel of today that runs what it compiles. */
export const NATIVE: CompileTarget = {
  ...PORTABLE,
  relocate: false,
  features: {
    ringbuf: true,
    currentTaskBtf: true,
    rdonlyCast: true,
    forEachMapElem: true,
    loop: true,
    lookupPercpuElem: true,
    largeKeys: true,
    ktimeTai: true,
    functionAddress: true,
    userFunctionAddress: true,
  },
};

export type Builtin = Extract<TypedExpression, { kind: "builtin" }>["name"];
export type Function = Extract<TypedExpression, { kind: "call" }>["name"];

export function builtin(name: Builtin, type: Type, index?: number): TypedExpression {
  return { kind: "builtin", name, type, span, ...(index !== undefined && { index }) };
}
export function integer(value: number, type: Type = int64): TypedExpression {
  return { kind: "integer", value: BigInt(value), type, span };
}
export function text(value: string): TypedExpression {
  return { kind: "string", value, type: stringOf(value.length + 1), span };
}
export function call(name: Function, type: Type, ...args: TypedExpression[]): TypedExpression {
  return { kind: "call", name, type, arguments: args, span };
}
export function arithmetic(
  left: TypedExpression,
  operator: ArithmeticOperator,
  right: TypedExpression,
): TypedExpression {
  return { kind: "arithmetic", operator, left, right, type: left.type, span };
}
export function comparison(
  left: TypedExpression,
  operator: ComparisonOperator,
  right: TypedExpression,
): TypedExpression {
  return { kind: "comparison", operator, left, right, type: bool, span };
}
export function tuple(...elements: TypedExpression[]): TypedExpression {
  const type: TupleType = { kind: "tuple", fields: elements.map((element) => ({ type: element.type })) };
  return { kind: "tuple", elements, type, span };
}
export function variable(name: string, type: Type): LocalVariable {
  return { name, type, span };
}
export function read(local: LocalVariable): TypedExpression {
  return { kind: "variable", variable: local, type: local.type, span };
}
export function increment(target: TypedExpression): TypedExpression {
  return { kind: "increment", target, by: 1, prefix: false, type: target.type, span };
}
export function argument(field: RecordField): TypedExpression {
  return { kind: "field", operand: builtin("args", syscallArgs), field, type: field.type, span };
}

export function map(name: string, value: Type, key?: Type): CheckedMap {
  return { name, value, span, ...(key && { key }) };
}
export function element(of: CheckedMap, key?: TypedExpression): TypedExpression {
  return { kind: "map", map: of, type: of.value, span, ...(key && { key }) };
}
export function reference(of: CheckedMap, key?: TypedExpression): TypedExpression {
  return { kind: "mapReference", map: of, type: none, span, ...(key && { key }) };
}

export function effect(expression: TypedExpression): TypedStatement {
  return { kind: "expression", expression, span };
}
export function printf(format: string, ...args: TypedExpression[]): TypedStatement {
  return effect(call("printf", none, text(format), ...args));
}
export function assign(local: LocalVariable, value: TypedExpression): TypedStatement {
  return { kind: "assignVariable", variable: local, value, span };
}
export function setElement(
  of: CheckedMap,
  key: TypedExpression | undefined,
  value: TypedExpression,
): TypedStatement {
  return { kind: "assignMap", map: of, value, span, ...(key && { key }) };
}
export function aggregate(
  of: CheckedMap,
  key: TypedExpression | undefined,
  operand?: TypedExpression,
): TypedStatement {
  const { value } = of;
  if (!("signed" in value || "bits" in value || "step" in value)) throw new TypeError("no aggregate");
  if (value.kind === "int" || value.kind === "enum") throw new TypeError("no aggregate");
  return {
    kind: "aggregate",
    map: of,
    aggregate: value,
    span,
    ...(key && { key }),
    ...(operand && { operand }),
  };
}
export function when(
  condition: TypedExpression,
  then: TypedStatement[],
  otherwise?: TypedStatement[],
): TypedStatement {
  return {
    kind: "if",
    condition,
    then: block(then),
    span,
    ...(otherwise && { otherwise: block(otherwise) }),
  };
}
export function loop(condition: TypedExpression, body: TypedStatement[]): TypedStatement {
  return { kind: "while", condition, body: block(body), span };
}
export function block(statements: TypedStatement[]): TypedBlock {
  return { kind: "block", statements, span };
}

export interface ProbeParts {
  readonly predicate?: TypedExpression;
  readonly variables?: readonly LocalVariable[];
  readonly args?: RecordType;
}

export function probe(
  kind: CheckedProbe["kind"],
  attach: AttachTarget,
  statements: TypedStatement[],
  parts: ProbeParts = {},
): CheckedProbe {
  const { predicate, variables = [], args } = parts;
  return {
    kind,
    targets: [{ name: `${kind}:name`, attach }],
    body: block(statements),
    variables,
    span,
    ...(predicate && { predicate }),
    ...(args && { args }),
  };
}

export function begin(statements: TypedStatement[], parts?: ProbeParts): CheckedProbe {
  return probe("begin", { kind: "begin" }, statements, parts);
}

/** A probe of a tracepoint whose fields are two pointers and a number. */
export const filename: RecordField = { name: "filename", type: pointer(), offset: 16, path: [] };
export const argv: RecordField = { name: "argv", type: pointer(pointer()), offset: 24, path: [] };
export const ret: RecordField = { name: "ret", type: int64, offset: 32, path: [] };

function pointer(target: Type = { kind: "int", size: 1, signed: true }): Type {
  return { kind: "pointer", target, space: "user" };
}

export const syscallArgs: RecordType = {
  kind: "record",
  name: "args",
  union: false,
  size: 40,
  space: "context",
  origin: {
    kind: "tracepoint",
    category: "syscalls",
    event: "sys_enter_test",
    fields: [filename, argv, ret],
  },
};

export function tracepoint(statements: TypedStatement[], parts: ProbeParts = {}): CheckedProbe {
  const attach = { kind: "tracepoint", category: "syscalls", event: "sys_enter_test" } as const;
  return probe("tracepoint", attach, statements, { args: syscallArgs, ...parts });
}

export const pid: TypedExpression = builtin("pid", uint32);
export const tid: TypedExpression = builtin("tid", uint32);
export const comm: TypedExpression = builtin("comm", stringOf(16));

export function program(maps: CheckedMap[], ...probes: CheckedProbe[]): CheckedProgram {
  return { source, probes, maps, config };
}
