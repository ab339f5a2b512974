/** Where an argument of a static probe is when the probe fires. */
export interface UsdtArgument {
  /** Bytes: 1, 2, 4 or 8. */
  readonly size: number;
  readonly signed: boolean;
  readonly place:
    | { readonly kind: "constant"; readonly value: bigint }
    /** Bytes from the start of struct pt_regs to the register. */
    | { readonly kind: "register"; readonly register: number }
    /** In memory, at a register's value, an offset, and perhaps an index register times `scale`. */
    | {
        readonly kind: "memory";
        /** Absent: 0. */
        readonly register?: number;
        readonly offset: bigint;
        readonly index?: { readonly register: number; readonly scale: number };
      };
}

/** One argument and what follows it: `-4@%edi 8@-16(%rbp)`. */
const SIZE = /^\s*(-?\d+)\s*@\s*/;
const X64 = {
  constant: /^\$(-?(?:0x[0-9a-f]+|\d+))(?=\s|$)\s*/i,
  variable: /^([\w.$@]+?)([+-]\d+)?\(\s*%rip\s*\)\s*/,
  memory: /^(-?\d*)\s*\(\s*(?:%(\w+))?\s*(?:,\s*%(\w+)\s*(?:,\s*(\d+)\s*)?)?\)\s*/,
  register: /^%(\w+)\s*/,
} as const;
const ARM64 = {
  memory: /^\[\s*(x\d+|sp)\s*(?:,\s*(-?\d+)\s*)?\]\s*/,
  register: /^([xw]\d+|sp)(?=\s|$)\s*/,
  constant: /^(-?\d+)(?=\s|$)\s*/,
} as const;

/**
 * The operands of a probe as the compiler wrote them for the assembler; `arch` by process.arch's names.
 * Undefined where one of them is not understood. `variable`: how far behind the probe one lies.
 */
export function usdtArguments(
  text: string,
  arch: string,
  variable: (name: string) => bigint | undefined = () => undefined,
): UsdtArgument[] | undefined {
  const place = arch === "arm64" ? arm64Place : (operand: string) => x64Place(operand, variable);
  const found: UsdtArgument[] = [];
  for (let rest = text.trim(); rest !== "";) {
    const [start, sizeText] = SIZE.exec(rest) ?? [];
    if (start === undefined) return undefined;
    const size = Math.abs(Number(sizeText));
    const operand = place(rest.slice(start.length));
    if (!operand || ![1, 2, 4, 8].includes(size)) return undefined;
    found.push({ size, signed: Number(sizeText) < 0, place: operand.place });
    rest = rest.slice(start.length + operand.length);
  }
  return found;
}

type Operand = { readonly place: UsdtArgument["place"]; readonly length: number } | undefined;

function x64Place(text: string, distance: (name: string) => bigint | undefined): Operand {
  const variable = X64.variable.exec(text);
  if (variable) {
    const [all, name = "", offset = "0"] = variable;
    const behind = distance(name);
    const register = x64Register("rip");
    return behind === undefined || register === undefined
      ? undefined
      : { place: { kind: "memory", register, offset: behind + BigInt(offset) }, length: all.length };
  }
  const constant = X64.constant.exec(text);
  if (constant?.[1] !== undefined)
    return { place: { kind: "constant", value: signedBigInt(constant[1]) }, length: constant[0].length };
  const memory = X64.memory.exec(text);
  if (memory) {
    const [all, offset = "", base, index, scale = "1"] = memory;
    if (base === undefined && index === undefined) return undefined;
    const register = base === undefined ? undefined : x64Register(base);
    const indexRegister = index === undefined ? undefined : x64Register(index);
    if (
      (base !== undefined && register === undefined) ||
      (index !== undefined && indexRegister === undefined)
    )
      return undefined;
    return {
      place: {
        kind: "memory",
        ...(register !== undefined && { register }),
        offset: offset === "" || offset === "-" ? 0n : BigInt(offset),
        ...(indexRegister !== undefined && { index: { register: indexRegister, scale: Number(scale) } }),
      },
      length: all.length,
    };
  }
  const named = X64.register.exec(text);
  const register = named?.[1] === undefined ? undefined : x64Register(named[1]);
  return named && register !== undefined
    ? { place: { kind: "register", register }, length: named[0].length }
    : undefined;
}

function arm64Place(text: string): Operand {
  const memory = ARM64.memory.exec(text);
  if (memory) {
    const [all, base = "", offset = "0"] = memory;
    const register = arm64Register(base);
    return register === undefined
      ? undefined
      : { place: { kind: "memory", register, offset: BigInt(offset) }, length: all.length };
  }
  const named = ARM64.register.exec(text);
  const register = named?.[1] === undefined ? undefined : arm64Register(named[1]);
  if (named && register !== undefined)
    return { place: { kind: "register", register }, length: named[0].length };
  const constant = ARM64.constant.exec(text);
  return constant?.[1] === undefined
    ? undefined
    : { place: { kind: "constant", value: BigInt(constant[1]) }, length: constant[0].length };
}

function signedBigInt(text: string): bigint {
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
}

/** struct pt_regs of arch/x86/include/uapi/asm/ptrace.h, in its order. */
const X64_ORDER = [
  "r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di", "orig", "ip", "cs", "flags", "sp",
] as const; // prettier-ignore
/** The names of one register's parts: rax, eax, ax, al; r8, r8d, r8w, r8b. */
const X64_REGISTERS: ReadonlyMap<string, number> = new Map(
  X64_ORDER.flatMap((name, index): (readonly [string, number])[] => {
    const parts = /^r\d/.test(name)
      ? [name, `${name}d`, `${name}w`, `${name}b`]
      : [`r${name}`, `e${name}`, name, name.endsWith("x") ? `${name[0]}l` : `${name}l`];
    const high = /^[abcd]x$/.test(name) ? [[`${name[0]}h`, index * 8 + 1] as const] : [];
    return [...parts.map((part) => [part, index * 8] as const), ...high];
  }),
);

function x64Register(name: string): number | undefined {
  return X64_REGISTERS.get(name);
}

/** struct user_pt_regs: x0 to x30, then sp. */
function arm64Register(name: string): number | undefined {
  if (name === "sp") return 31 * 8;
  const number = Number(name.slice(1));
  return number <= 30 ? number * 8 : undefined;
}
