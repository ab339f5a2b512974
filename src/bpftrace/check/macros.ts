import type { Expression, TypeName } from "../ast.ts";
import type { TypedExpression } from "../typed.ts";
import type { Call } from "./call-checker.ts";
import { type Elaborator, fail } from "./elaborator.ts";
import type { Binding } from "./scope.ts";

const maxDepth = 32;

/** The expansion of the script's macro of that name and number of parameters, when there is one. */
export function findMacro(
  on: Elaborator,
  name: string,
  count: number,
): ((call: Call) => TypedExpression) | undefined {
  const macro = on.shared.macros.get(name)?.find(({ parameters }) => parameters.length === count);
  if (!macro) return undefined;
  return (call) => {
    if (on.scope.macroDepth >= maxDepth)
      return fail(on, "macro-recursion", `The macro '${name}' calls itself without end`, call.span);
    const caller = on.scope;
    const bindings = new Map<string, Binding>(
      macro.parameters.map((parameter, index) => [parameter.name, resolved(on, call.arguments[index]!)]),
    );
    for (const [parameter, { expression }] of bindings) {
      const wanted = parameter.startsWith("$") ? "variable" : parameter.startsWith("@") ? "map" : undefined;
      if (wanted && expression.kind !== wanted)
        return fail(
          on,
          "bad-argument",
          `The macro '${name}' needs a ${wanted} for ${parameter}`,
          expression.span,
        );
    }
    const scope = caller.macro(bindings, caller, `${call.span.start}`);
    return on.within(scope, () => ({ ...on.blockValue(macro.body), span: call.span }));
  };
}

/** Arguments that are themselves parameters stand for what those stand for. */
function resolved(on: Elaborator, argument: Expression): Binding {
  const name =
    argument.kind === "variable" ||
    argument.kind === "identifier" ||
    (argument.kind === "map" && !argument.key)
      ? argument.name
      : undefined;
  const outer = name === undefined ? undefined : on.scope.binding(name);
  return outer ?? { expression: argument, scope: on.scope };
}

export function isTypeArgument(expression: Expression | TypeName): expression is TypeName {
  return expression.kind === "type";
}
