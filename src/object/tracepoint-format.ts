import { ObjectError } from "./error.ts";

/** What a tracefs `format` file says about one tracepoint's record. */
export interface TracepointFormat {
  readonly name: string;
  /** perf_event_attr.config of the tracepoint. */
  readonly id: number;
  readonly fields: readonly TracepointField[];
  /** The `print fmt:` line. */
  readonly printFormat: string;
}

export interface TracepointField {
  readonly name: string;
  /** C type without array suffix and location prefix, as `const char *`. */
  readonly type: string;
  /** Bytes from the record's start. */
  readonly offset: number;
  /** Bytes; of the whole array. For located fields those of the descriptor. */
  readonly size: number;
  readonly signed: boolean;
  /** Elements; absent where the field is no array or its length is unknown. */
  readonly length?: number;
  readonly array: boolean;
  /**
   * The field is a u32 whose low half is an offset and whose high half a length in bytes: from the record's
   * start (`data`), or from the descriptor's end (`relative`).
   */
  readonly location?: "data" | "relative";
}

const fieldLine = /^\s*field:(.*?);\s*offset:(\d+);\s*size:(\d+);(?:\s*signed:(\d+);)?/;

/** @throws ObjectError `object/tracepoint-format` when the text is no format file. */
export function parseTracepointFormat(text: string): TracepointFormat {
  const name = /^name:\s*(\S+)/m.exec(text)?.[1];
  const id = /^ID:\s*(\d+)/m.exec(text)?.[1];
  if (name === undefined || id === undefined)
    throw new ObjectError("object/tracepoint-format", "The text is not a tracepoint's format file");
  const fields = text.split("\n").flatMap((line) => parseField(line) ?? []);
  return { name, id: Number(id), fields, printFormat: /^print fmt:\s*(.*)/m.exec(text)?.[1] ?? "" };
}

function parseField(line: string): TracepointField | undefined {
  const match = fieldLine.exec(line);
  if (!match) return undefined;
  const [, declaration = "", offset, size, signed] = match;
  // `char comm[16]`, `__data_loc char[] name`, `const char *const * argv`, `u8 buf[N]`
  const shape = /^(__data_loc |__rel_loc )?(.*?)\s*(\[[^\]]*\])?\s*([A-Za-z_]\w*)\s*(\[[^\]]*\])?$/.exec(
    declaration.trim(),
  );
  if (!shape) return undefined;
  const [, prefix, type = "", before, name = "", after] = shape;
  const brackets = after ?? before;
  const length = brackets === undefined ? Number.NaN : Number.parseInt(brackets.slice(1), 10);
  return {
    name,
    type: type.trim(),
    offset: Number(offset),
    size: Number(size),
    signed: signed === "1",
    array: brackets !== undefined,
    ...(Number.isNaN(length) ? {} : { length }),
    ...(prefix === undefined ? {} : { location: prefix.startsWith("__data") ? "data" : "relative" }),
  };
}
