import type { DecodedInsn, MachineInsn } from "./machine-insn.ts";

/**
 * Where the library's AT&T syntax differs from objdump's. It ends most mnemonics in the operands' width, which
 * objdump leaves to a register among them; prints small numbers in decimal and negative ones with their sign;
 * and leaves out displacements of 0 and scales of 1 that are encoded.
 */

/** Mnemonics that take a width, b w l or q, at their end. */
const SIZED: ReadonlySet<string> = new Set(
  (
    "adc add and andn bextr blsi blsmsk blsr bsf bsr bswap bt btc btr bts bzhi cmp cmpxchg dec div idiv imul inc lea lzcnt " +
    "mov mul mulx neg nop not or pdep pext popcnt rcl rcr rdrand rdseed rol ror rorx sal sar sarx sbb shl shld shlx shr shrd " +
    "shrx stos lods sub test tzcnt xadd xchg xor"
  )
    .split(" ")
    .concat("o no b ae e ne be a s ns p np l ge le g".split(" ").map((condition) => `cmov${condition}`)),
);

/** Whose width is that of the machine and therefore never said. */
const FIXED: Readonly<Record<string, string>> = {
  callq: "call",
  movabsq: "movabs",
  jmpq: "jmp",
  popq: "pop",
  popfq: "popf",
  pushq: "push",
  pushfq: "pushf",
  retq: "ret",
  iretq: "iretq",
  leaveq: "leave",
};

const WIDTHS: Readonly<Record<string, number>> = { b: 8, w: 16, l: 32, q: 64 };

/** `nop` with prefixes for 16 bits is an exchange of ax with itself, as long as one wants (Linux 5.10 fills with them). */
const LONG_EXCHANGE = /^66((?:66)*)90$/;

/** Jumps and calls to a fixed place. */
const BRANCH = /^(?:call|jmp|j[a-z]+|loop(?:n?e)?|xbegin)$/;

export function wordX64({ bytes, mnemonic, operands }: DecodedInsn): Omit<MachineInsn, "offset" | "bytes"> {
  const exchange = LONG_EXCHANGE.exec(Buffer.from(bytes).toString("hex"));
  if (exchange)
    return { mnemonic: `${"data16 ".repeat(exchange[1]!.length / 2)}xchg`, operands: ["%ax", "%ax"] };
  const at = mnemonic.lastIndexOf(" ") + 1;
  const raw = splitOperands(operands);
  const { name, width } = nameOf(mnemonic.slice(at), raw);
  const prefix = idlePrefixes(name, bytes) + mnemonic.slice(0, at);
  if (BRANCH.test(name) && /^-?(?:0x)?[0-9a-f]+$/.test(raw[0] ?? "")) {
    const target = BigInt.asUintN(64, signedBigInt(raw[0]!));
    return { mnemonic: prefix + name, operands: [`0x${target.toString(16)}`], target };
  }
  const bits = width ?? registerWidth(raw) ?? 64;
  const { opcode } = layOut(bytes);
  const values = raw.map((operand) =>
    wordOperand(name === "nop" ? operand.replace("%cs:", "") : operand, bits, bytes),
  );
  // The count 1 that is part of the opcode, not an immediate.
  const byOne = COUNTED.has(name) && (bytes[opcode]! & 0xfe) === 0xd0;
  const shown = byOne ? ["$1", values.at(-1)!] : values;
  const sized = width !== undefined && shown.length > 0 && registerWidth(raw, name) === undefined;
  const rex = bytes[opcode - 1] === IDLE_REX && !raw.some((operand) => REX_BYTES.test(operand)) ? "rex " : "";
  return { mnemonic: rex + prefix + name + (sized ? mnemonic.at(-1)! : ""), operands: shown };
}

/** `addq`: add of 64 bits. */
function nameOf(
  mnemonic: string,
  operands: readonly string[],
): { readonly name: string; readonly width: number | undefined } {
  const fixed = FIXED[mnemonic];
  if (fixed !== undefined) return { name: fixed, width: undefined };
  if (operands.some((operand) => operand.startsWith("%xmm"))) return { name: mnemonic, width: undefined };
  const base = mnemonic.slice(0, -1);
  const width = WIDTHS[mnemonic.at(-1)!];
  return width !== undefined && SIZED.has(base)
    ? { name: base, width }
    : { name: mnemonic, width: undefined };
}

/** Prefixes without an effect, by which compilers make a nop longer. */
function idlePrefixes(name: string, bytes: Uint8Array): string {
  if (name !== "nop") return "";
  const prefixes = [...bytes.subarray(0, layOut(bytes).opcode)];
  const sizes = prefixes.filter((byte) => byte === 0x66).length;
  return "data16 ".repeat(Math.max(0, sizes - 1)) + (prefixes.includes(0x2e) ? "cs " : "");
}

function splitOperands(text: string): string[] {
  return text === "" ? [] : text.split(/,\s*(?![^(]*\))/);
}

/** Shifts take their count in %cl, whose width says nothing of the other operand. */
const COUNTED: ReadonlySet<string> = new Set([
  "shl",
  "shr",
  "sar",
  "sal",
  "rol",
  "ror",
  "rcl",
  "rcr",
  "shld",
  "shrd",
]);

/** Bits of the first register that stands alone among the operands. */
function registerWidth(operands: readonly string[], name = ""): number | undefined {
  const registers = operands.filter((operand) => /^%[a-z0-9]+$/.test(operand));
  const sized = COUNTED.has(name) && operands[0] === "%cl" ? registers.slice(1) : registers;
  const register = sized.at(-1);
  return register === undefined ? undefined : widthOf(register);
}

function widthOf(register: string): number {
  if (/^%(?:[a-d][lh]|[sd]il|[sb]pl|r\d+b)$/.test(register)) return 8;
  if (/^%(?:[a-d]x|[sd]i|[sb]p|r\d+w)$/.test(register)) return 16;
  if (/^%(?:e[a-z]{2}|r\d+d)$/.test(register)) return 32;
  return 64;
}

function wordOperand(operand: string, bits: number, bytes: Uint8Array): string {
  if (operand.startsWith("$"))
    return `$0x${BigInt.asUintN(bits, signedBigInt(operand.slice(1))).toString(16)}`;
  const memory = /^(\*?)(%[a-z]s:)?(-?(?:0x)?[0-9a-f]*)(?:\((.*)\))?$/.exec(operand);
  if (!memory || (operand.startsWith("%") && memory[2] === undefined)) return operand;
  const [, star = "", segment = "", number = "", inner] = memory;
  const value = signedBigInt(number === "" ? "0" : number);
  if (inner === undefined) return `${star}${segment}0x${BigInt.asUintN(64, value).toString(16)}`;
  const registers = inner.split(/,\s*/);
  const place = registers.length === 2 ? `${registers.join(",")},1` : registers.join(",");
  const shown = number === "" && !hasDisplacement(bytes) ? "" : hex(value);
  return `${star}${segment}${shown}(${place})`;
}

function hex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
}

function signedBigInt(text: string): bigint {
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
}

/** A REX prefix without any bit set, and the byte registers that can only be named behind one. */
const IDLE_REX = 0x40;
const REX_BYTES = /%(?:[sd]il|[sb]pl)\b/;

/** Legacy prefixes, in front of REX and the opcode. */
const PREFIXES: ReadonlySet<number> = new Set([
  0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3,
]);

/** Where the opcode and, if the instruction has one, ModRM lie. */
function layOut(bytes: Uint8Array): { readonly opcode: number; readonly modrm: number } {
  let opcode = 0;
  while (PREFIXES.has(bytes[opcode]!)) opcode++;
  // VEX prefixes of two and three bytes, in front of an opcode of one.
  if (bytes[opcode] === 0xc5) return { opcode: opcode + 2, modrm: opcode + 3 };
  if (bytes[opcode] === 0xc4) return { opcode: opcode + 3, modrm: opcode + 4 };
  if ((bytes[opcode]! & 0xf0) === 0x40) opcode++;
  if (bytes[opcode] !== 0x0f) return { opcode, modrm: opcode + 1 };
  const three = bytes[opcode + 1] === 0x38 || bytes[opcode + 1] === 0x3a;
  return { opcode, modrm: opcode + (three ? 3 : 2) };
}

/** Whether a displacement, here one of 0, is encoded behind ModRM. */
function hasDisplacement(bytes: Uint8Array): boolean {
  const { modrm } = layOut(bytes);
  const mod = bytes[modrm]! >>> 6;
  const indexOnly = mod === 0 && (bytes[modrm]! & 7) === 4 && (bytes[modrm + 1]! & 7) === 5;
  return mod === 1 || mod === 2 || indexOnly;
}
