import type { Span } from "../../diagnostic.ts";
import type { Block, Expression, TypeName } from "../ast.ts";
import type { Findings } from "../findings.ts";
import type { LocalVariable, TypedBlock, TypedExpression } from "../typed.ts";
import { none, type Type } from "../types.ts";
import type { ProbeInstance } from "./probe-instances.ts";
import type { Scope } from "./scope.ts";
import { type Round, type Shared, unresolved } from "./shared.ts";

/** A loop over a map, and what its body uses from outside. */
export interface MapLoop {
  readonly captured: Set<LocalVariable>;
}

/** What the parts of the checker need of one another, and the state of one body. */
export interface Elaborator {
  readonly shared: Shared;
  readonly round: Round;
  readonly findings: Findings;
  readonly instance: ProbeInstance;
  /** Names at the place that is being checked. */
  scope: Scope;
  /** Inside sizeof and the like: nothing is evaluated. */
  readonly mapLoops: MapLoop[];
  /** Loops of every kind around. */
  loopDepth: number;
  readonly variables: LocalVariable[];

  expression(expression: Expression): TypedExpression;
  /** A block as a value: its statements, then its last expression. */
  blockValue(block: Block): TypedExpression;
  block(block: Block): TypedBlock;
  type(name: TypeName): Type | undefined;
  /** Runs `action` with another scope. */
  within<T>(scope: Scope, action: () => T): T;
}

/** Stands for what could not be checked; nothing more is said about it. */
export function broken(span: Span): TypedExpression {
  return { kind: "integer", value: 0n, type: unresolved, span };
}

export function isBroken(expression: TypedExpression): boolean {
  return expression.type === unresolved;
}

export function fail(
  on: Elaborator,
  code: string,
  message: string,
  span: Span,
  ...hints: readonly string[]
): TypedExpression {
  on.findings.error(code, message, span, ...hints);
  return broken(span);
}

export function integer(value: bigint, type: Type, span: Span): TypedExpression {
  return { kind: "integer", value, type, span };
}
export function literal(value: string, span: Span): TypedExpression {
  return { kind: "string", value, type: { kind: "string", size: Buffer.byteLength(value) + 1 }, span };
}
export function truth(value: boolean, span: Span): TypedExpression {
  return { kind: "integer", value: value ? 1n : 0n, type: { kind: "bool" }, span };
}
/** A place where nothing is to be done. */
export function nothing(span: Span): TypedExpression {
  return {
    kind: "blockValue",
    block: { kind: "block", statements: [], span },
    value: integer(0n, none, span),
    type: none,
    span,
  };
}
