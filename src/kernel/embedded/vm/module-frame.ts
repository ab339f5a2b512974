import { Code, WasmModule } from "../../../wasm/index.ts";
import type { ValueType } from "../../../wasm/index.ts";
import { CheckCode, RANGE_LOCALS, RANGE_PARAMETERS } from "./check-code.ts";
import type { RangeFunctions } from "./check-code.ts";
import { IMPORT, MAX_CALLBACKS } from "./helper.ts";
import type { Helper, Helpers } from "./helper.ts";
import type { AccessChecks } from "./shadow.ts";

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
  /** Which instruction calls a helper, where that is not known as code is written. */
  readonly place: number;
}

export function startModule(): ModuleFrame {
  const module = new WasmModule();
  module.importMemory(IMPORT.machine, IMPORT.memory, 1);
  module.importTable(IMPORT.machine, IMPORT.table, 1);
  const fuel = module.importGlobal(IMPORT.machine, IMPORT.fuel, "i32");
  const level = module.importGlobal(IMPORT.machine, IMPORT.level, "i32");
  const place = module.importGlobal(IMPORT.machine, IMPORT.place, "i32");
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
  return { module, helperType: module.type(FIVE, ["i64"]), packetLoad, tailTarget, fuel, level, place };
}

/** What the shadow does not allow goes there: (pointer, place, argument, size). */
export function importRefuse(module: WasmModule): number {
  return module.importFunction(IMPORT.machine, IMPORT.refuse, module.type(["i64", "i32", "i32", "i32"], []));
}

/** Adds the functions that look at ranges; `check` writes into a function's code. */
export function addRangeFunctions(
  module: WasmModule,
  tracked: boolean,
  check: (code: Code) => CheckCode,
): RangeFunctions {
  const type = module.type(RANGE_PARAMETERS, []);
  const add = (writes: boolean): number => {
    const code = new Code();
    check(code).writeRange(writes, tracked);
    return module.function(type, RANGE_LOCALS, code);
  };
  return { read: add(false), write: add(true) };
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

/** How the checked mode looks at what helpers are given by a number in a register. */
export interface AdapterChecks {
  readonly checks: AccessChecks;
  readonly pointerHigh: number;
}

/**
 * A module that puts every helper into the table at its id, for calls by a number in a register. With checks the
 * global says which instruction calls.
 */
export function helperAdapters(
  helpers: Helpers,
  checked: AdapterChecks | undefined,
): Uint8Array<ArrayBuffer> {
  const { module, helperType, place } = startModule();
  const refuse = checked && importRefuse(module);
  const indices = new Map([...helpers].map(([id, helper]) => [id, importHelper(module, id, helper)]));
  const checkCode = (code: Code, pushPlace: () => void): CheckCode | undefined =>
    checked && new CheckCode(code, checked.checks.place, checked.pointerHigh, refuse!, pushPlace);
  const range = checked && addRangeFunctions(module, true, (code) => checkCode(code, () => code.get(2))!);
  for (const [id, helper] of helpers) {
    const code = new Code();
    const check = checkCode(code, () => code.globalGet(place));
    const pushLow = (register: number): void => void code.get(register - 1).op("i32.wrap_i64");
    checked?.checks.argumentsOf(id).forEach((argument, index) => {
      const pointer = { push: () => void code.get(index), pushLow: () => pushLow(index + 1), offset: 0 };
      if (argument) check!.argument(pointer, index + 1, argument, pushLow, range!);
    });
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
