import type { DecodedInsn, MachineInsn } from "./machine-insn.ts";

/** Jumps and calls to a fixed place, their last operand. */
const BRANCH = /^(?:b|bl|bc?\.[a-z]{2}|cbn?z|tbn?z)$/;

/** What takes a place near by, as its last operand. */
const NEAR = /^(?:adrp?|ldr|ldrsw|prfm)$/;

/** Whose numbers are counts and positions of bits, which objdump prints in decimal. */
const BIT_COUNTS = /^(?:lsl|lsr|asr|ror|extr|[su]?bfx|[su]?bfi|[su]bfiz|[su]bfm|bfc|bfxil|tbn?z)$/;

/** Conditions with two names. */
const CONDITIONS: Readonly<Record<string, string>> = { hs: "cs", lo: "cc" };

/**
 * Where the library's syntax differs from objdump's: it prints numbers in hexadecimal from 10 on, whatever they
 * mean, puts `#` in front of the targets of jumps and a space behind commas, and names two conditions otherwise.
 */
export function wordArm64(insn: DecodedInsn): Omit<MachineInsn, "offset" | "bytes"> {
  const mnemonic = insn.mnemonic.replace(/(?<=\.)(?:hs|lo)$/, condition);
  const raw = splitOperands(insn.operands);
  const addressed = raw.findIndex((operand) => operand.startsWith("["));
  const branches = BRANCH.test(mnemonic);
  const place = branches || (NEAR.test(mnemonic) && addressed < 0) ? raw.at(-1) : undefined;
  const counts = BIT_COUNTS.test(mnemonic);
  const width = raw[0]?.startsWith("w") ? 32 : 64;
  const operands = raw.map((operand, index) => {
    if (operand.startsWith("[")) return decimal(operand);
    if (index > addressed && addressed >= 0) return decimal(operand);
    return counts || SHIFTED.test(operand) ? decimal(operand) : hexadecimal(condition(operand), width);
  });
  if (place?.startsWith("#") !== true) return { mnemonic, operands };
  const target = BigInt.asUintN(64, BigInt(place.slice(1)));
  const shown = [...operands.slice(0, -1), `0x${target.toString(16)}`];
  return { mnemonic, operands: shown, ...(branches && { target }) };
}

/** `lsl #12` and `uxtw #2` behind another operand. */
const SHIFTED = /^(?:lsl|lsr|asr|ror|msl|[su]xt[bhwx])\b/;

function condition(name: string): string {
  return CONDITIONS[name] ?? name;
}

/** Lists in brackets and braces are one operand. */
function splitOperands(text: string): string[] {
  return text === "" ? [] : text.split(/, (?![^[{]*[\]}])/).map((operand) => operand.replaceAll(", ", ","));
}

/** Displacements, those behind the brackets too, and counts: `#-16`. */
function decimal(operand: string): string {
  return operand.replaceAll(/#(-?)((?:0x)?[0-9a-f]+)/g, (_, sign: string, digits: string) => {
    return `#${sign}${BigInt.asIntN(64, BigInt(digits))}`;
  });
}

/** `#0x1`; negative ones as the register holds them. */
function hexadecimal(operand: string, width: number): string {
  const number = /^#(-?)((?:0x)?[0-9a-f]+)$/.exec(operand);
  // The library writes -1 as `#0x-1`.
  const minus = /^#0x-([0-9a-f]+)$/.exec(operand)?.[1];
  if (minus !== undefined) return `#0x${BigInt.asUintN(width, -BigInt(`0x${minus}`)).toString(16)}`;
  if (!number) return operand;
  const value = BigInt(number[2]!);
  return `#0x${BigInt.asUintN(width, number[1] === "-" ? -value : value).toString(16)}`;
}
