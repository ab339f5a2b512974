import type { CallEffects, IrFunction, Value } from "./node.ts";

/** Stack slots that a value may point into, for every value that is computed from a slot's address. */
export type SlotRoots = ReadonlyMap<Value, ReadonlySet<Value>>;

export interface StackUse {
  readonly roots: SlotRoots;
  /** Slots whose address is stored somewhere, so that anybody may reach them. */
  readonly escaped: ReadonlySet<Value>;
}

export function stackUse(fn: IrFunction): StackUse {
  const roots = new Map<Value, Set<Value>>();
  const escaped = new Set<Value>();
  for (const leaf of fn.leaves.values()) if (leaf.op === "alloca") roots.set(leaf, new Set([leaf]));
  if (roots.size === 0) return { roots, escaped };
  const derive = (value: Value): boolean => {
    let set = roots.get(value);
    const before = set?.size ?? 0;
    for (const argument of value.args) {
      for (const root of roots.get(argument) ?? []) {
        if (set === undefined) roots.set(value, (set = new Set()));
        set.add(root);
      }
    }
    return (set?.size ?? 0) > before;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const block of fn.blocks) {
      for (const phi of block.phis) changed = derive(phi) || changed;
      for (const value of block.body) {
        if (value.op === "load" || value.op === "call" || value.op === "atomic") continue;
        if (value.type !== "void" && derive(value) && value.args.some((argument) => argument.op === "phi")) {
          changed = true;
        }
      }
    }
  }
  for (const block of fn.blocks) {
    for (const value of block.body) {
      if (value.op !== "store" && value.op !== "atomic") continue;
      for (const argument of value.args.slice(1))
        for (const root of roots.get(argument) ?? []) escaped.add(root);
    }
    for (const argument of block.terminator?.op === "ret" ? block.terminator.args : []) {
      for (const root of roots.get(argument) ?? []) escaped.add(root);
    }
  }
  return { roots, escaped };
}

/** The arguments behind which a call may write, or read. */
export function touchedArguments(
  call: Value & { readonly effects: CallEffects },
  how: "reads" | "writes",
): Value[] {
  if (call.effects.pure === true) return [];
  const indices = call.effects[how];
  if (indices === undefined) return call.args;
  return indices.flatMap((index) => call.args[index] ?? []);
}
