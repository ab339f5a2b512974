import type { CoreResolution } from "../btf/index.ts";
import { CLASS, classOf, JUMP, LDIMM64, SIZE, sizeOf, SOURCE } from "../isa/index.ts";
import type { Insn } from "../isa/index.ts";
import { ObjectError } from "./error.ts";

/** A call to this helper number plus the relocation's index is what libbpf poisons with, and logs show. */
export const POISONED_CORE = 195_896_080;

const signed32 = (value: bigint): number => Number(BigInt.asIntN(32, value));

/** Writes the answer of a CO-RE relocation into the instruction at `at`, as libbpf does. */
export function corePatch(insns: Insn[], at: number, index: number, resolution: CoreResolution): void {
  const insn = insns[at]!;
  if (resolution.poison) return poison(insns, at, index);
  switch (classOf(insn.code)) {
    case "ALU":
    case "ALU64":
      return patchImmediate(insns, at, resolution);
    case "LDX":
    case "ST":
    case "STX":
      if (resolution.sizeMismatch) return poison(insns, at, index);
      return patchAccess(insns, at, resolution);
    case "LD":
      return patchWide(insns, at, resolution);
    default:
      throw unexpected("The instruction can take no CO-RE relocation");
  }
}

/** Writes an offset into a load, a store or an immediate operand. */
export function patchOffset(insns: Insn[], at: number, offset: number): void {
  const insn = insns[at]!;
  switch (classOf(insn.code)) {
    case "ALU":
    case "ALU64":
      insns[at] = { ...insn, imm: offset };
      return;
    case "LDX":
    case "ST":
    case "STX":
      insns[at] = { ...insn, offset: checkedOffset(offset) };
      return;
    default:
      throw unexpected("The instruction can take no offset");
  }
}

function patchImmediate(insns: Insn[], at: number, { original, value, validate }: CoreResolution): void {
  const insn = insns[at]!;
  if ((insn.code & SOURCE.X) !== 0) throw unexpected("The relocated instruction has no immediate operand");
  if (validate && insn.imm !== signed32(original)) throw unlike(insn.imm, original);
  insns[at] = { ...insn, imm: signed32(value) };
}

function patchAccess(insns: Insn[], at: number, resolution: CoreResolution): void {
  const insn = insns[at]!;
  const { original, value, originalSize, size } = resolution;
  if (resolution.validate && BigInt(insn.offset) !== original) throw unlike(insn.offset, original);
  insns[at] = { ...insn, offset: checkedOffset(Number(value)) };
  if (originalSize === size) return;
  const bits = widthBits(size);
  if (sizeOf(insn.code) !== originalSize || bits === undefined)
    throw unexpected(`The instruction moves ${sizeOf(insn.code)} bytes of a field of ${originalSize} bytes`);
  insns[at] = { ...insns[at], code: (insn.code & ~0x18) | bits };
}

function patchWide(insns: Insn[], at: number, { original, value, validate }: CoreResolution): void {
  const [insn, next] = [insns[at]!, insns[at + 1]];
  if (insn.code !== LDIMM64 || insn.src !== 0 || !next || next.code !== 0)
    throw unexpected("The relocated instruction is no load of a 64-bit number");
  const held = (BigInt(next.imm >>> 0) << 32n) | BigInt(insn.imm >>> 0);
  if (validate && held !== original) throw unlike(held, original);
  insns[at] = { ...insn, imm: signed32(value) };
  insns[at + 1] = { ...next, imm: signed32(value >> 32n) };
}

/** What has no answer must not run: the verifier refuses it unless it is dead code. */
function poison(insns: Insn[], at: number, index: number): void {
  const call: Insn = { code: CLASS.JMP | JUMP.CALL, dst: 0, src: 0, offset: 0, imm: POISONED_CORE + index };
  if (insns[at]!.code === LDIMM64 && at + 1 < insns.length) insns[at + 1] = call;
  insns[at] = call;
}

function widthBits(size: number): number | undefined {
  return size === 1 || size === 2 || size === 4 || size === 8 ? SIZE[size] : undefined;
}

function checkedOffset(offset: number): number {
  if (offset > 0x7fff) throw unexpected(`The field's offset ${offset} is too large for the instruction`);
  return offset;
}

function unlike(held: bigint | number, original: bigint): ObjectError {
  return unexpected(`The instruction holds ${held} where the object's own types say ${original}`);
}

function unexpected(message: string): ObjectError {
  return new ObjectError("object/relocation", message, ["Compile the object again with -g"]);
}
