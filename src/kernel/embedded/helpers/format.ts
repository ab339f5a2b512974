import type { Memory } from "../memory.ts";

/** A conversion of the kernel's own printf (bpf_bprintf_prepare in kernel/bpf/helpers.c). */
const CONVERSION = /^([-+ #0]*)(\d*)(?:p([KksSBI][46]?|)|(ll|l|h|hh|)([diuxXc])|(s))/;
const MOST_TEXT = 512;

/**
 * Text of a format with its arguments; undefined for a format that the kernel refuses: an unknown conversion,
 * too few arguments, bytes that are not ASCII, no NUL at the end.
 */
export function formatText(
  memory: Memory,
  format: Uint8Array,
  values: readonly bigint[],
): Buffer | undefined {
  const end = format.indexOf(0);
  if (end < 0) return undefined;
  const text = Buffer.from(format.subarray(0, end)).toString("latin1");
  let out = "";
  let next = 0;
  for (let at = 0; at < text.length;) {
    const character = text[at++]!;
    if (character > "\x7f" || (character < " " && !/\s/.test(character))) return undefined;
    if (character !== "%") {
      out += character;
      continue;
    }
    if (text[at] === "%") {
      out += "%";
      at++;
      continue;
    }
    const match = CONVERSION.exec(text.slice(at));
    const value = values[next++];
    if (!match || value === undefined) return undefined;
    at += match[0].length;
    out += convert(memory, match, BigInt.asUintN(64, value));
  }
  return Buffer.from(out, "latin1");
}

function convert(memory: Memory, match: RegExpExecArray, value: bigint): string {
  const [, flags = "", width = "", pointer, length = "", kind, text] = match;
  if (pointer !== undefined) return pad(pointerText(memory, pointer, value), flags, width);
  if (text !== undefined) return pad(stringAt(memory, value), flags, width);
  if (kind === "c") return pad(String.fromCharCode(Number(value & 0xffn)), flags, width);
  const bits = length.startsWith("l") ? 64 : length === "h" ? 16 : length === "hh" ? 8 : 32;
  const signed = kind === "d" || kind === "i";
  const number = signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  const digits = kind === "x" || kind === "X" ? number.toString(16) : number.toString();
  const sign = signed && number >= 0n && flags.includes("+") ? "+" : "";
  const prefix = flags.includes("#") && digits !== "0" && kind?.toLowerCase() === "x" ? `0${kind}` : "";
  return pad(sign + prefix + (kind === "X" ? digits.toUpperCase() : digits), flags, width);
}

function pad(text: string, flags: string, width: string): string {
  const size = Number(width);
  if (flags.includes("-")) return text.padEnd(size);
  if (!flags.includes("0")) return text.padStart(size);
  const sign = /^[+-]/.exec(text)?.[0] ?? "";
  return sign + text.slice(sign.length).padStart(size - sign.length, "0");
}

function pointerText(memory: Memory, kind: string, value: bigint): string {
  const address = memory.address(value, kind === "I6" ? 16 : 4);
  if (kind === "I4" && address !== undefined) return memory.slice(address, 4).join(".");
  if (kind === "I6" && address !== undefined) {
    const words = Array.from({ length: 8 }, (_, index) => memory.view.getUint16(address + index * 2));
    return words.map((word) => word.toString(16)).join(":");
  }
  if (kind.endsWith("s")) return stringAt(memory, value);
  return value.toString(16).padStart(16, "0");
}

function stringAt(memory: Memory, pointer: bigint): string {
  const address = memory.address(pointer);
  if (address === undefined) return "";
  const end = memory.bytes.subarray(address, address + MOST_TEXT).indexOf(0);
  return Buffer.from(memory.bytes.buffer, address, end < 0 ? MOST_TEXT : end).toString("latin1");
}
