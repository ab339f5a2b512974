/** A decoded argument: what it is, not yet how it looks. */
export type Value =
  /** `wide`: the number as the call has it; printed in `base`. */
  | { readonly kind: "number"; readonly value: bigint; readonly base: 10 | 16 }
  | { readonly kind: "pointer"; readonly address: bigint }
  /** Names joined by `|`; `rest` has no name, and `unknown` says what it would have been one of. */
  | {
      readonly kind: "flags";
      readonly names: readonly string[];
      readonly rest: bigint;
      readonly unknown: string;
    }
  /** Text that stands for itself, as `KERNEL_VERSION(6, 1, 0)`. */
  | { readonly kind: "word"; readonly text: string }
  | {
      readonly kind: "bytes";
      readonly bytes: Uint8Array;
      readonly style: "text" | "hex";
      readonly cut: boolean;
    }
  | { readonly kind: "struct"; readonly fields: readonly Field[] }
  | { readonly kind: "array"; readonly elements: readonly Value[] }
  /** A descriptor, with what it refers to where that is asked for. */
  | { readonly kind: "fd"; readonly fd: number; readonly target?: string }
  /** What the call changed. */
  | { readonly kind: "changed"; readonly before: Value; readonly after: Value }
  | { readonly kind: "commented"; readonly value: Value; readonly comment: string }
  /** More than is shown. */
  | { readonly kind: "more" }
  /** Nothing, not even a name: what is shown here only at the call's end, if then. */
  | { readonly kind: "nothing" }
  /** Known only when the call has ended. */
  | { readonly kind: "later"; readonly decode: (end: CallEnd) => Value };

/** What is known at a call's end. */
export interface CallEnd {
  readonly failed: boolean;
}

export interface Field {
  /** Empty for what stands without a name. */
  readonly name: string;
  readonly value: Value;
}

export function decimal(value: bigint | number): Value {
  return { kind: "number", value: BigInt(value), base: 10 };
}

export function hexadecimal(value: bigint | number): Value {
  return { kind: "number", value: BigInt(value), base: 16 };
}

export function struct(fields: readonly Field[]): Value {
  return { kind: "struct", fields };
}

export function later(decode: (end: CallEnd) => Value): Value {
  return { kind: "later", decode };
}

/** The value with everything in it that was left for the call's end; to be called then. */
export function settle(value: Value, end: CallEnd): Value {
  switch (value.kind) {
    case "later":
      return settle(value.decode(end), end);
    case "struct":
      return struct(value.fields.map(({ name, value: inner }) => ({ name, value: settle(inner, end) })));
    case "array":
      return { kind: "array", elements: value.elements.map((element) => settle(element, end)) };
    case "changed":
      return changed(settle(value.before, end), settle(value.after, end));
    case "commented":
      return { ...value, value: settle(value.value, end) };
    default:
      return value;
  }
}

/** The value, or both where the call changed it. */
export function changed(before: Value, after: Value): Value {
  if (after.kind === "nothing") return before;
  return same(before, after) ? after : { kind: "changed", before, after };
}

function same(a: Value, b: Value): boolean {
  if (a.kind === "number" && b.kind === "number") return a.value === b.value;
  if (a.kind === "pointer" && b.kind === "pointer") return a.address === b.address;
  return false;
}
