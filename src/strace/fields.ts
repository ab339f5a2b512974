import { nameOf } from "../uapi/index.ts";
import type { FieldLayout } from "../uapi/index.ts";
import { readText } from "./process-view.ts";
import type { Detail, ProcessView } from "./process-view.ts";
import { decimal, hexadecimal, later, struct } from "./value.ts";
import type { Field, Value } from "./value.ts";

/** A struct of the call as it is in memory: `size` bytes of it are the caller's, the rest reads as 0. */
export class StructView {
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #fields: Readonly<Record<string, FieldLayout>>;

  constructor(
    bytes: Uint8Array,
    size: number,
    layout: { readonly size: number; readonly fields: Readonly<Record<string, FieldLayout>> },
  ) {
    this.size = size;
    this.bytes = bytes;
    const padded = new Uint8Array(Math.max(layout.size, bytes.length) + 8);
    padded.set(bytes);
    this.#view = new DataView(padded.buffer);
    this.#fields = layout.fields;
  }

  layout(name: string): FieldLayout {
    const field = this.#fields[name];
    if (!field) throw new Error(`No field ${name}`);
    return field;
  }

  /** Whether any of the field is the caller's. */
  has(name: string): boolean {
    return this.layout(name).offset < this.size;
  }

  end(name: string): number {
    const { offset, size } = this.layout(name);
    return offset + size;
  }

  u64(name: string): bigint {
    const field = this.layout(name);
    if (field.kind === "bits")
      return (
        (this.#view.getBigUint64(field.offset, true) >> BigInt(field.bit)) &
        ((1n << BigInt(field.width)) - 1n)
      );
    if (field.size === 8) return this.#view.getBigUint64(field.offset, true);
    return BigInt(this.u32(name));
  }

  u32(name: string): number {
    const { offset, size } = this.layout(name);
    return size === 2
      ? this.#view.getUint16(offset, true)
      : size === 1
        ? this.#view.getUint8(offset)
        : this.#view.getUint32(offset, true);
  }

  slice(name: string): Uint8Array {
    const { offset, size } = this.layout(name);
    return new Uint8Array(this.#view.buffer, offset, size);
  }
}

/** What a format sees: the field, the struct around it, and the process. */
export interface FieldContext {
  readonly name: string;
  readonly attr: StructView;
  readonly view: ProcessView;
  readonly detail: Detail;
  /** The struct as the call left it. */
  readonly after: () => StructView;
  /** The call has failed: what it would have written is not looked at. */
  readonly failed?: boolean;
}

export type Format = (context: FieldContext) => Value;

/** One field as it is printed. */
export interface FieldRow {
  readonly name: string;
  readonly format: Format;
  /** Printed name, where it is another. */
  readonly as?: (attr: StructView) => string;
  /** Printed only if. */
  readonly when?: (attr: StructView) => boolean;
  /** The kernel writes it: its value is known only behind the call. */
  readonly output?: true;
  /** Printed whatever size the caller gave: the kernel does not look at it. */
  readonly always?: true;
}

export type Row = readonly [name: string, format: Format, options?: Omit<FieldRow, "name" | "format">];

/** The fields that the caller's size has; those behind it are not printed. */
export function structFields(rows: readonly Row[], context: Omit<FieldContext, "name">): Field[] {
  const fields: Field[] = [];
  for (const [name, format, options = {}] of rows) {
    if (options.always !== true && !context.attr.has(name)) break;
    if (options.when && !options.when(context.attr)) continue;
    const label = options.as?.(context.attr) ?? name.slice(name.lastIndexOf(".") + 1);
    fields.push({
      name: label,
      value:
        options.output === true
          ? later(({ failed }) => format({ ...context, name, attr: context.after(), failed }))
          : format({ ...context, name }),
    });
  }
  return fields;
}

export const unsigned: Format = ({ attr, name }) => decimal(attr.u64(name));
export const signed: Format = ({ attr, name }) => decimal(BigInt.asIntN(32, attr.u64(name)));
export const hex: Format = ({ attr, name }) => hexadecimal(attr.u64(name));
export const pointer: Format = ({ attr, name }) => ({ kind: "pointer", address: attr.u64(name) });

export const descriptor: Format = ({ attr, name, view, detail }) =>
  descriptorValue(attr.u32(name) | 0, view, detail);

export function descriptorValue(fd: number, view: ProcessView, detail: Detail): Value {
  const target = detail.descriptors && fd >= 0 ? view.descriptor(fd) : undefined;
  return { kind: "fd", fd, ...(target !== undefined && { target }) };
}

const AT_FDCWD = -100;

export const directory: Format = (context) =>
  (context.attr.u32(context.name) | 0) === AT_FDCWD
    ? { kind: "word", text: "AT_FDCWD" }
    : descriptor(context);

export const networkInterface: Format = ({ attr, name, view }) => {
  const index = attr.u32(name);
  const found = index === 0 ? undefined : view.interfaceName(index);
  return found === undefined ? decimal(index) : { kind: "word", text: `if_nametoindex("${found}")` };
};

export const kernelVersion: Format = ({ attr, name }) => {
  const version = attr.u32(name);
  return {
    kind: "word",
    text: `KERNEL_VERSION(${version >>> 16}, ${(version >>> 8) & 0xff}, ${version & 0xff})`,
  };
};

export const device: Format = ({ attr, name }) => {
  const number = attr.u64(name);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffff_ff00n);
  return { kind: "word", text: `makedev(${hexText(major)}, ${hexText(minor)})` };
};

function hexText(value: bigint): string {
  return value === 0n ? "0" : `0x${value.toString(16)}`;
}

/** char[N] in the struct itself, as far as the caller's size goes. */
export const name: Format = ({ attr, name: field }) => {
  const { offset, size } = attr.layout(field);
  const bytes = attr.slice(field).subarray(0, Math.min(size, attr.size - offset));
  const end = bytes.indexOf(0);
  return { kind: "bytes", bytes: end < 0 ? bytes : bytes.subarray(0, end), style: "text", cut: end < 0 };
};

export const hexBytes: Format = ({ attr, name: field }) => ({
  kind: "bytes",
  bytes: attr.slice(field),
  style: "hex",
  cut: false,
});

export interface Names {
  readonly prefix: string;
  readonly values: Readonly<Record<string, number | bigint>>;
  readonly unknown: string;
}

/** One of a table's names. */
export function oneOf(names: Names): Format {
  return ({ attr, name: field }) => oneOfValue(names, attr.u64(field));
}

export function oneOfValue({ values, prefix, unknown }: Names, value: bigint): Value {
  const found = nameOf(values, value);
  return found === undefined
    ? { kind: "word", text: `0x${value.toString(16)} /* ${unknown} */`.replace(/^0x0 /, "0 ") }
    : { kind: "word", text: prefix + found };
}

/** Any of a table's bits. */
export function anyOf(names: Names): Format {
  return ({ attr, name: field }) => anyOfValue(names, attr.u64(field));
}

export function anyOfValue({ values, prefix, unknown }: Names, value: bigint): Value {
  const found: string[] = [];
  let rest = value;
  for (const [flag, known] of Object.entries(values)) {
    const bits = BigInt.asUintN(64, BigInt(known));
    if (bits === 0n ? value === 0n : (rest & bits) === bits) {
      found.push(prefix + flag);
      rest &= ~bits;
    }
  }
  return { kind: "flags", names: found, rest, unknown };
}

/** A pointer to text that ends with NUL, within as many bytes as another field says if it is given. */
export function text(
  limit: "string" | "path" | { readonly size: string } | { readonly most: number },
): Format {
  return ({ attr, name: field, view, detail }) => {
    const address = attr.u64(field);
    if (address === 0n) return { kind: "pointer", address };
    const bound =
      limit === "path"
        ? 4096
        : limit === "string"
          ? detail.stringLimit
          : Math.min("size" in limit ? attr.u32(limit.size) : limit.most, detail.stringLimit);
    const whole =
      limit !== "path" && limit !== "string" && "size" in limit ? attr.u32(limit.size) : undefined;
    if (whole !== undefined && whole <= bound) return boundedText(view, address, whole);
    const found = readText(view, address, bound);
    return found ? { kind: "bytes", style: "text", ...found } : { kind: "pointer", address };
  };
}

function boundedText(view: ProcessView, address: bigint, size: number): Value {
  const bytes = view.read(address, size);
  const end = bytes.indexOf(0);
  if (end < 0 && bytes.length < size) return { kind: "pointer", address };
  return {
    kind: "bytes",
    style: "text",
    bytes: end < 0 ? bytes : bytes.subarray(0, end),
    cut: end < 0 && size > 0,
  };
}

/** A pointer to as many bytes as another field says. */
export function buffer(size: string, style: "text" | "hex"): Format {
  return ({ attr, name: field, view, detail }) =>
    bufferValue(attr.u64(field), attr.u32(size), style, view, detail);
}

export function bufferValue(
  address: bigint,
  length: number,
  style: "text" | "hex",
  view: ProcessView,
  detail: Detail,
): Value {
  if (address === 0n) return { kind: "pointer", address };
  const wanted = Math.min(length, detail.stringLimit);
  const bytes = view.read(address, wanted);
  if (bytes.length < wanted) return { kind: "pointer", address };
  return { kind: "bytes", bytes, style, cut: length > wanted };
}

/** A pointer to elements of `size` bytes; `count` of them. */
export function arrayValue(
  address: bigint,
  count: number,
  size: number,
  view: ProcessView,
  element: (bytes: DataView) => Value,
  most: number = ARRAY_LIMIT,
): Value {
  if (address === 0n) return { kind: "pointer", address };
  if (count === 0) return { kind: "array", elements: [] };
  const shown = Math.min(count, most);
  const bytes = view.read(address, shown * size);
  const whole = Math.floor(bytes.length / size);
  if (whole === 0) return { kind: "pointer", address };
  const elements: Value[] = [];
  for (let index = 0; index < whole; index++)
    elements.push(element(new DataView(bytes.buffer, bytes.byteOffset + index * size, size)));
  if (whole < shown) {
    const end = `0x${(address + BigInt(whole * size)).toString(16)}`;
    elements.push({ kind: "word", text: `... /* ${end} */` });
  } else if (shown < count) elements.push({ kind: "more" });
  return { kind: "array", elements };
}

/** An end to what a wild count asks for. */
const ARRAY_LIMIT = 1_000_000;

/** A pointer to an array whose length another field says, of u32 or u64 elements. */
export function array(
  count: string,
  size: 4 | 8,
  element: (value: bigint, context: FieldContext) => Value,
): Format {
  return (context) => {
    const address = context.attr.u64(context.name);
    if (context.failed === true) return { kind: "pointer", address };
    return arrayValue(address, context.attr.u32(count), size, context.view, (bytes) =>
      element(size === 4 ? BigInt(bytes.getUint32(0, true)) : bytes.getBigUint64(0, true), context),
    );
  };
}

/** Value at entry, and at the end where it differs. */
export function inOut(format: Format): Format {
  return (context) => {
    const after = later(() => format({ ...context, attr: context.after() }));
    return { kind: "changed", before: format(context), after };
  };
}

export function group(label: string, fields: readonly Field[]): Field {
  return { name: label, value: struct(fields) };
}
