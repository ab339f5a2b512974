import { decodeUtf8, encodeUtf8 } from "../util/index.ts";
import { ObjectError } from "./error.ts";
import { PLAN_VERSION, type TracePlan } from "./plan.ts";

/** Section that holds the trace plan as JSON. */
export const PLAN_SECTION = ".bpfkit.plan";
/** Section that holds relocations which ELF has no words for, as JSON. */
export const RELOCATION_SECTION = ".bpfkit.relo";

/** A relocation beyond ELF; `slot` counts instructions from the start of the section `section`. */
export type ExtraRelocation =
  | {
      readonly kind: "tracepoint";
      readonly section: string;
      readonly slot: number;
      readonly tracepoint: string;
      readonly field: string;
    }
  /** An address within the value of a map that is no data section. */
  | {
      readonly kind: "value";
      readonly section: string;
      readonly slot: number;
      readonly map: string;
      readonly offset: number;
    };

export function encodePlan(plan: TracePlan): Uint8Array {
  return encodeUtf8(JSON.stringify(plan));
}

/** Checks the version and outline; what lies deeper is as the writer left it. */
export function decodePlan(bytes: Uint8Array): TracePlan {
  const plan = parseJson(bytes, "trace plan");
  if (!isRecord(plan)) throw badPlan("it is no object");
  if (plan["version"] !== PLAN_VERSION)
    throw new ObjectError(
      "object/bad-plan",
      `The object's trace plan has version ${JSON.stringify(plan["version"])}, this bpfkit reads ${PLAN_VERSION}`,
      ["Build the script again with this version of bpfkit"],
    );
  for (const field of ["probes", "maps", "records"])
    if (!Array.isArray(plan[field]) || !plan[field].every(isRecord)) throw badPlan(`${field} is no list`);
  for (const field of ["source", "config"]) if (!isRecord(plan[field])) throw badPlan(`${field} is missing`);
  if (!isPlan(plan)) throw badPlan("it has no known shape");
  return plan;
}

function isPlan(value: unknown): value is TracePlan {
  if (!isRecord(value) || !isRecord(value["config"])) return false;
  const { ring, globals } = value["config"];
  return (
    isRecord(ring) &&
    typeof ring["map"] === "string" &&
    isRecord(globals) &&
    typeof globals["map"] === "string"
  );
}

export function encodeExtraRelocations(relocations: readonly ExtraRelocation[]): Uint8Array {
  return encodeUtf8(JSON.stringify(relocations));
}

export function decodeExtraRelocations(bytes: Uint8Array): ExtraRelocation[] {
  const list = parseJson(bytes, "relocations");
  if (!Array.isArray(list) || !list.every(isExtraRelocation))
    throw badPlan("its relocations have no known shape");
  return list;
}

function isExtraRelocation(value: unknown): value is ExtraRelocation {
  if (!isRecord(value) || typeof value["section"] !== "string" || !Number.isInteger(value["slot"]))
    return false;
  if (value["kind"] === "tracepoint")
    return typeof value["tracepoint"] === "string" && typeof value["field"] === "string";
  return value["kind"] === "value" && typeof value["map"] === "string" && Number.isInteger(value["offset"]);
}

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes));
  } catch (error) {
    throw new ObjectError("object/bad-plan", `The object's ${what} are no JSON`, [], error);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function badPlan(why: string): ObjectError {
  return new ObjectError("object/bad-plan", `The object's trace plan is broken: ${why}`, [
    "Build the script again",
  ]);
}
