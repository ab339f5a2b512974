import { BpfkitError } from "../errors.ts";
import type { Insn } from "./insn.ts";

/** The program's bytes, 8 a slot, little-endian (struct bpf_insn on x86-64 and arm64). */
export function encode(insns: readonly Insn[]): Uint8Array {
  const bytes = new Uint8Array(insns.length * 8);
  const view = new DataView(bytes.buffer);
  insns.forEach((insn, slot) => {
    const at = slot * 8;
    view.setUint8(at, insn.code);
    view.setUint8(at + 1, (insn.dst & 0xf) | (insn.src << 4));
    view.setInt16(at + 2, insn.offset, true);
    view.setInt32(at + 4, insn.imm, true);
  });
  return bytes;
}

/**
 * The slots of a program's bytes, whatever they hold; see `opcodeOf` for what they mean.
 * @throws BpfkitError `isa/size` if they are no whole number of 8-byte slots.
 */
export function decode(bytes: Uint8Array): Insn[] {
  if (bytes.length % 8 !== 0) {
    throw new BpfkitError(`Bytecode of ${bytes.length} bytes is not a whole number of 8-byte instructions`, {
      code: "isa/size",
      hints: ["Check that the whole program was read, and nothing else"],
    });
  }
  const insns: Insn[] = [];
  // Byte by byte: most programs are decoded once, by cold code, to which each call costs more.
  for (let at = 0; at < bytes.length; at += 8) {
    const registers = bytes[at + 1]!;
    insns.push({
      code: bytes[at]!,
      dst: registers & 0xf,
      src: registers >> 4,
      offset: ((bytes[at + 2]! | (bytes[at + 3]! << 8)) << 16) >> 16,
      imm: bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24),
    });
  }
  return insns;
}
