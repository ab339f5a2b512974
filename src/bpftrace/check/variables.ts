import type { Variable } from "../ast.ts";
import type { LocalVariable } from "../typed.ts";
import { none } from "../types.ts";
import { type Elaborator, fail } from "./elaborator.ts";
import { markUsed, noteDepth } from "./names.ts";
import { TypeSlot } from "./slot.ts";

/**
 * The variable that an assignment means: the one in sight, or a new one of this block. `learn` tells its
 * slot what is assigned and says whether that goes together.
 */
export function declareVariable(
  on: Elaborator,
  { name, span }: Variable,
  learn: (slot: TypeSlot) => boolean,
  fresh = false,
): LocalVariable | undefined {
  const found = fresh ? undefined : on.scope.find(name);
  if (!found && on.scope.binding(name)) {
    fail(
      on,
      "bad-argument",
      `The macro needs a variable for ${name}`,
      on.scope.binding(name)!.expression.span,
    );
    return undefined;
  }
  const slot = found?.slot ?? slotAt(on, name, span.start);
  if (!learn(slot)) return undefined;
  if (found) {
    markUsed(on, found.local);
    return found.local;
  }
  const local: LocalVariable = { name, type: slot.type ?? none, span };
  on.scope.declare(name, { slot, local, loopDepth: on.mapLoops.length });
  noteDepth(local, on.mapLoops.length);
  on.variables.push(local);
  return local;
}

function slotAt(on: Elaborator, name: string, offset: number): TypeSlot {
  const key = `${on.scope.path} ${name} ${offset}`;
  const { variables } = on.shared;
  let slot = variables.get(key);
  if (!slot) {
    slot = new TypeSlot();
    variables.set(key, slot);
    on.round.changed = true;
  }
  return slot;
}
