/** A 64-bit integer: a number where a double holds it exactly, else a bigint. */
export type Integer = number | bigint;

/** A value of a script as data, on its way from the kernel's bytes to text, JSON or a library's caller. */
export type Value =
  | null
  | boolean
  | Integer
  | string
  /** A number that text shows by name: an enum, a pointer. */
  | { readonly kind: "symbolic"; readonly text: string; readonly number: Integer }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "array" | "tuple"; readonly values: readonly Value[] }
  | { readonly kind: "record"; readonly fields: readonly (readonly [name: string, value: Value])[] }
  | { readonly kind: "stack"; readonly mode: string; readonly frames: readonly Frame[] };

/** One address of a stack, with what is known of it. */
export interface Frame {
  readonly address: Integer;
  readonly symbol?: string;
  /** Bytes from the symbol's start. */
  readonly offset?: number;
  /** Path of the file, or name of the kernel module. */
  readonly module?: string;
}

/** An end of a histogram's row. */
export type Label = Integer | { readonly kind: "symbolic"; readonly text: string; readonly number: Integer };

/** One row of a histogram: from `low` (none: from minus infinity) up to but not including `high`. */
export interface Bucket {
  readonly low?: Label;
  readonly high?: Label;
  readonly count: Integer;
}

/** What hist() and lhist() have counted. */
export interface Histogram {
  readonly kind: "histogram";
  readonly buckets: readonly Bucket[];
}

/** What a map held at one moment, in the order it is shown. */
export interface MapSnapshot {
  /** With `@`. */
  readonly name: string;
  readonly type: "map" | "hist" | "stats";
  /** Entries of a scalar map have no key, and there is at most one. */
  readonly scalar: boolean;
  readonly entries: readonly { readonly key?: Value; readonly value: Value | Histogram }[];
}

export function isHistogram(value: Value | Histogram): value is Histogram {
  return typeof value === "object" && value !== null && value.kind === "histogram";
}
