import type { PlanArgument, PlanConstant, PlanField, ValueType } from "../object/index.ts";
import { BpfkitError } from "../errors.ts";
import { formatInet, formatMac } from "./address.ts";
import { memoryOf, readSigned64, readUnsigned64, stringEnd, type Memory } from "./memory.ts";
import { formatTime, type WallClock } from "./strftime.ts";
import type { Frame, Integer, Value } from "./value.ts";

/** Reads one value at `at`; `end` is where the record or map value ends. */
export type Decoder = (memory: Memory, at: number, end: number) => Value;

export type IntegerReader = (memory: Memory, at: number) => Integer;

/** What the bytes alone do not say: names that only the running system knows. */
export interface Resolver {
  kernelFrame(address: Integer): Frame;
  userFrame(address: Integer, pid: number, probe: number): Frame;
  /** Addresses of a stack by its id in a stack map, innermost first; undefined when it is gone. */
  stack(map: string, id: number): readonly Integer[] | undefined;
  username(uid: number): string;
  cgroupPath(id: Integer): string;
  /** Milliseconds since 1970. */
  now(): number;
  wallClock(nanoseconds: Integer, clock: "boot" | "monotonic" | "tai"): WallClock;
}

export interface DecodeContext {
  readonly resolver: Resolver;
  /**
   * `latin1` keeps the bytes of strings as char codes, so that text output writes them unchanged;
   * `utf8` makes proper strings, for JSON and for callers of the library.
   */
  readonly encoding: "latin1" | "utf8";
}

/** A string that did not fit into its room ends with this, as in bpftrace. */
const TRUNCATED = "..";

export function compileDecoder(type: ValueType, context: DecodeContext): Decoder {
  switch (type.kind) {
    case "none":
      return () => null;
    case "bool":
      return ({ view }, at) => view.getUint8(at) !== 0;
    case "int":
      return intDecoder(type.size, type.signed);
    case "enum":
      return enumDecoder(type.size, type.names);
    case "pointer":
      return ({ view }, at) => {
        const number = readUnsigned64(view, at);
        return { kind: "symbolic", text: `0x${number.toString(16)}`, number };
      };
    case "string":
      return stringDecoder(type.size, context);
    case "buffer":
      return ({ bytes, view }, at, end) => {
        const length = Math.min(view.getUint32(at, true), type.size, Math.max(0, end - at - 4));
        return { kind: "bytes", bytes: Uint8Array.from(bytes.subarray(at + 4, at + 4 + length)) };
      };
    case "array":
      return arrayDecoder(type.element, type.length, context);
    case "tuple": {
      const fields = type.fields.map((field) => fieldDecoder(field, context));
      return (memory, at, end) => ({
        kind: "tuple",
        values: fields.map((decode) => decode(memory, at, end)),
      });
    }
    case "struct": {
      const fields = type.fields.map((field) => [field.name, fieldDecoder(field, context)] as const);
      return (memory, at, end) => ({
        kind: "record",
        fields: fields.map(([name, decode]) => [name, decode(memory, at, end)] as const),
      });
    }
    case "timestamp":
      return ({ view }, at) => {
        const time = context.resolver.wallClock(readUnsigned64(view, at), type.clock);
        return encoded(formatTime(type.format, time, "fractions"), context);
      };
    case "inet":
      return ({ bytes, view }, at) => formatInet(view.getUint32(at, true), bytes.subarray(at + 8, at + 24));
    case "mac":
      return ({ bytes }, at) => formatMac(bytes.subarray(at, at + 6));
    case "username":
      return ({ view }, at) => encoded(context.resolver.username(view.getUint32(at, true)), context);
    case "cgroupPath":
      return ({ view }, at) => encoded(context.resolver.cgroupPath(readUnsigned64(view, at)), context);
    case "ksym":
      return ({ view }, at) =>
        encoded(symbolName(context.resolver.kernelFrame(readUnsigned64(view, at))), context);
    case "usym":
      return ({ view }, at) => {
        const frame = context.resolver.userFrame(
          readUnsigned64(view, at),
          view.getUint32(at + 8, true),
          view.getUint32(at + 12, true),
        );
        return encoded(symbolName(frame), context);
      };
    case "kstack":
      return ({ view }, at) => {
        const { resolver } = context;
        const addresses = resolver.stack(type.map, view.getInt32(at, true)) ?? [];
        return stackValue(type.mode, addresses, (address) => resolver.kernelFrame(address));
      };
    case "ustack":
      return ({ view }, at) => {
        const { resolver } = context;
        const addresses = resolver.stack(type.map, view.getInt32(at, true)) ?? [];
        const pid = view.getUint32(at + 8, true);
        const probe = view.getUint32(at + 12, true);
        return stackValue(type.mode, addresses, (address) => resolver.userFrame(address, pid, probe));
      };
  }
}

/** An argument of an action whose record is at least `size` bytes long. */
export function argumentDecoder(argument: PlanArgument, size: number, context: DecodeContext): Decoder {
  if (!("constant" in argument)) return fieldDecoder(checkedField(argument, size), context);
  const { field, memory } = constantField(argument);
  const value = fieldDecoder(field, context)(memory, 0, memory.bytes.length);
  return () => value;
}

/** What the compiler knew, as a field of bytes of its own: constants then take the way of all arguments. */
export function constantField({ constant, type }: PlanConstant): { field: PlanField; memory: Memory } {
  if (type.kind === "string") {
    const bytes = Buffer.from(`${constant}\0`, "utf8");
    return {
      field: { name: "", offset: 0, type: { kind: "string", size: bytes.length } },
      memory: memoryOf(bytes),
    };
  }
  const bytes = new Uint8Array(Math.max(8, sizeOf(type)));
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, integerOf(constant)), true);
  return { field: { name: "", offset: 0, type }, memory: memoryOf(bytes) };
}

function integerOf(digits: string): bigint {
  if (!/^-?(\d+|0x[\da-f]+)$/i.test(digits))
    throw badPlan(`constant ${JSON.stringify(digits)} is no integer`);
  return digits.startsWith("-") ? -BigInt(digits.slice(1)) : BigInt(digits);
}

/** The plan may come from any file: a field outside its record must not be read. */
export function checkedField(field: PlanField, size: number): PlanField {
  const bytes = field.bits ? (field.bits.offset + field.bits.width + 7) >> 3 : sizeOf(field.type);
  if (field.offset < 0 || field.offset + bytes > size) {
    throw badPlan(`field at ${field.offset} of ${bytes} bytes lies outside its ${size} bytes`);
  }
  return field;
}

export function badPlan(what: string): BpfkitError {
  return new BpfkitError(`Damaged trace plan: ${what}`, {
    code: "plan/invalid",
    hints: ["Build the object again with `bpfkit build`"],
  });
}

/** A field of a struct, tuple or record, at its offset from the whole's start; bitfields are cut out. */
export function fieldDecoder(field: PlanField, context: DecodeContext): Decoder {
  const { offset, bits } = field;
  if (bits) return bitfieldDecoder(field, bits);
  const decode = compileDecoder(field.type, context);
  return (memory, at, end) => decode(memory, at + offset, end);
}

/** Bytes that a value of the type takes. */
export function sizeOf(type: ValueType): number {
  switch (type.kind) {
    case "none":
      return 0;
    case "bool":
      return 1;
    case "int":
    case "enum":
    case "string":
    case "tuple":
    case "struct":
      return type.size;
    case "buffer":
      return 4 + type.size;
    case "array":
      return sizeOf(type.element) * type.length;
    case "pointer":
    case "ksym":
    case "timestamp":
    case "kstack":
    case "cgroupPath":
      return 8;
    case "username":
      return 4;
    case "usym":
    case "ustack":
      return 16;
    case "mac":
      return 6;
    case "inet":
      return 24;
  }
}

export function intDecoder(size: 1 | 2 | 4 | 8, signed: boolean): IntegerReader {
  switch (size) {
    case 1:
      return signed ? ({ view }, at) => view.getInt8(at) : ({ view }, at) => view.getUint8(at);
    case 2:
      return signed ? ({ view }, at) => view.getInt16(at, true) : ({ view }, at) => view.getUint16(at, true);
    case 4:
      return signed ? ({ view }, at) => view.getInt32(at, true) : ({ view }, at) => view.getUint32(at, true);
    case 8:
      return signed ? ({ view }, at) => readSigned64(view, at) : ({ view }, at) => readUnsigned64(view, at);
  }
}

function enumDecoder(size: 1 | 2 | 4 | 8, names: Readonly<Record<string, string>>): Decoder {
  const unsigned = intDecoder(size, false);
  const signed = intDecoder(size, true);
  const table = new Map(Object.entries(names));
  return (memory, at) => {
    for (const decode of [unsigned, signed]) {
      const number = decode(memory, at);
      const text = table.get(String(number));
      if (text !== undefined) return { kind: "symbolic", text, number };
    }
    const number = unsigned(memory, at);
    return { kind: "symbolic", text: String(number), number };
  };
}

function stringDecoder(size: number, { encoding }: DecodeContext): Decoder {
  return ({ bytes }, at, end) => {
    const stop = stringEnd(bytes, at, Math.min(at + size, end));
    const text = bytes.toString(encoding, at, stop);
    return stop - at === size ? text + TRUNCATED : text;
  };
}

function arrayDecoder(element: ValueType, length: number, context: DecodeContext): Decoder {
  const decode = compileDecoder(element, context);
  const size = sizeOf(element);
  return (memory, at, end) => ({
    kind: "array",
    values: Array.from({ length }, (_, index) => decode(memory, at + index * size, end)),
  });
}

export function bitfieldDecoder(
  { offset, type }: PlanField,
  bits: { readonly offset: number; readonly width: number },
): IntegerReader {
  const signed = type.kind === "int" && type.signed;
  const first = offset + (bits.offset >> 3);
  const shift = BigInt(bits.offset & 7);
  const size = ((bits.offset & 7) + bits.width + 7) >> 3;
  return ({ view }, at) => {
    let whole = 0n;
    for (let index = size - 1; index >= 0; index--) {
      whole = (whole << 8n) | BigInt(view.getUint8(at + first + index));
    }
    const value = signed
      ? BigInt.asIntN(bits.width, whole >> shift)
      : BigInt.asUintN(bits.width, whole >> shift);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  };
}

function stackValue(mode: string, addresses: readonly Integer[], frame: (address: Integer) => Frame): Value {
  const frames = mode === "raw" ? addresses.map((address) => ({ address })) : addresses.map(frame);
  return { kind: "stack", mode, frames };
}

/** A symbol alone, without offset: what ksym() and usym() print. */
function symbolName(frame: Frame): string {
  return frame.symbol ?? `0x${frame.address.toString(16)}`;
}

/** Text that is already a proper string, in the context's encoding. */
function encoded(text: string, { encoding }: DecodeContext): string {
  // oxlint-disable-next-line no-control-regex
  if (encoding === "utf8" || /^[\u0000-\u007f]*$/.test(text)) return text;
  return Buffer.from(text, "utf8").toString("latin1");
}
