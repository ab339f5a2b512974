import type { PlanArgument, PlanField, ValueType } from "../object/index.ts";
import {
  bitfieldDecoder,
  checkedField,
  constantField,
  fieldDecoder,
  intDecoder,
  type DecodeContext,
  type Decoder,
  type IntegerReader,
} from "./decode.ts";
import { parseFormat, type FormatSpec } from "./format-string.ts";
import { hexBuffer, type HexStyle } from "./hex.ts";
import { stringEnd, type Memory } from "./memory.ts";
import { NUMBER_ROOM, OutputBuffer } from "./output-buffer.ts";
import type { Integer, Value } from "./value.ts";
import { valueText } from "./value-text.ts";

/** Writes what one record says; `at` is the record's start, `end` the byte after it. */
export type RecordWriter = (memory: Memory, at: number, end: number, out: OutputBuffer) => void;

const BLANK = 32;
const ZERO = 48;

/**
 * Compiles a printf into one writer, so that a record costs a few calls and no string: digits and bytes go
 * straight from the ring into the output buffer. Conversions follow C: an integer is cut to the conversion's
 * size (`%d` is 32 bits), then shown.
 */
export function compilePrintf(
  format: string,
  args: readonly PlanArgument[],
  size: number,
  context: DecodeContext,
): RecordWriter {
  let next = 0;
  const writers: RecordWriter[] = [];
  const literal = new OutputBuffer(256);
  const endLiteral = (): void => {
    if (literal.length > 0)
      writers.push(literalWriter(Buffer.from(literal.bytes.subarray(0, literal.length))));
    literal.clear();
  };
  for (const piece of parseFormat(format)) {
    const arg = piece.kind === "spec" ? args[next++] : undefined;
    if (piece.kind === "literal") {
      literal.utf8(piece.text);
    } else if (arg && "constant" in arg) {
      const { field, memory } = constantField(arg);
      argWriter(piece, field, context)(memory, 0, memory.bytes.length, literal);
    } else if (arg) {
      endLiteral();
      writers.push(argWriter(piece, checkedField(arg, size), context));
    }
  }
  endLiteral();
  return sequence(writers);
}

/** One writer that runs them all. */
export function sequence(writers: readonly RecordWriter[]): RecordWriter {
  if (writers.length === 1) return writers[0]!;
  return (memory, at, end, out) => {
    for (const write of writers) write(memory, at, end, out);
  };
}

function literalWriter(bytes: Buffer): RecordWriter {
  return (_memory, _at, _end, out) => {
    out.reserve(bytes.length);
    out.copy(bytes);
  };
}

function argWriter(spec: FormatSpec, arg: PlanField, context: DecodeContext): RecordWriter {
  const { type } = arg;
  switch (spec.conversion) {
    case "s":
      return type.kind === "string" && !arg.bits
        ? stringWriter(spec, arg.offset, type.size)
        : textWriter(spec, fieldDecoder(arg, context), valueText);
    case "r":
    case "rx":
    case "rh":
      return textWriter(spec, fieldDecoder(arg, context), hexText(spec.conversion));
    case "p":
      return textWriter(spec, fieldDecoder(arg, context), pointerText);
    default: {
      const read = integerReader(spec, arg);
      return read ? integerWriter(spec, read) : textWriter(spec, fieldDecoder(arg, context), valueText);
    }
  }
}

/** Copies a string's bytes up to its NUL. */
function stringWriter({ left, width, precision }: FormatSpec, offset: number, size: number): RecordWriter {
  const most = precision === undefined ? size : Math.min(size, precision);
  const room = Math.max(width, most + 2);
  return ({ bytes }, at, end, out) => {
    const start = at + offset;
    const stop = stringEnd(bytes, start, Math.min(start + most, end));
    out.reserve(room);
    let pad = width - (stop - start);
    if (!left && pad > 0) out.fill(BLANK, pad);
    const target = out.bytes;
    let position = out.length;
    for (let index = start; index < stop; index++) target[position++] = bytes[index]!;
    // A string without its NUL was cut off: say so, as bpftrace does.
    if (stop - start === size) {
      target[position++] = 46;
      target[position++] = 46;
      pad -= 2;
    }
    out.length = position;
    if (left && pad > 0) out.fill(BLANK, pad);
  };
}

function textWriter(
  { left, width, precision }: FormatSpec,
  decode: Decoder,
  show: (value: Value) => string,
): RecordWriter {
  return (memory, at, end, out) => {
    const whole = show(decode(memory, at, end));
    const text = precision === undefined ? whole : whole.slice(0, precision);
    out.latin1(left ? text.padEnd(width) : text.padStart(width));
  };
}

function hexText(style: HexStyle): (value: Value) => string {
  return (value) =>
    typeof value === "object" && value !== null && value.kind === "bytes"
      ? hexBuffer(value.bytes, style)
      : valueText(value);
}

/** As C++ streams and so bpftrace print pointers: a null pointer is `0`. */
function pointerText(value: Value): string {
  const number = typeof value === "object" && value?.kind === "symbolic" ? value.number : value;
  if (typeof number !== "number" && typeof number !== "bigint") return valueText(value);
  return Number(number) === 0 ? "0" : `0x${BigInt.asUintN(64, BigInt(number)).toString(16)}`;
}

const WIDTHS: Readonly<Record<FormatSpec["length"], 1 | 2 | 4 | 8>> = {
  "": 4,
  hh: 1,
  h: 2,
  l: 8,
  ll: 8,
  L: 8,
  j: 8,
  z: 8,
  t: 8,
};

/** Reads an argument as the integer that C would pass to this conversion; undefined if it is none. */
function integerReader(spec: FormatSpec, arg: PlanField): IntegerReader | undefined {
  const shape = integerShape(arg.type);
  if (!shape) return undefined;
  const size = spec.conversion === "c" ? 1 : WIDTHS[spec.length];
  const signed = spec.conversion === "d" || spec.conversion === "i";
  if (arg.bits) {
    const read = bitfieldDecoder({ ...arg, type: { kind: "int", ...shape } }, arg.bits);
    return (memory, at) => castInteger(read(memory, at), size, signed);
  }
  const { offset } = arg;
  if (size > shape.size && shape.signed) {
    const read = intDecoder(shape.size, true);
    return (memory, at) => castInteger(read(memory, at + offset), size, signed);
  }
  // The low bytes alone are what a narrower (or equal) conversion sees; unsigned ones only widen.
  const read = size <= shape.size ? intDecoder(size, signed) : intDecoder(shape.size, false);
  return (memory, at) => read(memory, at + offset);
}

function integerShape(type: ValueType): { size: 1 | 2 | 4 | 8; signed: boolean } | undefined {
  switch (type.kind) {
    case "int":
      return { size: type.size, signed: type.signed };
    case "enum":
      return { size: type.size, signed: false };
    case "bool":
      return { size: 1, signed: false };
    case "pointer":
      return { size: 8, signed: false };
    default:
      return undefined;
  }
}

function castInteger(value: Integer, size: number, signed: boolean): Integer {
  if (typeof value === "number" && value >= 0 && size === 8) return value;
  const wide = signed ? BigInt.asIntN(size * 8, BigInt(value)) : BigInt.asUintN(size * 8, BigInt(value));
  return wide <= Number.MAX_SAFE_INTEGER && wide >= Number.MIN_SAFE_INTEGER ? Number(wide) : wide;
}

function integerWriter(spec: FormatSpec, read: IntegerReader): RecordWriter {
  const { conversion, width, precision, left } = spec;
  if (conversion === "c") {
    return (memory, at, _end, out) => {
      out.reserve(width + 1);
      const start = out.length;
      out.bytes[out.length++] = Number(read(memory, at)) & 0xff;
      justify(out, start, 0, width, left, BLANK);
    };
  }
  const room = Math.max(width, (precision ?? 0) + 3) + NUMBER_ROOM;
  const decimal = conversion === "d" || conversion === "i" || conversion === "u";
  if (decimal && width === 0 && precision === undefined && !spec.plus && !spec.space) {
    return (memory, at, _end, out) => {
      out.reserve(room);
      writeDecimal(out, read(memory, at));
    };
  }
  const fill = spec.zero && precision === undefined ? ZERO : BLANK;
  const magnitude = decimal ? writeDecimal : radixWriter(spec);
  const signed = conversion === "d" || conversion === "i";
  return (memory, at, _end, out) => {
    const value = read(memory, at);
    out.reserve(room);
    const start = out.length;
    if (signed) writeSign(out, value, spec);
    else writePrefix(out, value, spec);
    const digits = out.length;
    const absolute = value < 0 ? -value : value;
    if (absolute !== 0 || precision !== 0) magnitude(out, absolute);
    const missing = leastDigits(spec, absolute) - (out.length - digits);
    if (missing > 0) insert(out, digits, missing, ZERO);
    justify(out, start, digits - start, width, left, fill);
  };
}

function leastDigits({ precision, conversion, alternate }: FormatSpec, value: Integer): number {
  // `%#.0o` of 0 still shows one 0.
  return conversion === "o" && alternate && value === 0 ? Math.max(1, precision ?? 1) : (precision ?? 1);
}

function writeSign(out: OutputBuffer, value: Integer, { plus, space }: FormatSpec): void {
  if (value < 0) out.bytes[out.length++] = 45;
  else if (plus) out.bytes[out.length++] = 43;
  else if (space) out.bytes[out.length++] = BLANK;
}

function writePrefix(out: OutputBuffer, value: Integer, { alternate, conversion }: FormatSpec): void {
  if (!alternate || value === 0 || (conversion !== "x" && conversion !== "X")) return;
  out.bytes[out.length++] = ZERO;
  out.bytes[out.length++] = conversion.charCodeAt(0);
}

function writeDecimal(out: OutputBuffer, value: Integer): void {
  if (typeof value === "number") out.signed(value);
  else out.latin1(String(value));
}

function radixWriter({
  conversion,
  alternate,
  precision,
}: FormatSpec): (out: OutputBuffer, value: Integer) => void {
  const radix = conversion === "o" ? 8 : 16;
  return (out, value) => {
    const digits = value.toString(radix);
    const text = conversion === "X" ? digits.toUpperCase() : digits;
    // `#` raises an octal number's precision until it starts with 0 (C11 7.21.6.1).
    const octal = conversion === "o" && alternate && value !== 0 && (precision ?? 0) <= text.length;
    out.latin1(octal ? `0${text}` : text);
  };
}

/** Pads what was written from `start` on to `width`; zeros go after the first `prefix` bytes. */
function justify(
  out: OutputBuffer,
  start: number,
  prefix: number,
  width: number,
  left: boolean,
  fill: number,
): void {
  const pad = width - (out.length - start);
  if (pad <= 0) return;
  if (left) out.fill(BLANK, pad);
  else insert(out, fill === ZERO ? start + prefix : start, pad, fill);
}

function insert(out: OutputBuffer, at: number, count: number, byte: number): void {
  out.bytes.copyWithin(at + count, at, out.length);
  out.bytes.fill(byte, at, at + count);
  out.length += count;
}
