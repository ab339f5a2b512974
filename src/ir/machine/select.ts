import { pair, successors } from "../node.ts";
import type { Block, Instruction, IrFunction, Terminator, Value } from "../node.ts";
import { isBinary, PREDICATES } from "../op-table.ts";
import type { CpuVersion } from "../program-code.ts";
import { BINARY_CODES, JUMP_CODES } from "./code-tables.ts";
import type { BinaryRow } from "./code-tables.ts";
import { Emitter, isFree } from "./emitter.ts";
import type { FreeValue } from "./emitter.ts";
import * as m from "./machine.ts";
import type { MachineBlock, MachineFunction, MachineInsn, Register } from "./machine.ts";
import { parallelCopy } from "./parallel-copy.ts";
import { selectAtomic, selectCopy, selectFill, selectLoad, selectStore } from "./select-memory.ts";

/** Turns a legal function into machine code over virtual registers. */
export function selectInstructions(fn: IrFunction, cpu: CpuVersion): MachineFunction {
  return new Selector(fn, cpu).run();
}

type Instr<Op extends Instruction["op"]> = Extract<Instruction, { readonly op: Op }>;

class Selector {
  readonly #fn: IrFunction;
  readonly #cpu: CpuVersion;
  readonly #emit: Emitter;

  constructor(fn: IrFunction, cpu: CpuVersion) {
    this.#fn = fn;
    this.#cpu = cpu;
    this.#emit = new Emitter(fn);
  }

  run(): MachineFunction {
    const blocks = new Map<Block, MachineBlock>(
      this.#fn.blocks.map((block) => [
        block,
        { id: block.id, insns: [], next: [], likely: undefined, frequency: 1 },
      ]),
    );
    for (const [block, machine] of blocks) {
      this.#emit.enterBlock(machine);
      if (block === this.#fn.blocks[0]) this.#params();
      for (const value of block.body) {
        this.#emit.enter(value.position, value.args);
        this.#instruction(value);
      }
      this.#emit.enter(block.terminator!.position, block.terminator!.args);
      this.#copies(block);
      this.#terminator(block.terminator!, machine, (target) => blocks.get(target)!);
    }
    const { name, typeId, position } = this.#fn;
    const { bounded, registerCount: nextRegister } = this.#emit;
    return { name, typeId, position, blocks: [...blocks.values()], nextRegister, bounded };
  }

  #params(): void {
    this.#emit.enter(this.#fn.position, []);
    this.#fn.params.forEach((param, index) => {
      if (this.#emit.isUsed(param))
        this.#emit.push(m.MOV64_X, { dst: this.#emit.register(param), src: index + 1 });
    });
  }

  #instruction(value: Instruction): void {
    if (isFree(value) || this.#emit.isArgumentSum(value)) return;
    switch (value.op) {
      case "load":
        return selectLoad(this.#emit, value, this.#cpu);
      case "store":
        return selectStore(this.#emit, value);
      case "copy":
        return selectCopy(this.#emit, value);
      case "fill":
        return selectFill(this.#emit, value);
      case "atomic":
        return selectAtomic(this.#emit, value);
      case "call":
        return this.#call(value);
      case "compare":
      case "select":
        throw new TypeError(`${value.op} was not lowered`);
      default:
        return isBinary(value.op) ? this.#binary(value, BINARY_CODES[value.op]) : this.#unary(value);
    }
  }

  #binary(value: Instruction, row: BinaryRow): void {
    let [left, right] = pair(value.args);
    if (value.type === "ptr") value.args.forEach((argument) => this.#emit.keepBounds(argument));
    const dst = this.#emit.register(value);
    const wide = value.type !== "i32";
    if (
      row.commutes &&
      ((isFree(left) && !isFree(right)) || (this.#emit.dies(right) && !this.#emit.dies(left)))
    ) {
      if (!isFree(right)) [left, right] = [right, left];
    }
    const kind = wide ? m.ALU64 : m.ALU;
    let { code } = row;
    const offset = row.signed ? 1 : 0;
    let operand = immediateOf(right, wide);
    if (value.op === "sub" && operand?.imm !== undefined && operand.imm !== -0x8000_0000 && !operand.reloc) {
      code = m.ADD;
      operand = { imm: -operand.imm };
    }
    // The verifier refuses a division by an immediate zero.
    if (row.divides && operand?.imm === 0) operand = undefined;
    if (operand && row.shift) operand = { imm: operand.imm & (wide ? 63 : 31) };
    if (operand) {
      this.#emit.into(left, dst);
      return this.#emit.push(kind | code, { dst, offset, ...operand });
    }
    const src = this.#emit.register(right);
    this.#emit.into(left, dst);
    this.#emit.push(kind | code | m.X, { dst, src, offset });
  }

  #unary(value: Instruction): void {
    const argument = value.args[0]!;
    const kind = value.type === "i32" ? m.ALU : m.ALU64;
    if (this.#emit.isTransparent(value)) {
      // The argument's register serves, unless it is a leaf and has none.
      if (isFree(argument)) this.#emit.into(argument, this.#emit.register(value));
      return;
    }
    const dst = this.#emit.register(value);
    const inPlace = (code: number, fields: Partial<MachineInsn> = {}): void => {
      this.#emit.into(argument, dst);
      this.#emit.push(code, { dst, ...fields });
    };
    switch (value.op) {
      case "neg":
        return inPlace(kind | m.NEG);
      case "bswap16":
        return inPlace(m.TO_BE, { imm: 16 });
      case "bswap32":
        return inPlace(m.TO_BE, { imm: 32 });
      case "bswap64":
        return inPlace(m.TO_BE, { imm: 64 });
      case "trunc":
        return this.#emit.push(m.ALU | m.MOV | m.X, { dst, src: this.#emit.register(argument) });
      case "zext8":
        return inPlace(kind | m.AND, { imm: 0xff });
      case "zext16":
        return inPlace(kind | m.AND, { imm: 0xffff });
      case "sext8":
        return this.#signExtend(argument, dst, 8, kind);
      case "sext16":
        return this.#signExtend(argument, dst, 16, kind);
      case "sext32":
        return this.#signExtend(argument, dst, 32, m.ALU64);
      default:
        throw new TypeError(`${value.op} is not unary`);
    }
  }

  #signExtend(argument: Value, dst: Register, bits: 8 | 16 | 32, kind: number): void {
    if (this.#cpu === "v4") {
      return this.#emit.push(kind | m.MOV | m.X, { dst, src: this.#emit.register(argument), offset: bits });
    }
    const imm = (kind === m.ALU ? 32 : 64) - bits;
    this.#emit.into(argument, dst);
    this.#emit.push(kind | m.LSH, { dst, imm });
    this.#emit.push(kind | m.ARSH, { dst, imm });
  }

  #call(value: Instr<"call">): void {
    value.args.forEach((argument, index) => {
      this.#emit.keepBounds(argument);
      this.#emit.into(argument, index + 1);
    });
    this.#emit.forgetAddresses();
    const reads = value.args.length;
    const { callee } = value;
    switch (callee.kind) {
      case "helper":
        this.#emit.push(m.CALL, { reads, imm: callee.id });
        break;
      case "kfunc": {
        const { name, weak } = callee;
        const reloc = { kind: "kfunc", name, ...(weak === undefined ? {} : { weak }) } as const;
        this.#emit.push(m.CALL, { reads, src: 2, imm: -1, reloc });
        break;
      }
      case "function":
        this.#emit.push(m.CALL, { reads, src: 1, imm: -1, target: callee.name });
        break;
    }
    if (value.type === "void" || !this.#emit.isUsed(value)) return;
    // Nothing says that a callee leaves the upper half of an int clear.
    const code = value.type === "i32" ? m.ALU | m.MOV | m.X : m.MOV64_X;
    this.#emit.push(code, { dst: this.#emit.register(value), src: 0 });
  }

  /** What the phis of the only successor take from here. */
  #copies(block: Block): void {
    const next = successors(block);
    const target = next[0];
    if (target === undefined || target.phis.length === 0) return;
    if (next.length > 1) throw new TypeError(`the edge from b${block.id} to b${target.id} was not split`);
    const moves: { dst: Register; src: Register }[] = [];
    const leaves: { dst: Register; leaf: FreeValue }[] = [];
    for (const phi of target.phis) {
      if (!this.#emit.isUsed(phi)) continue;
      const argument = phi.args[phi.incoming.indexOf(block)]!;
      const dst = this.#emit.register(phi);
      if (isFree(argument)) leaves.push({ dst, leaf: argument });
      else moves.push({ dst, src: this.#emit.register(argument) });
    }
    for (const { dst, src } of parallelCopy(moves, () => this.#emit.virtual())) {
      this.#emit.push(m.MOV64_X, { dst, src });
    }
    for (const { dst, leaf } of leaves) {
      this.#emit.enter(block.terminator!.position, [leaf]);
      this.#emit.into(leaf, dst);
    }
  }

  #terminator(terminator: Terminator, block: MachineBlock, at: (target: Block) => MachineBlock): void {
    switch (terminator.op) {
      case "br":
        block.next = [at(terminator.target)];
        return;
      case "condBr":
        return this.#branch(terminator, block, at(terminator.whenTrue), at(terminator.whenFalse));
      case "ret": {
        const [value] = terminator.args;
        if (value !== undefined) this.#emit.into(value, 0);
        return this.#emit.push(m.EXIT, { reads: value === undefined ? 0 : 1 });
      }
      case "unreachable":
        this.#emit.push(m.MOV64_K, { dst: 0, imm: 0 });
        return this.#emit.push(m.EXIT, { reads: 1 });
      case "switch":
        throw new TypeError("switch was not lowered");
    }
  }

  #branch(
    terminator: Extract<Terminator, { readonly op: "condBr" }>,
    block: MachineBlock,
    whenTrue: MachineBlock,
    whenFalse: MachineBlock,
  ): void {
    let { predicate } = terminator;
    let [left, right] = pair(terminator.args);
    const wide = left.type !== "i32";
    if (isFree(left) && !isFree(right)) {
      [left, right] = [right, left];
      predicate = PREDICATES[predicate].swapped;
    }
    const operand = compareImmediate(right, wide);
    let row = JUMP_CODES[predicate];
    let negated = false;
    if (row.code === undefined || (this.#cpu === "v1" && row.sinceV2 === true)) {
      row = JUMP_CODES[PREDICATES[predicate].not];
      negated = true;
    }
    const code = (wide ? m.JMP : m.JMP32) | row.code!;
    const dst = this.#emit.register(left);
    if (operand === undefined) this.#emit.push(code | m.X, { dst, src: this.#emit.register(right) });
    else this.#emit.push(code, { dst, imm: operand });
    block.next = negated ? [whenFalse, whenTrue] : [whenTrue, whenFalse];
    block.likely = terminator.likely === undefined ? undefined : terminator.likely !== negated;
  }
}

function immediateOf(value: Value, wide: boolean): { imm: number; reloc?: MachineInsn["reloc"] } | undefined {
  if (value.op === "loadTime" && wide) return { imm: 0, reloc: value.number };
  if (value.op !== "const") return undefined;
  const imm = BigInt.asIntN(32, value.value);
  return imm === value.value ? { imm: Number(imm) } : undefined;
}

function compareImmediate(value: Value, wide: boolean): number | undefined {
  const operand = immediateOf(value, wide);
  return operand?.reloc === undefined ? operand?.imm : undefined;
}
