import { addFunction, Builder, createModule } from "./builder.ts";
import type { IrModule, Value, ValueType } from "./node.ts";

/** A module with the one function that `write` fills in. */
export function moduleOf(write: (b: Builder) => void, params: readonly ValueType[] = ["ptr"]): IrModule {
  const module = createModule();
  write(new Builder(addFunction(module, { name: "f", params, result: "i64" })));
  return module;
}

export function lookup(b: Builder, map: string, key: Value): Value {
  const effects = { discardable: true, reads: [1], writes: [] };
  return b.helper(1, "map_lookup_elem", [b.mapRef(map), key], { type: "ptr", effects });
}

export function update(b: Builder, map: string, key: Value, value: Value): void {
  const effects = { reads: [1, 2], writes: [] };
  b.helper(2, "map_update_elem", [b.mapRef(map), key, value, b.i64(0)], { effects });
}

/** A helper that answers the same throughout one run. */
export function pid(b: Builder): Value {
  return b.helper(14, "get_current_pid_tgid", [], { effects: { pure: true } });
}

/** A call that needs the values and says nothing about them. */
export function consume(b: Builder, ...values: Value[]): void {
  b.helper(999, "consume", values, { type: "void", effects: { reads: [], writes: [] } });
}
