import { decodeUtf8 } from "../util/index.ts";

/** Text that goes into JSON as it is, as a number in hexadecimal. */
export class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An object whose names may repeat, as those of a struct's members without a name do. */
export class Members {
  readonly pairs: readonly (readonly [name: string, value: Json])[];

  constructor(pairs: readonly (readonly [name: string, value: Json])[]) {
    this.pairs = pairs;
  }
}

/** Values of which there are many, as bytes that are written in pieces; each is good until the next is asked for. */
export class JsonPieces {
  readonly pieces: (pretty: boolean, depth: number) => Iterable<Uint8Array>;

  constructor(pieces: (pretty: boolean, depth: number) => Iterable<Uint8Array>) {
    this.pieces = pieces;
  }
}

export type Json =
  | string
  | number
  | bigint
  | boolean
  | null
  | RawJson
  | Members
  | JsonPieces
  | readonly Json[]
  | { readonly [name: string]: Json | undefined };

export const ESCAPES: Readonly<Record<string, string>> = {
  "\t": String.raw`\t`,
  "\n": String.raw`\n`,
  "\r": String.raw`\r`,
  "\f": String.raw`\f`,
  "\b": String.raw`\b`,
  "\\": "\\\\",
  '"': String.raw`\"`,
};

/**
 * JSON as bpftool writes it, without the final newline. Pretty: a new line in front of each name and in front
 * of the bracket that ends something, none between the elements of arrays. Undefined members are left out.
 */
export function formatJson(value: Json, pretty: boolean, depth = 0): string {
  if (value === null) return "null";
  if (typeof value === "string") return quote(value);
  if (value instanceof RawJson) return value.text;
  if (value instanceof JsonPieces)
    return Array.from(value.pieces(pretty, depth), (piece) => decodeUtf8(piece)).join("");
  if (typeof value !== "object") return String(value);
  const line = (level: number): string => (pretty ? `\n${"    ".repeat(level)}` : "");
  if (isArray(value)) {
    if (value.length === 0) return "[]";
    const elements = value.map((element) => formatJson(element, pretty, depth + 1));
    return `[${elements.join(",")}${line(depth)}]`;
  }
  const pairs = value instanceof Members ? value.pairs : Object.entries(value);
  const members = pairs.flatMap(([name, member]) =>
    member === undefined
      ? []
      : [`${line(depth + 1)}${quote(name)}:${pretty ? " " : ""}${formatJson(member, pretty, depth + 1)}`],
  );
  return members.length === 0 ? "{}" : `{${members.join(",")}${line(depth)}}`;
}

function quote(text: string): string {
  return `"${text.replace(/["\\\t\n\r\f\b]/g, (character) => ESCAPES[character] ?? character)}"`;
}

function isArray(
  value: readonly Json[] | Members | { readonly [name: string]: Json | undefined },
): value is readonly Json[] {
  return Array.isArray(value);
}
