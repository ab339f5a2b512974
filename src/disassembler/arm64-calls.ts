import type { MachineInsn } from "./machine-insn.ts";

/**
 * Calls of far functions go through a register, into which their address is put 16 bits at a time (`mov`, `movk`):
 * where all that stands before the call, the call has a fixed target.
 */
export function findCallTargets(insns: readonly MachineInsn[]): MachineInsn[] {
  const known = new Map<string, bigint>();
  return insns.map((insn) => {
    const [register = "", text = "", shift = ""] = insn.operands;
    switch (insn.mnemonic) {
      case "mov":
        if (text.startsWith("#")) known.set(register, BigInt(text.slice(1)));
        else known.delete(register);
        return insn;
      case "movk": {
        const value = known.get(register);
        if (value !== undefined) known.set(register, replaceBits(value, text, shift));
        return insn;
      }
      case "blr": {
        const target = known.get(register);
        known.clear();
        return target === undefined ? insn : { ...insn, target };
      }
      default:
        known.delete(register);
        return insn;
    }
  });
}

/** `#0x1234,lsl #32`. */
function replaceBits(value: bigint, text: string, shift: string): bigint {
  const at = BigInt(/#(\d+)/.exec(shift)?.[1] ?? 0);
  return (value & ~(0xffffn << at)) | (BigInt(text.slice(1)) << at);
}
