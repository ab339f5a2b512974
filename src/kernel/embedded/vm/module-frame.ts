import type { Code, ValueType } from "../../../wasm/index.ts";
import { WasmModule } from "../../../wasm/index.ts";
import { IMPORT, MAX_CALLBACKS } from "./helper.ts";
import type { Helper, Helpers } from "./helper.ts";

const FIVE: readonly ValueType[] = ["i64", "i64", "i64", "i64", "i64"];

/** A module with the imports that all modules of a machine share. */
export interface ModuleFrame {
  readonly module: WasmModule;
  /** (r1 … r5) -> r0, as functions in the table are. */
  readonly helperType: number;
  readonly packetLoad: number;
  /** (program array, index) -> what {@link TAIL_CALL} goes on with, or -1. */
  readonly tailTarget: number;
  readonly fuel: number;
  /** How many callbacks are running inside each other. */
  readonly level: number;
}

export function startModule(): ModuleFrame {
  const module = new WasmModule();
  module.importMemory(IMPORT.machine, IMPORT.memory, 1);
  module.importTable(IMPORT.machine, IMPORT.table, 1);
  const fuel = module.importGlobal(IMPORT.machine, IMPORT.fuel, "i32");
  const level = module.importGlobal(IMPORT.machine, IMPORT.level, "i32");
  const packetLoad = module.importFunction(
    IMPORT.machine,
    IMPORT.packetLoad,
    module.type(["i32", "i32", "i32"], ["i64"]),
  );
  const tailTarget = module.importFunction(
    IMPORT.machine,
    IMPORT.tailTarget,
    module.type(["i32", "i32"], ["i32"]),
  );
  return { module, helperType: module.type(FIVE, ["i64"]), packetLoad, tailTarget, fuel, level };
}

/** Functions of the checked mode. */
export interface CheckFunctions {
  readonly load: number;
  readonly store: number;
  readonly call: number;
  readonly enter: number;
}

export function importChecks(module: WasmModule): CheckFunctions {
  const imported = (name: string, params: readonly ValueType[]): number =>
    module.importFunction(IMPORT.machine, name, module.type(params, []));
  return {
    load: imported(IMPORT.checkLoad, ["i64", "i32", "i32"]),
    store: imported(IMPORT.checkStore, ["i64", "i32", "i32"]),
    call: imported(IMPORT.checkCall, ["i32", "i32", ...FIVE]),
    enter: imported(IMPORT.checkEnter, ["i64"]),
  };
}

export function importHelper(module: WasmModule, id: number, helper: Helper): number {
  return module.importFunction(IMPORT.helper, String(id), module.type(helper.params, [helper.result]));
}

/** Calls an imported helper with what `argument` pushes as i64, and leaves r0. */
export function emitHelperCall(
  code: Code,
  helper: Helper,
  index: number,
  argument: (position: number) => void,
): void {
  helper.params.forEach((type, position) => {
    argument(position);
    if (type === "i32") code.op("i32.wrap_i64");
  });
  code.call(index);
  if (helper.result === "i32") code.op("i64.extend_i32_s");
}

/** Counts fuel down by one and traps when it is used up; a machine without a limit sets it anew. */
export function emitFuel(code: Code, fuel: number): void {
  code.globalGet(fuel).i32(1).op("i32.sub").globalSet(fuel);
  code.globalGet(fuel).op("i32.eqz").if().op("unreachable").op("end");
}

/** A module that puts every helper into the table at its id, for calls by a number in a register. */
export function helperAdapters(helpers: Helpers, newCode: () => Code): Uint8Array<ArrayBuffer> {
  const { module, helperType } = startModule();
  const indices = new Map([...helpers].map(([id, helper]) => [id, importHelper(module, id, helper)]));
  for (const [id, helper] of helpers) {
    const code = newCode();
    emitHelperCall(code, helper, indices.get(id)!, (position) => code.get(position));
    module.elements(id, [module.function(helperType, [], code)]);
  }
  return module.finish();
}

/**
 * The way into a function whose address a helper was given: (r1 … r5) -> r0. `body` pushes r0; while it
 * runs the level is one up, so that it has a stack of its own. Too many callbacks inside each other trap.
 */
export function emitCallback(code: Code, { level }: ModuleFrame, body: () => void): void {
  code.globalGet(level).i32(1).op("i32.add").globalSet(level);
  code.globalGet(level).i32(MAX_CALLBACKS).op("i32.gt_u").if().op("unreachable").op("end");
  body();
  code.globalGet(level).i32(1).op("i32.sub").globalSet(level);
}
