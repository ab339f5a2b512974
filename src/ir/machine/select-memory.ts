import { pair } from "../node.ts";
import type { Instruction, Value } from "../node.ts";
import { alignmentFrom, pieces } from "../pieces.ts";
import type { CpuVersion } from "../program-code.ts";
import type { Emitter } from "./emitter.ts";
import * as m from "./machine.ts";

type Instr<Op extends Instruction["op"]> = Extract<Instruction, { readonly op: Op }>;

export function selectLoad(emit: Emitter, value: Instr<"load">, cpu: CpuVersion): void {
  if (!emit.isUsed(value)) return;
  const dst = emit.register(value);
  const size = m.SIZE_CODES[value.width];
  const narrow = value.signed && value.width < (value.type === "i32" ? 4 : 8);
  const address = emit.address(value.args[0]!, value.offset, value.reloc);
  if (!narrow) return emit.push(m.LDX | m.MEM | size, { dst, ...address });
  if (cpu === "v4" && value.type !== "i32") {
    return emit.push(m.LDX | m.MEMSX | size, { dst, ...address });
  }
  emit.push(m.LDX | m.MEM | size, { dst, ...address });
  const kind = value.type === "i32" ? m.ALU : m.ALU64;
  const bits = value.width * 8;
  if (cpu === "v4") return emit.push(kind | m.MOV | m.X, { dst, src: dst, offset: bits });
  const imm = (kind === m.ALU ? 32 : 64) - bits;
  emit.push(kind | m.LSH, { dst, imm });
  emit.push(kind | m.ARSH, { dst, imm });
}

export function selectStore(emit: Emitter, value: Instr<"store">): void {
  const [base, stored] = pair(value.args);
  const size = m.SIZE_CODES[value.width];
  const target = emit.target(base, value.offset, value.reloc);
  const operand = storeImmediate(stored, value.width);
  if (operand !== undefined) return emit.push(m.ST | m.MEM | size, { ...target, imm: operand });
  emit.push(m.STX | m.MEM | size, { ...target, src: emit.register(stored) });
}

export function selectCopy(emit: Emitter, value: Instr<"copy">): void {
  const [to, from] = pair(value.args);
  const target = emit.target(to, 0);
  const source = emit.address(from, 0, undefined);
  const left = alignmentFrom(to, value.offset, value.align);
  const right = alignmentFrom(from, value.sourceOffset, value.align);
  for (const { at, width } of pieces(value.size, (index) => Math.min(left(index), right(index)))) {
    const size = m.SIZE_CODES[width];
    const temp = emit.virtual();
    emit.push(m.LDX | m.MEM | size, { ...source, dst: temp, offset: value.sourceOffset + at });
    emit.push(m.STX | m.MEM | size, { ...target, src: temp, offset: value.offset + at });
  }
}

export function selectFill(emit: Emitter, value: Instr<"fill">): void {
  const target = emit.target(value.args[0]!, 0);
  const imm = (value.byte * 0x0101_0101) | 0;
  const alignment = alignmentFrom(value.args[0]!, value.offset, value.align);
  for (const { at, width } of pieces(value.size, alignment)) {
    // An immediate has 32 bits and is sign-extended to 64: all zeros or all ones.
    if (width === 8 && value.byte !== 0 && value.byte !== 0xff) {
      for (const half of [0, 4]) {
        emit.push(m.ST | m.MEM | m.SIZE_CODES[4], { ...target, offset: value.offset + at + half, imm });
      }
    } else {
      emit.push(m.ST | m.MEM | m.SIZE_CODES[width], { ...target, offset: value.offset + at, imm });
    }
  }
}

export function selectAtomic(emit: Emitter, value: Instr<"atomic">): void {
  const [base, operand] = pair(value.args);
  const expected = value.args[2];
  const code = m.STX | m.ATOMIC | m.SIZE_CODES[value.width];
  const wanted = value.type !== "void" && emit.isUsed(value);
  const target = emit.target(base, value.offset);
  const operation = ATOMIC_CODES[value.operation];
  if (expected !== undefined) {
    const src = emit.register(operand);
    emit.into(expected, 0);
    emit.push(code, { ...target, src, imm: m.CMPXCHG });
    if (wanted) emit.push(m.MOV64_X, { dst: emit.register(value), src: 0 });
    return;
  }
  if (!wanted && value.operation !== "xchg") {
    return emit.push(code, { ...target, src: emit.register(operand), imm: operation });
  }
  const src = wanted ? emit.register(value) : emit.virtual();
  emit.into(operand, src);
  emit.push(code, { ...target, src, imm: operation | m.FETCH });
}

const ATOMIC_CODES = { add: m.ADD, and: m.AND, or: m.OR, xor: m.XOR, xchg: m.XCHG, cmpxchg: m.CMPXCHG };

function storeImmediate(value: Value, width: number): number | undefined {
  if (value.op !== "const") return undefined;
  const imm = BigInt.asIntN(32, value.value);
  return width < 8 || imm === value.value ? Number(imm) : undefined;
}
