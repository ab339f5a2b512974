import { BPF_FUNC } from "../../../uapi/index.ts";
import type { BpfHelperName } from "../../../uapi/index.ts";
import type { Helper } from "../vm/index.ts";

/** A helper's row: its number, and what the machine calls. */
export type HelperRow = readonly [id: number, helper: Helper];

type Argument = "address" | "number" | "wide";
type Value<A> = A extends "wide" ? bigint : number;
type Values<A extends readonly Argument[]> = { [I in keyof A]: Value<A[I]> };

/**
 * A helper whose arguments are addresses or numbers of 32 bits, or `wide` ones of 64. A number that it
 * returns is sign-extended (0, a size, an error below 0); a bigint is all of r0.
 */
export function helper<const A extends readonly Argument[]>(
  name: BpfHelperName,
  args: A,
  call: (...values: Values<A>) => number,
): HelperRow {
  return row(name, args, "i32", call);
}

/** A helper that returns 64 bits, as a pointer. */
export function wideHelper<const A extends readonly Argument[]>(
  name: BpfHelperName,
  args: A,
  call: (...values: Values<A>) => bigint,
): HelperRow {
  return row(name, args, "i64", call);
}

function row<A extends readonly Argument[]>(
  name: BpfHelperName,
  args: A,
  result: "i32" | "i64",
  call: (...values: Values<A>) => number | bigint,
): HelperRow {
  const params = args.map((argument) => (argument === "wide" ? "i64" : "i32"));
  // Values are what `params` makes of the arguments.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return [BPF_FUNC[name], { params, result, call: call as (...values: never[]) => number | bigint }];
}
