import { ALU, ATOMIC, JUMP } from "../../../isa/index.ts";
import type { Opcode, Size } from "../../../isa/index.ts";
import type { MemoryName, PlainName } from "../../../wasm/index.ts";
import type { LoadGuard, Operands } from "./operands.ts";

/** Writes the WebAssembly of an instruction that goes on to the next one; control flow is the machines'. */
export function emitOperation(opcode: Opcode, operands: Operands): void {
  switch (opcode.form) {
    case "alu":
      return emitAlu(opcode, operands);
    case "negate":
      return emitNegate(is64(opcode), operands);
    case "swap":
      return emitSwap(opcode, operands);
    case "movsx":
      return emitMoveSigned(opcode, operands);
    // One memory holds every address space and every CPU's data.
    case "addressSpaceCast":
    case "percpuAddress":
      return operands.write("dst", () => operands.read("src"));
    case "load":
    case "loadAcquire":
      return emitLoad(LOAD[opcode.size!], opcode.size!, operands);
    case "loadSigned":
      return emitLoad(LOAD_SIGNED[opcode.size!], opcode.size!, operands);
    case "store":
    case "storeRelease":
      return emitStore(opcode.size!, operands, () => operands.read("src"));
    case "storeImmediate":
      return emitStore(opcode.size!, operands, () => operands.immediate());
    case "atomic":
      return emitAtomic(opcode, operands);
    case "nospec":
      return;
    case "loadImmediate64":
    case "loadPacket":
    case "jump":
    case "jumpFar":
    case "jumpRegister":
    case "mayGoto":
    case "branch":
    case "call":
    case "callLocal":
    case "callKfunc":
    case "callRegister":
    case "exit":
      throw new Error(`${opcode.name} is not an operation`);
  }
}

const LOAD: Readonly<Record<Size, MemoryName>> = {
  1: "i64.load8_u",
  2: "i64.load16_u",
  4: "i64.load32_u",
  8: "i64.load",
};
const LOAD_SIGNED: Readonly<Record<Size, MemoryName>> = {
  1: "i64.load8_s",
  2: "i64.load16_s",
  4: "i64.load32_s",
  8: "i64.load",
};
const STORE: Readonly<Record<Size, MemoryName>> = {
  1: "i64.store8",
  2: "i64.store16",
  4: "i64.store32",
  8: "i64.store",
};

function is64(opcode: Opcode): boolean {
  return (opcode.code & 7) === 7;
}

// WebAssembly takes shift counts modulo the width, as BPF does.
const PLAIN_ALU64: Readonly<Record<number, PlainName>> = {
  [ALU.ADD]: "i64.add",
  [ALU.SUB]: "i64.sub",
  [ALU.MUL]: "i64.mul",
  [ALU.OR]: "i64.or",
  [ALU.AND]: "i64.and",
  [ALU.XOR]: "i64.xor",
  [ALU.LSH]: "i64.shl",
  [ALU.RSH]: "i64.shr_u",
  [ALU.ARSH]: "i64.shr_s",
};
const PLAIN_ALU32: Readonly<Record<number, PlainName>> = {
  [ALU.ADD]: "i32.add",
  [ALU.SUB]: "i32.sub",
  [ALU.MUL]: "i32.mul",
  [ALU.OR]: "i32.or",
  [ALU.AND]: "i32.and",
  [ALU.XOR]: "i32.xor",
  [ALU.LSH]: "i32.shl",
  [ALU.RSH]: "i32.shr_u",
  [ALU.ARSH]: "i32.shr_s",
};

/** Both widths of an ALU instruction: pushes its operands. */
class Width {
  readonly type: "i32" | "i64";
  readonly #operands: Operands;
  readonly #register: boolean;

  constructor(opcode: Opcode, operands: Operands) {
    this.type = is64(opcode) ? "i64" : "i32";
    this.#operands = operands;
    this.#register = opcode.operand === "register";
  }

  left(): void {
    if (this.type === "i64") this.#operands.read("dst");
    else this.#operands.readLow("dst");
  }

  right(): void {
    const operands = this.#operands;
    if (this.type === "i64") {
      if (this.#register) operands.read("src");
      else operands.immediate();
    } else if (this.#register) operands.readLow("src");
    else operands.immediateLow();
  }
}

function emitAlu(opcode: Opcode, operands: Operands): void {
  const { code } = operands;
  const width = new Width(opcode, operands);
  const operation = opcode.code & 0xf0;
  const signed = opcode.fixed.offset === 1;
  operands.write("dst", () => {
    if (operation === ALU.MOV) width.right();
    else if (operation === ALU.DIV) emitDivide(width, operands, signed);
    else if (operation === ALU.MOD) emitRemainder(width, operands, signed);
    else {
      width.left();
      width.right();
      code.op((width.type === "i64" ? PLAIN_ALU64 : PLAIN_ALU32)[operation]!);
    }
    if (width.type === "i32") code.op("i64.extend_i32_u");
  });
}

/** Division by 0 gives 0, and the least number divided by -1 itself (RFC 9669 4.1); WebAssembly traps on both. */
function emitDivide(width: Width, operands: Operands, signed: boolean): void {
  const { code, knownImmediate } = operands;
  const { type } = width;
  const plain = (): void => {
    width.left();
    width.right();
    code.op(`${type}.${signed ? "div_s" : "div_u"}`);
  };
  if (knownImmediate !== undefined && knownImmediate !== 0 && !(signed && knownImmediate === -1))
    return plain();
  width.right();
  code.op(`${type}.eqz`).if(type);
  constant(operands, type, 0);
  code.op("else");
  if (signed) {
    width.right();
    constant(operands, type, -1);
    code.op(`${type}.eq`).if(type);
    constant(operands, type, 0);
    width.left();
    code.op(`${type}.sub`).op("else");
    plain();
    code.op("end");
  } else plain();
  code.op("end");
}

/** The remainder of division by 0 is the dividend. */
function emitRemainder(width: Width, operands: Operands, signed: boolean): void {
  const { code, knownImmediate } = operands;
  const plain = (): void => {
    width.left();
    width.right();
    code.op(`${width.type}.${signed ? "rem_s" : "rem_u"}`);
  };
  if (knownImmediate !== undefined && knownImmediate !== 0) return plain();
  width.right();
  code.op(`${width.type}.eqz`).if(width.type);
  width.left();
  code.op("else");
  plain();
  code.op("end");
}

function constant(operands: Operands, type: "i32" | "i64", value: number): void {
  if (type === "i32") operands.code.i32(value);
  else operands.code.i64(value);
}

function emitNegate(wide: boolean, operands: Operands): void {
  const { code } = operands;
  operands.write("dst", () => {
    if (wide) {
      code.i64(0);
      operands.read("dst");
      code.op("i64.sub");
    } else {
      code.i32(0);
      operands.readLow("dst");
      code.op("i32.sub").op("i64.extend_i32_u");
    }
  });
}

function emitMoveSigned(opcode: Opcode, operands: Operands): void {
  const { code } = operands;
  const bits = opcode.size! * 8;
  operands.write("dst", () => {
    if (is64(opcode)) {
      operands.read("src");
      code.op(bits === 8 ? "i64.extend8_s" : bits === 16 ? "i64.extend16_s" : "i64.extend32_s");
    } else {
      operands.readLow("src");
      code.op(bits === 8 ? "i32.extend8_s" : "i32.extend16_s").op("i64.extend_i32_u");
    }
  });
}

/** Memory is little-endian: `le` truncates, `be` and `bswap` reverse. */
function emitSwap(opcode: Opcode, operands: Operands): void {
  const { code, scratch32, scratch64 } = operands;
  const reverse = !opcode.name.startsWith("le");
  operands.write("dst", () => {
    if (opcode.size === 2) {
      operands.readLow("dst");
      if (reverse) {
        code.tee(scratch32).i32(0xff).op("i32.and").i32(8).op("i32.shl");
        code.get(scratch32).i32(8).op("i32.shr_u").i32(0xff).op("i32.and").op("i32.or");
      } else code.i32(0xffff).op("i32.and");
      code.op("i64.extend_i32_u");
    } else if (opcode.size === 4) {
      operands.readLow("dst");
      if (reverse) emitReverse32(operands);
      code.op("i64.extend_i32_u");
    } else if (reverse) {
      operands.read("dst");
      code.tee(scratch64).op("i32.wrap_i64");
      emitReverse32(operands);
      code.op("i64.extend_i32_u").i64(32).op("i64.shl");
      code.get(scratch64).i64(32).op("i64.shr_u").op("i32.wrap_i64");
      emitReverse32(operands);
      code.op("i64.extend_i32_u").op("i64.or");
    } else operands.read("dst");
  });
}

/** Reverses the bytes of the i32 on the stack. */
function emitReverse32({ code, scratch32 }: Operands): void {
  code.tee(scratch32).i32(8).op("i32.rotl").i32(0x00ff00ff).op("i32.and");
  code.get(scratch32).i32(8).op("i32.rotr").i32(0xff00ff00).op("i32.and").op("i32.or");
}

function emitLoad(name: MemoryName, size: Size, operands: Operands): void {
  if (operands.guard) return emitGuardedLoad(name, size, operands.guard, operands);
  operands.write("dst", () => {
    const offset = operands.address("src");
    operands.code.memory(name, offset);
  });
}

/** Loads through kernel pointers of types that may be anything: what is no pointer into memory reads as 0. */
function emitGuardedLoad(name: MemoryName, size: Size, guard: LoadGuard, operands: Operands): void {
  const { code, scratch32, scratch64 } = operands;
  operands.write("dst", () => {
    operands.read("src");
    code.tee(scratch64).i64(32).op("i64.shr_u").op("i32.wrap_i64").i32(guard.pointerHigh).op("i32.eq");
    const offset = operands.address("src");
    code
      .i32(offset)
      .op("i32.add")
      .tee(scratch32)
      .i32(guard.end - size)
      .op("i32.le_u")
      .op("i32.and");
    code.if("i64").get(scratch32).memory(name).op("else").i64(0).op("end");
  });
}

function emitStore(size: Size, operands: Operands, value: () => void): void {
  const offset = operands.address("dst");
  value();
  operands.code.memory(STORE[size], offset);
}

const ATOMIC_UPDATE: Readonly<Record<number, PlainName>> = {
  [ATOMIC.ADD]: "i64.add",
  [ATOMIC.OR]: "i64.or",
  [ATOMIC.AND]: "i64.and",
  [ATOMIC.XOR]: "i64.xor",
};

/** One thread runs at a time, so plain loads and stores are atomic. */
function emitAtomic(opcode: Opcode, operands: Operands): void {
  const { code, scratch32, scratch64 } = operands;
  const size = opcode.size!;
  const kind = opcode.fixed.imm!;
  const offset = operands.address("dst");
  code.tee(scratch32).memory(LOAD[size], offset).set(scratch64);
  if (kind === ATOMIC.CMPXCHG) {
    operands.readRegister(0);
    if (size === 4) code.op("i32.wrap_i64").op("i64.extend_i32_u");
    code.get(scratch64).op("i64.eq").if();
    code.get(scratch32);
    operands.read("src");
    code.memory(STORE[size], offset).op("end");
    return operands.writeRegister(0, () => code.get(scratch64));
  }
  code.get(scratch32);
  if (kind === ATOMIC.XCHG) operands.read("src");
  else {
    code.get(scratch64);
    operands.read("src");
    code.op(ATOMIC_UPDATE[kind & ~1]!);
  }
  code.memory(STORE[size], offset);
  if ((kind & 1) !== 0) operands.write("src", () => code.get(scratch64));
}

const COMPARE: Readonly<
  Record<number, "eq" | "ne" | "gt_u" | "ge_u" | "lt_u" | "le_u" | "gt_s" | "ge_s" | "lt_s" | "le_s">
> = {
  [JUMP.JEQ]: "eq",
  [JUMP.JNE]: "ne",
  [JUMP.JGT]: "gt_u",
  [JUMP.JGE]: "ge_u",
  [JUMP.JLT]: "lt_u",
  [JUMP.JLE]: "le_u",
  [JUMP.JSGT]: "gt_s",
  [JUMP.JSGE]: "ge_s",
  [JUMP.JSLT]: "lt_s",
  [JUMP.JSLE]: "le_s",
};

/** Pushes whether a branch is taken, as i32. */
export function emitCondition(opcode: Opcode, operands: Operands): void {
  const { code } = operands;
  const register = opcode.operand === "register";
  const wide = (opcode.code & 7) === 5;
  const type = wide ? "i64" : "i32";
  if (wide) {
    operands.read("dst");
    if (register) operands.read("src");
    else operands.immediate();
  } else {
    operands.readLow("dst");
    if (register) operands.readLow("src");
    else operands.immediateLow();
  }
  const operation = opcode.code & 0xf0;
  if (operation === JUMP.JSET) code.op(`${type}.and`).op(`${type}.eqz`).op("i32.eqz");
  else code.op(`${type}.${COMPARE[operation]!}`);
}
