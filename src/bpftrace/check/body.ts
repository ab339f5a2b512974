import type { Block, Expression, Statement, TypeName } from "../ast.ts";
import { fieldOf } from "../records.ts";
import { literalType } from "../type-relations.ts";
import type { Findings } from "../findings.ts";
import type { CheckedProbe, LocalVariable, TypedBlock, TypedExpression, TypedStatement } from "../typed.ts";
import { none, sizeOf, type TupleType, type Type, uint64, int64 } from "../types.ts";
import { addressOf, dereference, field, index } from "./access.ts";
import { bareCall, call } from "./calls.ts";
import { castExpression } from "./casts.ts";
import { condition, value } from "./convert.ts";
import {
  broken,
  type Elaborator,
  fail,
  integer,
  isBroken,
  literal,
  type MapLoop,
  truth,
} from "./elaborator.ts";
import { identifier, map, mapKey, mapNamed, mapReference, positional, variable } from "./names.ts";
import { binary, choose, constantTruth, ternary, unary } from "./operators.ts";
import type { ProbeInstance } from "./probe-instances.ts";
import { Scope } from "./scope.ts";
import { grow, type Round, type Shared } from "./shared.ts";
import { statements } from "./statements.ts";

type Of<K extends Expression["kind"]> = Extract<Expression, { kind: K }>;

/** Checks one body for one group of attach points. */
export class BodyElaborator implements Elaborator {
  readonly shared: Shared;
  readonly round: Round;
  readonly findings: Findings;
  readonly instance: ProbeInstance;
  scope: Scope;
  readonly mapLoops: MapLoop[] = [];
  loopDepth = 0;
  readonly variables: LocalVariable[] = [];

  /** `identity` tells the variables of several bodies of one text apart. */
  constructor(round: Round, instance: ProbeInstance, identity: string) {
    this.round = round;
    this.shared = round.shared;
    this.findings = round.findings;
    this.instance = instance;
    this.scope = Scope.root(identity);
  }

  probe(): CheckedProbe {
    const { instance } = this;
    const { predicate, body, span } = instance.probe;
    const test = predicate && condition(this, this.expression(predicate));
    const block = this.block(body);
    const known = test && !isBroken(test) ? constantTruth(test) : undefined;
    const checked: CheckedProbe = {
      kind: instance.row.kind,
      targets: instance.targets,
      body: known === false ? { ...block, statements: [] } : block,
      variables: this.variables.filter(({ type }) => type.kind !== "none"),
      span,
      ...(test && known === undefined && !isBroken(test) && { predicate: test }),
      ...(instance.args && { args: instance.args }),
    };
    return checked;
  }

  within<T>(scope: Scope, action: () => T): T {
    const outer = this.scope;
    this.scope = scope;
    try {
      return action();
    } finally {
      this.scope = outer;
    }
  }

  block(block: Block): TypedBlock {
    return this.within(this.scope.inner(), () => {
      const last: Statement[] = block.value
        ? [{ kind: "expression", expression: block.value, span: block.value.span }]
        : [];
      const list = statements(this, [...block.statements, ...last]);
      return { kind: "block", statements: list, span: block.span };
    });
  }

  blockValue(block: Block): TypedExpression {
    const { span } = block;
    return this.within(this.scope.inner(), () => {
      const list = statements(this, block.statements);
      const last = block.value && this.#lastValue(block.value, list);
      if (last && isBroken(last)) return last;
      if (list.length === 0 && last) return last;
      const value = last ?? integer(0n, none, span);
      return {
        kind: "blockValue",
        block: { kind: "block", statements: list, span },
        value,
        type: value.type,
        span,
      };
    });
  }

  /** A last expression that yields nothing (a call of printf) is one more statement. */
  #lastValue(expression: Expression, list: TypedStatement[]): TypedExpression | undefined {
    const statement =
      expression.kind === "call" ||
      expression.kind === "block" ||
      expression.kind === "ifExpression" ||
      expression.kind === "identifier";
    const checked = this.expression(expression);
    if (checked.type.kind !== "none" || isBroken(checked) || !statement) return checked;
    list.push({ kind: "expression", expression: checked, span: expression.span });
    return undefined;
  }

  type(name: TypeName): Type | undefined {
    const { typeOf } = name;
    const { space } = this.instance.row;
    if (!typeOf) {
      // A macro's parameter may stand for a type.
      const binding = name.tag === undefined ? this.scope.binding(name.name) : undefined;
      if (!binding) return this.shared.types.resolve(name, space);
      const { expression, scope } = binding;
      const base = this.within(scope, () =>
        expression.kind === "type" ? this.type(expression) : this.#typeOf(expression),
      );
      return base && this.shared.types.resolve(name, space, base);
    }
    const base =
      typeOf.kind === "type"
        ? this.type(typeOf)
        : typeOf.kind === "identifier"
          ? this.#namedType(typeOf)
          : this.#typeOf(typeOf);
    return base && this.shared.types.resolve(name, space, base);
  }

  /** The type of an expression that is not evaluated. */
  #typeOf(expression: Expression): Type | undefined {
    const checked = this.expression(expression);
    return isBroken(checked) ? undefined : value(checked).type;
  }

  expression(expression: Expression): TypedExpression {
    const { span } = expression;
    switch (expression.kind) {
      case "integer":
        return integer(expression.value, literalType(expression.value), span);
      case "string":
        return literal(expression.value, span);
      case "boolean":
        return truth(expression.value, span);
      case "positional":
        return positional(this, expression);
      case "identifier":
        return this.#word(expression);
      case "variable":
        return variable(this, expression);
      case "map":
        return map(this, expression);
      case "call":
        return call(this, expression);
      case "sizeof":
        return this.#sizeof(expression);
      case "offsetof":
        return this.#offsetof(expression);
      case "type":
        return fail(this, "type-as-value", "A type cannot be used as a value", span);
      case "unary":
        if (expression.operator === "*") return dereference(this, expression);
        return expression.operator === "&" ? addressOf(this, expression) : unary(this, expression);
      case "binary":
        return binary(this, expression);
      case "increment":
        return this.#increment(expression);
      case "ternary":
        return ternary(this, expression);
      case "cast":
        return castExpression(this, expression);
      case "field":
        return field(this, expression);
      case "index":
        return index(this, expression);
      case "tuple":
        return this.#tuple(
          expression.elements.map((element) => this.expression(element)),
          undefined,
          span,
        );
      case "record":
        return this.#tuple(
          expression.fields.map(({ value: element }) => this.expression(element)),
          expression.fields.map(({ name }) => name),
          span,
        );
      case "ifExpression":
        return this.#ifExpression(expression);
      case "comptime": {
        const checked = this.expression(expression.operand);
        if (isBroken(checked) || checked.kind === "integer" || checked.kind === "string") return checked;
        return fail(this, "not-literal", "The value is not known when the script is compiled", span);
      }
      case "block":
        return this.blockValue(expression);
    }
  }

  #word(expression: Of<"identifier">): TypedExpression {
    const binding = this.scope.binding(expression.name);
    if (binding) {
      const { expression: argument, scope } = binding;
      if (argument.kind === "type")
        return fail(this, "type-as-value", "A type cannot be used as a value", argument.span);
      return this.within(scope, () => this.expression(argument));
    }
    return bareCall(this, expression) ?? identifier(this, expression);
  }

  #sizeof({ of, span }: Of<"sizeof">): TypedExpression {
    const type =
      of.kind === "type" ? this.type(of) : of.kind === "identifier" ? this.#namedType(of) : this.#typeOf(of);
    return type ? integer(BigInt(sizeOf(type)), uint64, span) : broken(span);
  }

  /** A bare word where a type may stand. */
  #namedType(word: Of<"identifier">): Type | undefined {
    if (this.scope.binding(word.name)) {
      const { expression, scope } = this.scope.binding(word.name)!;
      return this.within(scope, () =>
        expression.kind === "type" ? this.type(expression) : this.#typeOf(expression),
      );
    }
    const known = this.shared.types.known(word.name, this.instance.row.space);
    return known ?? this.#typeOf(word);
  }

  #offsetof({ of, field: path, span }: Of<"offsetof">): TypedExpression {
    let type =
      of.kind === "type" ? this.type(of) : of.kind === "identifier" ? this.#namedType(of) : this.#typeOf(of);
    let offset = 0;
    for (const name of path) {
      if (type?.kind === "pointer") type = type.target;
      if (!type) return broken(span);
      const found = type.kind === "record" ? fieldOf(type, name) : undefined;
      if (!found) return fail(this, "unknown-field", `There is no field '${name}'`, span);
      offset += found.offset;
      type = found.type;
    }
    return integer(BigInt(offset), uint64, span);
  }

  #tuple(
    read: readonly TypedExpression[],
    names: readonly string[] | undefined,
    span: TypedExpression["span"],
  ): TypedExpression {
    const elements = read.map(value);
    if (elements.some(isBroken)) return broken(span);
    const empty = elements.find(({ type }) => type.kind === "none" || type.kind === "void");
    if (empty) return fail(this, "type-mismatch", "There is no value to put into a tuple", empty.span);
    const fields = elements.map(({ type }, at) => ({ type, ...(names && { name: names[at]! }) }));
    const type: TupleType = { kind: "tuple", fields };
    return { kind: "tuple", elements, type, span };
  }

  #ifExpression({ condition: test, then, otherwise, span }: Of<"ifExpression">): TypedExpression {
    const checked = condition(this, this.expression(test));
    const known = isBroken(checked) ? undefined : constantTruth(checked);
    if (known !== undefined) return this.blockValue(known ? then : otherwise);
    return choose(this, checked, this.blockValue(then), this.blockValue(otherwise), span);
  }

  #increment({ operand, operator, prefix, span }: Of<"increment">): TypedExpression {
    const by = operator === "++" ? 1 : -1;
    if (operand.kind === "map") {
      const slots = mapNamed(this, operand);
      const key = operand.key && this.expression(operand.key);
      if (!slots) return broken(span);
      slots.assigned = true;
      const converted = mapKey(this, slots, key, operand.span);
      grow(this.round, slots.value, (slot) => slot.addLiteral(0n));
      const { type } = slots.value;
      if (converted === false || !type) return broken(span);
      if (type.kind !== "int" && type.kind !== "pointer")
        return fail(this, "type-mismatch", `'${operator}' needs a number`, operand.span);
      const target: TypedExpression = {
        kind: "map",
        map: mapReference(this, slots),
        type,
        span: operand.span,
        ...(converted && { key: converted }),
      };
      return { kind: "increment", target, by, prefix, type, span };
    }
    const target = this.expression(operand);
    if (isBroken(target)) return target;
    if (target.kind !== "variable" || !["int", "pointer"].includes(target.type.kind))
      return fail(this, "type-mismatch", `'${operator}' needs a variable that holds a number`, operand.span);
    const found = operand.kind === "variable" ? this.scope.find(operand.name) : undefined;
    if (operator === "--" && found && target.type.kind === "int")
      grow(this.round, found.slot, (slot) => slot.add(int64));
    return { kind: "increment", target, by, prefix, type: target.type, span };
  }
}
