import type { LocalVariable, TypedBlock, TypedExpression, TypedStatement } from "../typed.ts";

/** Calls `visit` with every expression in the block, outermost first. */
export function walkBlock(block: TypedBlock, visit: (expression: TypedExpression) => void): void {
  for (const statement of block.statements) walkStatement(statement, visit);
}

function walkStatement(statement: TypedStatement, visit: (expression: TypedExpression) => void): void {
  const walk = (expression: TypedExpression | undefined): void => {
    if (expression !== undefined) walkExpression(expression, visit);
  };
  switch (statement.kind) {
    case "expression":
      return walk(statement.expression);
    case "assignVariable":
      return walk(statement.value);
    case "assignMap":
      walk(statement.key);
      return walk(statement.value);
    case "aggregate":
      walk(statement.key);
      return walk(statement.operand);
    case "if":
      walk(statement.condition);
      walkBlock(statement.then, visit);
      if (statement.otherwise) walkBlock(statement.otherwise, visit);
      return;
    case "while":
      walk(statement.condition);
      return walkBlock(statement.body, visit);
    case "forRange":
      walk(statement.start);
      walk(statement.end);
      return walkBlock(statement.body, visit);
    case "unroll":
    case "forMap":
      return walkBlock(statement.body, visit);
    case "block":
      return walkBlock(statement, visit);
    case "declare":
    case "break":
    case "continue":
    case "return":
  }
}

/** Calls `visit` with every variable that the block gives a value to, each time it does. */
function walkTargets(block: TypedBlock, visit: (variable: LocalVariable) => void): void {
  const search = (statement: TypedStatement): void => {
    if ("variable" in statement) visit(statement.variable);
    if (statement.kind === "block") statement.statements.forEach(search);
    if ("body" in statement) search(statement.body);
    if (statement.kind !== "if") return;
    search(statement.then);
    if (statement.otherwise) search(statement.otherwise);
  };
  search(block);
  walkBlock(block, (expression) => {
    if (expression.kind === "blockValue") expression.block.statements.forEach(search);
    if (
      expression.kind === "call" &&
      expression.name === "find" &&
      expression.arguments[2]?.kind === "variable"
    )
      visit(expression.arguments[2].variable);
  });
}

/** Variables that the block itself gives a value to. */
export function assignedVariables(block: TypedBlock): ReadonlySet<LocalVariable> {
  const found = new Set<LocalVariable>();
  walkTargets(block, (variable) => found.add(variable));
  return found;
}

/** How often each variable is named in the block. */
function countVariables(block: TypedBlock): Map<LocalVariable, number> {
  const counts = new Map<LocalVariable, number>();
  const add = (variable: LocalVariable): void => {
    counts.set(variable, (counts.get(variable) ?? 0) + 1);
  };
  walkTargets(block, add);
  walkBlock(block, (expression) => {
    if (expression.kind === "variable") add(expression.variable);
  });
  return counts;
}

export type RangeLoop = TypedStatement & { readonly kind: "forRange" };

/**
 * Variables that the callbacks of the block's loops share with it, each once. `isCallback` tells which loops
 * over a range become callbacks, as loops over maps always do.
 */
export function capturedVariables(
  block: TypedBlock,
  isCallback: (loop: RangeLoop) => boolean,
): readonly LocalVariable[] {
  const found = new Set<LocalVariable>();
  const total = countVariables(block);
  const search = (statement: TypedStatement): void => {
    switch (statement.kind) {
      case "block":
        return statement.statements.forEach(search);
      case "if":
        search(statement.then);
        if (statement.otherwise) search(statement.otherwise);
        return;
      case "forMap":
        for (const variable of statement.captured) found.add(variable);
        return search(statement.body);
      case "forRange":
        if (isCallback(statement)) {
          found.add(statement.variable);
          // What is also named elsewhere.
          for (const [variable, inside] of countVariables(statement.body))
            if ((total.get(variable) ?? 0) > inside) found.add(variable);
        }
        return search(statement.body);
      case "while":
      case "unroll":
        return search(statement.body);
      default:
    }
  };
  search(block);
  walkBlock(block, (expression) => {
    if (expression.kind === "blockValue") search(expression.block);
  });
  return [...found];
}

export function walkExpression(
  expression: TypedExpression,
  visit: (expression: TypedExpression) => void,
): void {
  visit(expression);
  for (const child of children(expression)) walkExpression(child, visit);
  if (expression.kind === "blockValue") walkBlock(expression.block, visit);
}

function children(expression: TypedExpression): readonly TypedExpression[] {
  switch (expression.kind) {
    case "integer":
    case "string":
    case "variable":
    case "builtin":
      return [];
    case "map":
    case "mapReference":
      return expression.key === undefined ? [] : [expression.key];
    case "call":
      return expression.arguments;
    case "arithmetic":
    case "comparison":
    case "logical":
      return [expression.left, expression.right];
    case "not":
    case "negate":
    case "complement":
    case "cast":
    case "field":
    case "dereference":
    case "addressOf":
    case "tupleField":
      return [expression.operand];
    case "pointerOffset":
      return [expression.pointer, expression.index];
    case "element":
      return [expression.operand, expression.index];
    case "ternary":
      return [expression.condition, expression.then, expression.otherwise];
    case "tuple":
      return expression.elements;
    case "increment":
      return [expression.target];
    case "blockValue":
      return [expression.value];
  }
}
