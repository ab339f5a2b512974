import { ALU, ATOMIC, CALL, CLASS, JUMP, LDIMM64, MODE, PSEUDO, SIZE, SOURCE } from "./encoding.ts";
import type { AluName, AtomicName, ConditionName, Size } from "./encoding.ts";
import type { Insn } from "./insn.ts";

export type Bits = 32 | 64;

function insn(code: number, dst: number, src: number, offset: number, imm: number): Insn {
  return { code, dst, src, offset, imm };
}

const aluClass = (bits: Bits): number => (bits === 64 ? CLASS.ALU64 : CLASS.ALU);
const jumpClass = (bits: Bits): number => (bits === 64 ? CLASS.JMP : CLASS.JMP32);

/** ALU operations; those with S are signed and need v4. */
export type AluOperation = Exclude<AluName, "NEG" | "END" | "MOV"> | "SDIV" | "SMOD";

function aluParts(operation: AluOperation): { op: number; offset: number } {
  if (operation === "SDIV") return { op: ALU.DIV, offset: 1 };
  if (operation === "SMOD") return { op: ALU.MOD, offset: 1 };
  return { op: ALU[operation], offset: 0 };
}

/** dst = dst OP src. */
export function alu(operation: AluOperation, dst: number, src: number, bits: Bits = 64): Insn {
  const { op, offset } = aluParts(operation);
  return insn(aluClass(bits) | op | SOURCE.X, dst, src, offset, 0);
}

/** dst = dst OP imm; `imm` is signed 32 bits, sign-extended for 64-bit operations. */
export function aluImmediate(operation: AluOperation, dst: number, imm: number, bits: Bits = 64): Insn {
  const { op, offset } = aluParts(operation);
  return insn(aluClass(bits) | op, dst, 0, offset, imm);
}

/** dst = src; 32 bits clear the upper half. */
export function move(dst: number, src: number, bits: Bits = 64): Insn {
  return insn(aluClass(bits) | ALU.MOV | SOURCE.X, dst, src, 0, 0);
}

/** dst = imm, sign-extended to 64 bits or zero-extended from 32. */
export function moveImmediate(dst: number, imm: number, bits: Bits = 64): Insn {
  return insn(aluClass(bits) | ALU.MOV, dst, 0, 0, imm);
}

/** dst = low `from` bits of src, sign-extended to `bits` (v4). */
export function moveSigned(from: 8 | 16 | 32, dst: number, src: number, bits: Bits = 64): Insn {
  return insn(aluClass(bits) | ALU.MOV | SOURCE.X, dst, src, from, 0);
}

/** dst = -dst. */
export function negate(dst: number, bits: Bits = 64): Insn {
  return insn(aluClass(bits) | ALU.NEG, dst, 0, 0, 0);
}

/** Byte order of the low `bits` of dst; `bswap` needs v4. */
export function swap(kind: "le" | "be" | "bswap", bits: 16 | 32 | 64, dst: number): Insn {
  const code =
    kind === "bswap" ? CLASS.ALU64 | ALU.END : CLASS.ALU | ALU.END | (kind === "be" ? SOURCE.X : SOURCE.K);
  return insn(code, dst, 0, 0, bits);
}

/** dst = *(src + offset), zero-extended. */
export function load(size: Size, dst: number, src: number, offset: number): Insn {
  return insn(CLASS.LDX | MODE.MEM | SIZE[size], dst, src, offset, 0);
}

/** dst = *(src + offset), sign-extended to 64 bits (v4). */
export function loadSigned(size: 1 | 2 | 4, dst: number, src: number, offset: number): Insn {
  return insn(CLASS.LDX | MODE.MEMSX | SIZE[size], dst, src, offset, 0);
}

/** *(dst + offset) = src. */
export function store(size: Size, dst: number, offset: number, src: number): Insn {
  return insn(CLASS.STX | MODE.MEM | SIZE[size], dst, src, offset, 0);
}

/** *(dst + offset) = imm. */
export function storeImmediate(size: Size, dst: number, offset: number, imm: number): Insn {
  return insn(CLASS.ST | MODE.MEM | SIZE[size], dst, 0, offset, imm);
}

/**
 * An atomic operation on *(dst + offset) with src. Sizes 1 and 2 exist only for LOAD_ACQ and STORE_REL;
 * LOAD_ACQ loads to dst from *(src + offset).
 */
export function atomic(operation: AtomicName, size: Size, dst: number, offset: number, src: number): Insn {
  return insn(CLASS.STX | MODE.ATOMIC | SIZE[size], dst, src, offset, ATOMIC[operation]);
}

/** r0 = packet bytes at imm, or at src + imm, in host order; clobbers r1 to r5 and needs the context in r6. */
export function loadPacket(size: 1 | 2 | 4, imm: number, src?: number): Insn {
  return insn(CLASS.LD | (src === undefined ? MODE.ABS : MODE.IND) | SIZE[size], 0, src ?? 0, 0, imm);
}

/** ldimm64 of a number: two slots. */
export function loadImmediate64(dst: number, value: bigint | number): [Insn, Insn] {
  const bits = BigInt.asUintN(64, BigInt(value));
  return wide(dst, 0, Number(bits & 0xffffffffn) | 0, Number(bits >> 32n) | 0);
}

/** ldimm64 of a map by file descriptor. */
export function loadMap(dst: number, fd: number): [Insn, Insn] {
  return wide(dst, PSEUDO.MAP_FD, fd, 0);
}

/** ldimm64 of an address in a map's first value. */
export function loadMapValue(dst: number, fd: number, offset: number): [Insn, Insn] {
  return wide(dst, PSEUDO.MAP_VALUE, fd, offset);
}

/** ldimm64 of a kernel variable by BTF id, in vmlinux or in the module BTF with `btfFd`. */
export function loadKernelVariable(dst: number, btfId: number, btfFd = 0): [Insn, Insn] {
  return wide(dst, PSEUDO.BTF_ID, btfId, btfFd);
}

/** ldimm64 of a function of this program; `distance` in slots from the first slot after its first one. */
export function loadFunction(dst: number, distance: number): [Insn, Insn] {
  return wide(dst, PSEUDO.FUNC, distance, 0);
}

function wide(dst: number, src: number, low: number, high: number): [Insn, Insn] {
  return [insn(LDIMM64, dst, src, 0, low), insn(0, 0, 0, 0, high)];
}

/** goto; `offset` in slots from the next instruction, 16 bits. */
export function jump(offset: number): Insn {
  return insn(CLASS.JMP | JUMP.JA, 0, 0, offset, 0);
}

/** goto with a 32-bit distance (v4). */
export function jumpFar(distance: number): Insn {
  return insn(CLASS.JMP32 | JUMP.JA, 0, 0, 0, distance);
}

/** if dst OP src goto. */
export function branch(op: ConditionName, dst: number, src: number, offset: number, bits: Bits = 64): Insn {
  return insn(jumpClass(bits) | JUMP[op] | SOURCE.X, dst, src, offset, 0);
}

/** if dst OP imm goto; imm is sign-extended for 64 bits. */
export function branchImmediate(
  op: ConditionName,
  dst: number,
  imm: number,
  offset: number,
  bits: Bits = 64,
): Insn {
  return insn(jumpClass(bits) | JUMP[op], dst, 0, offset, imm);
}

/** Leave a loop that has run too long (Linux 6.9). */
export function mayGoto(offset: number): Insn {
  return insn(CLASS.JMP | JUMP.JCOND, 0, 0, offset, 0);
}

/** Call a helper by id. */
export function call(helper: number): Insn {
  return insn(CLASS.JMP | JUMP.CALL, 0, CALL.HELPER, 0, helper);
}

/** Call a function of this program; `distance` in slots from the next instruction. */
export function callLocal(distance: number): Insn {
  return insn(CLASS.JMP | JUMP.CALL, 0, CALL.LOCAL, 0, distance);
}

/** Call a kernel function by BTF id; `btfIndex` is its place in fd_array, 0 for vmlinux. */
export function callKernel(btfId: number, btfIndex = 0): Insn {
  return insn(CLASS.JMP | JUMP.CALL, 0, CALL.KFUNC, btfIndex, btfId);
}

/** Return r0. */
export function exit(): Insn {
  return insn(CLASS.JMP | JUMP.EXIT, 0, 0, 0, 0);
}
