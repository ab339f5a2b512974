import type { Memory } from "../util/index.ts";
import { CodecError } from "./error.ts";

export { TextReader } from "./text.ts";

// What generated codecs call. Integers are little-endian, as on every machine that bpfkit runs on.

/** A copy: the memory may be the kernel's, and gone or overwritten soon. */
export function readBytes({ bytes }: Memory, at: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(at, end));
}

/** 128 bits. */
export function readWide(view: DataView, at: number, signed: boolean): bigint {
  const high = signed ? view.getBigInt64(at + 8, true) : view.getBigUint64(at + 8, true);
  return (high << 64n) | view.getBigUint64(at, true);
}

/** A bitfield of at most 32 bits, `offset` bits from `at`. */
export function readBits(view: DataView, at: number, offset: number, width: number, signed: boolean): number {
  let value = 0;
  for (let index = 0, got = -offset; got < width; index++, got += 8)
    value += view.getUint8(at + index) * 2 ** (index * 8);
  value = Math.floor(value / 2 ** offset) % 2 ** width;
  return signed && value >= 2 ** (width - 1) ? value - 2 ** width : value;
}

/** A bitfield of more than 32 bits. */
export function readBigBits(
  view: DataView,
  at: number,
  offset: number,
  width: number,
  signed: boolean,
): bigint {
  let value = 0n;
  for (let index = 0, got = -offset; got < width; index++, got += 8)
    value |= BigInt(view.getUint8(at + index)) << BigInt(index * 8);
  value >>= BigInt(offset);
  return signed ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value);
}

export function writeInt(
  view: DataView,
  at: number,
  size: number,
  signed: boolean,
  value: unknown,
  name: string,
): void {
  const number = wholeNumber(value, size * 8, signed, name);
  if (size === 1) view.setUint8(at, number);
  else if (size === 2) view.setUint16(at, number, true);
  else view.setUint32(at, number, true);
}

export function writeBig(
  view: DataView,
  at: number,
  size: number,
  signed: boolean,
  value: unknown,
  name: string,
): void {
  const whole = bigInteger(value, size * 8, signed, name);
  view.setBigUint64(at, BigInt.asUintN(64, whole), true);
  if (size === 16) view.setBigUint64(at + 8, BigInt.asUintN(64, whole >> 64n), true);
}

export function writeBoolean(view: DataView, at: number, size: number, value: unknown, name: string): void {
  if (typeof value !== "boolean") throw wrong(name, "true or false", value);
  writeInt(view, at, size, false, value ? 1 : 0, name);
}

export function writeFloat(view: DataView, at: number, size: number, value: unknown, name: string): void {
  if (typeof value !== "number") throw wrong(name, "a number", value);
  if (size === 4) view.setFloat32(at, value, true);
  else view.setFloat64(at, value, true);
}

/** Texts and bytes; the rest of their room is zero. */
export function writeBytes({ bytes }: Memory, at: number, size: number, value: unknown, name: string): void {
  const source = typeof value === "string" ? Buffer.from(value) : value;
  if (!(source instanceof Uint8Array)) throw wrong(name, "a string or a Uint8Array", value);
  if (source.length > size)
    throw new CodecError("codec/bad-value", `${name} has room for ${size} bytes, not for ${source.length}`);
  bytes.fill(0, at, at + size);
  bytes.set(source, at);
}

/** A struct given as its bytes. */
export function writeRaw({ bytes }: Memory, at: number, size: number, value: Uint8Array, name: string): void {
  if (value.length !== size)
    throw new CodecError("codec/bad-value", `${name} takes ${size} bytes, not ${value.length}`);
  bytes.set(value, at);
}

export function writeBits(
  view: DataView,
  at: number,
  offset: number,
  width: number,
  signed: boolean,
  value: unknown,
  name: string,
): void {
  const given = typeof value === "boolean" ? Number(value) : value;
  const mask = ((1n << BigInt(width)) - 1n) << BigInt(offset);
  const bits = (BigInt.asUintN(width, bigInteger(given, width, signed, name)) << BigInt(offset)) & mask;
  for (let index = 0, got = -offset; got < width; index++, got += 8) {
    const shift = BigInt(index * 8);
    const kept = view.getUint8(at + index) & ~Number((mask >> shift) & 0xffn);
    view.setUint8(at + index, kept | Number((bits >> shift) & 0xffn));
  }
}

/** How many elements of `value` there are to write. */
export function checkList(value: unknown, length: number, name: string): number {
  if (!Array.isArray(value)) throw wrong(name, `an array of at most ${length} elements`, value);
  if (value.length > length)
    throw new CodecError("codec/bad-value", `${name} has ${length} elements, not ${value.length}`);
  return value.length;
}

export function checkFields(value: unknown, known: ReadonlySet<string>, name: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(name, `an object with ${[...known].join(", ")}`, value);
  for (const field of Object.keys(value))
    if (!known.has(field))
      throw new CodecError("codec/bad-value", `${name} has no member ${field}`, [
        `Its members are ${[...known].join(", ")}`,
      ]);
}

function wholeNumber(value: unknown, bits: number, signed: boolean, name: string): number {
  const number = typeof value === "bigint" ? Number(value) : value;
  const least = signed ? -(2 ** (bits - 1)) : 0;
  const most = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  if (typeof number !== "number" || !Number.isInteger(number) || number < least || number > most)
    throw wrong(name, `a whole number from ${least} to ${most}`, value);
  return number;
}

function bigInteger(value: unknown, bits: number, signed: boolean, name: string): bigint {
  const whole = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (
    typeof whole !== "bigint" ||
    (signed ? BigInt.asIntN(bits, whole) : BigInt.asUintN(bits, whole)) !== whole
  )
    throw wrong(name, `a ${signed ? "signed" : "non-negative"} integer of ${bits} bits`, value);
  return whole;
}

function wrong(name: string, wanted: string, value: unknown): CodecError {
  return new CodecError("codec/bad-value", `${name} takes ${wanted}, not ${shown(value)}`);
}

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "bigint" || typeof value === "number") return String(value);
  if (value === null || typeof value === "boolean" || value === undefined) return String(value);
  return Array.isArray(value) ? `an array of ${value.length}` : `a value of type ${typeof value}`;
}
