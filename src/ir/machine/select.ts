import type { Block, Instruction, IrFunction, Leaf, SourcePosition, Terminator, Value } from "../node.ts";
import { stackUse } from "../memory-regions.ts";
import { pair, successors } from "../node.ts";
import { isBinary, PREDICATES } from "../op-table.ts";
import type { CpuVersion } from "../program-code.ts";
import { pieces } from "../pieces.ts";
import { countUses } from "../rewrite.ts";
import { BINARY_CODES, JUMP_CODES } from "./code-tables.ts";
import type { BinaryRow } from "./code-tables.ts";
import * as m from "./machine.ts";
import { signed16 } from "./machine.ts";
import type { MachineBlock, MachineFunction, MachineInsn, Register, StackSlot } from "./machine.ts";
import { parallelCopy } from "./parallel-copy.ts";
import { transparentTruncations } from "./truncations.ts";

/** Turns a legal function into machine code over virtual registers. */
export function selectInstructions(fn: IrFunction, cpu: CpuVersion): MachineFunction {
  return new Selector(fn, cpu).run();
}

type Instr<Op extends Instruction["op"]> = Extract<Instruction, { readonly op: Op }>;

class Selector {
  readonly #fn: IrFunction;
  readonly #cpu: CpuVersion;
  readonly #uses: Uint32Array;
  readonly #registers: Int32Array;
  /** Truncations that nobody needs but for their low bits: no instruction. */
  readonly #transparent: Set<Value>;
  readonly #slots: Map<Value, readonly StackSlot[]>;
  readonly #slotOf = new Map<Value, StackSlot>();
  /** Addresses in maps at hand since the last call: other places of the same map are reached from there. */
  readonly #mapValues = new Map<string, { readonly register: Register; readonly offset: number }>();
  #next: Register = m.FIRST_VIRTUAL;
  #out: MachineInsn[] = [];
  #position: SourcePosition | undefined;
  /** Slots that the instruction at hand keeps alive. */
  #live: readonly StackSlot[] = [];

  constructor(fn: IrFunction, cpu: CpuVersion) {
    this.#fn = fn;
    this.#cpu = cpu;
    this.#uses = countUses(fn);
    this.#registers = new Int32Array(fn.nextValueId).fill(-1);
    this.#transparent = transparentTruncations(fn);
    for (const leaf of fn.leaves.values()) {
      if (leaf.op !== "alloca") continue;
      const { size, align, name, position } = leaf;
      this.#slotOf.set(leaf, { size, align, name, position, escapes: false, offset: 0 });
    }
    const { roots, escaped } = stackUse(fn);
    this.#slots = new Map(
      [...roots].map(([value, set]) => [value, [...set].map((root) => this.#slotOf.get(root)!)]),
    );
    for (const root of escaped) this.#slotOf.get(root)!.escapes = true;
  }

  run(): MachineFunction {
    const blocks = new Map<Block, MachineBlock>(
      this.#fn.blocks.map((block) => [
        block,
        { id: block.id, insns: [], next: [], likely: undefined, frequency: 1 },
      ]),
    );
    for (const [block, machine] of blocks) {
      this.#out = machine.insns;
      this.#mapValues.clear();
      if (block === this.#fn.blocks[0]) this.#params();
      for (const value of block.body) {
        this.#enter(value.position, value.args);
        this.#instruction(value);
      }
      this.#enter(block.terminator!.position, block.terminator!.args);
      this.#copies(block);
      this.#terminator(block.terminator!, machine, (target) => blocks.get(target)!);
    }
    const { name, typeId, position } = this.#fn;
    return { name, typeId, position, blocks: [...blocks.values()], nextRegister: this.#next };
  }

  #enter(position: SourcePosition | undefined, args: readonly Value[]): void {
    this.#position = position;
    const live = args.flatMap((argument) => this.#slots.get(argument) ?? []);
    this.#live = live;
  }

  #push(code: number, fields: Partial<MachineInsn> = {}): void {
    const slots = fields.slots ?? (fields.slot ? [...this.#live, fields.slot] : this.#live);
    this.#out.push(m.machineInsn(code, { position: this.#position, ...fields, slots }));
  }

  #virtual(): Register {
    return this.#next++;
  }

  #params(): void {
    this.#enter(this.#fn.position, []);
    this.#fn.params.forEach((param, index) => {
      if (this.#uses[param.id] === 0) return;
      const register = this.#virtual();
      this.#registers[param.id] = register;
      this.#push(m.MOV64_X, { dst: register, src: index + 1 });
    });
  }

  /** The register that holds a value, whose upper bits may be anything if `low` is enough. */
  #register(value: Value): Register {
    const known = this.#registers[value.id]!;
    if (known >= 0) return known;
    if (value.op === "zext32" || this.#transparent.has(value)) {
      const [argument] = value.args;
      // A free value has no register of its own; this one is defined where the conversion is.
      if (!isFreeLeaf(argument!)) return this.#register(argument!);
    }
    if (isFreeLeaf(value)) {
      const register = this.#virtual();
      this.#leafInto(value, register);
      return register;
    }
    const register = this.#virtual();
    this.#registers[value.id] = register;
    return register;
  }

  /** Puts a value into a register that was chosen. */
  #into(value: Value, dst: Register): void {
    if (isFreeLeaf(value)) return this.#leafInto(value, dst);
    this.#push(m.MOV64_X, { dst, src: this.#register(value) });
  }

  #leafInto(leaf: FreeValue, dst: Register): void {
    switch (leaf.op) {
      case "add": {
        const [base, distance] = pair(leaf.args);
        const imm = distance.op === "const" ? Number(distance.value) : 0;
        this.#push(m.MOV64_X, { dst, src: m.FRAME_POINTER });
        return this.#push(m.ALU64 | m.ADD, { dst, imm, slot: this.#slotOf.get(base)! });
      }
      case "const": {
        const value = leaf.type === "i32" ? BigInt.asUintN(32, leaf.value) : leaf.value;
        if (BigInt.asIntN(32, value) === value) return this.#push(m.MOV64_K, { dst, imm: Number(value) });
        const imm = Number(BigInt.asIntN(32, value));
        if (BigInt.asUintN(32, value) === value) return this.#push(m.ALU | m.MOV, { dst, imm });
        return this.#push(m.LDIMM64, { dst, imm, high: Number(BigInt.asIntN(32, value >> 32n)) });
      }
      case "alloca":
        this.#push(m.MOV64_X, { dst, src: m.FRAME_POINTER });
        return this.#push(m.ALU64 | m.ADD, { dst, slot: this.#slotOf.get(leaf)! });
      case "mapRef":
        return this.#push(m.LDIMM64, { dst, src: 1, reloc: { kind: "map", map: leaf.map } });
      case "mapValue": {
        const reloc = { kind: "map", map: leaf.map, offset: leaf.offset } as const;
        return this.#push(m.LDIMM64, { dst, src: 2, high: leaf.offset, reloc });
      }
      case "functionRef":
        return this.#push(m.LDIMM64, { dst, src: 4, target: leaf.name });
      case "loadTime":
        return this.#push(m.MOV64_K, { dst, reloc: leaf.number });
      case "ksym": {
        const { name, typed, weak } = leaf;
        return this.#push(m.LDIMM64, { dst, reloc: { kind: "ksym", name, typed, weak } });
      }
    }
  }

  #instruction(value: Instruction): void {
    if (isFreeLeaf(value)) return;
    switch (value.op) {
      case "load":
        return this.#load(value);
      case "store":
        return this.#store(value);
      case "copy":
        return this.#copy(value);
      case "fill":
        return this.#fill(value);
      case "atomic":
        return this.#atomic(value);
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
    const dst = this.#register(value);
    const wide = value.type !== "i32";
    if (
      row.commutes &&
      ((isFreeLeaf(left) && !isFreeLeaf(right)) || (this.#dies(right) && !this.#dies(left)))
    ) {
      if (!isFreeLeaf(right)) [left, right] = [right, left];
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
      this.#into(left, dst);
      return this.#push(kind | code, { dst, offset, ...operand });
    }
    const src = this.#register(right);
    this.#into(left, dst);
    this.#push(kind | code | m.X, { dst, src, offset });
  }

  /** Whether this use is a value's last for sure. */
  #dies(value: Value): boolean {
    return !isFreeLeaf(value) && this.#uses[value.id] === 1;
  }

  #unary(value: Instruction): void {
    const argument = value.args[0]!;
    const kind = value.type === "i32" ? m.ALU : m.ALU64;
    if (this.#transparent.has(value) || value.op === "zext32") {
      // The argument's register serves, unless it is a leaf and has none.
      if (isFreeLeaf(argument)) this.#into(argument, this.#register(value));
      return;
    }
    const dst = this.#register(value);
    const inPlace = (code: number, fields: Partial<MachineInsn> = {}): void => {
      this.#into(argument, dst);
      this.#push(code, { dst, ...fields });
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
        return this.#push(m.ALU | m.MOV | m.X, { dst, src: this.#register(argument) });
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
      return this.#push(kind | m.MOV | m.X, { dst, src: this.#register(argument), offset: bits });
    }
    const imm = (kind === m.ALU ? 32 : 64) - bits;
    this.#into(argument, dst);
    this.#push(kind | m.LSH, { dst, imm });
    this.#push(kind | m.ARSH, { dst, imm });
  }

  #load(value: Instr<"load">): void {
    if (this.#uses[value.id] === 0) return;
    const dst = this.#register(value);
    const size = m.SIZE_CODES[value.width];
    const narrow = value.signed && value.width < (value.type === "i32" ? 4 : 8);
    const address = this.#address(value.args[0]!, value.offset, value.reloc);
    if (!narrow) return this.#push(m.LDX | m.MEM | size, { dst, ...address });
    if (this.#cpu === "v4" && value.type !== "i32") {
      return this.#push(m.LDX | m.MEMSX | size, { dst, ...address });
    }
    this.#push(m.LDX | m.MEM | size, { dst, ...address });
    const kind = value.type === "i32" ? m.ALU : m.ALU64;
    const bits = value.width * 8;
    if (this.#cpu === "v4") return this.#push(kind | m.MOV | m.X, { dst, src: dst, offset: bits });
    const imm = (kind === m.ALU ? 32 : 64) - bits;
    this.#push(kind | m.LSH, { dst, imm });
    this.#push(kind | m.ARSH, { dst, imm });
  }

  /** The source fields of an access. */
  #address(base: Value, offset: number, reloc: MachineInsn["reloc"]): Partial<MachineInsn> {
    if (base.op === "alloca") {
      return { src: m.FRAME_POINTER, offset, reloc, slot: this.#slotOf.get(base) };
    }
    if (base.op === "mapValue") {
      const near = this.#mapValues.get(base.map);
      const distance = near === undefined ? 0 : offset + base.offset - near.offset;
      if (near !== undefined && distance === signed16(distance))
        return { src: near.register, offset: distance, reloc };
      const register = this.#register(base);
      this.#mapValues.set(base.map, { register, offset: base.offset });
      return { src: register, offset, reloc };
    }
    return { src: this.#register(base), offset, reloc };
  }

  /** The destination fields of an access. */
  #target(base: Value, offset: number, reloc?: MachineInsn["reloc"]): Partial<MachineInsn> {
    const { src, ...rest } = this.#address(base, offset, reloc);
    return { dst: src!, ...rest };
  }

  #store(value: Instr<"store">): void {
    const [base, stored] = pair(value.args);
    const size = m.SIZE_CODES[value.width];
    const target = this.#target(base, value.offset, value.reloc);
    const operand = storeImmediate(stored, value.width);
    if (operand !== undefined) return this.#push(m.ST | m.MEM | size, { ...target, imm: operand });
    this.#push(m.STX | m.MEM | size, { ...target, src: this.#register(stored) });
  }

  #copy(value: Instr<"copy">): void {
    const [to, from] = pair(value.args);
    const target = this.#target(to, 0);
    const source = this.#address(from, 0, undefined);
    for (const { at, width } of pieces(value.size, value.align)) {
      const size = m.SIZE_CODES[width];
      const temp = this.#virtual();
      this.#push(m.LDX | m.MEM | size, { ...source, dst: temp, offset: value.sourceOffset + at });
      this.#push(m.STX | m.MEM | size, { ...target, src: temp, offset: value.offset + at });
    }
  }

  #fill(value: Instr<"fill">): void {
    const target = this.#target(value.args[0]!, 0);
    const imm = (value.byte * 0x0101_0101) | 0;
    for (const { at, width } of pieces(value.size, value.align)) {
      // A 64-bit immediate is sign-extended: bytes from 0x80 on would come out as ones.
      if (width === 8 && value.byte >= 0x80) {
        for (const half of [0, 4]) {
          this.#push(m.ST | m.MEM | m.SIZE_CODES[4], { ...target, offset: value.offset + at + half, imm });
        }
      } else {
        this.#push(m.ST | m.MEM | m.SIZE_CODES[width], { ...target, offset: value.offset + at, imm });
      }
    }
  }

  #atomic(value: Instr<"atomic">): void {
    const [base, operand] = pair(value.args);
    const expected = value.args[2];
    const code = m.STX | m.ATOMIC | m.SIZE_CODES[value.width];
    const wanted = value.type !== "void" && this.#uses[value.id]! > 0;
    const target = this.#target(base, value.offset);
    const operation = ATOMIC_CODES[value.operation];
    if (expected !== undefined) {
      const src = this.#register(operand);
      this.#into(expected, 0);
      this.#push(code, { ...target, src, imm: m.CMPXCHG });
      if (wanted) this.#push(m.MOV64_X, { dst: this.#register(value), src: 0 });
      return;
    }
    if (!wanted && value.operation !== "xchg") {
      return this.#push(code, { ...target, src: this.#register(operand), imm: operation });
    }
    const src = wanted ? this.#register(value) : this.#virtual();
    this.#into(operand, src);
    this.#push(code, { ...target, src, imm: operation | m.FETCH });
  }

  #call(value: Instr<"call">): void {
    value.args.forEach((argument, index) => {
      this.#into(argument, index + 1);
    });
    this.#mapValues.clear();
    const reads = value.args.length;
    const { callee } = value;
    switch (callee.kind) {
      case "helper":
        this.#push(m.CALL, { reads, imm: callee.id });
        break;
      case "kfunc": {
        const { name, weak } = callee;
        const reloc = { kind: "kfunc", name, ...(weak === undefined ? {} : { weak }) } as const;
        this.#push(m.CALL, { reads, src: 2, imm: -1, reloc });
        break;
      }
      case "function":
        this.#push(m.CALL, { reads, src: 1, imm: -1, target: callee.name });
        break;
    }
    if (value.type === "void" || this.#uses[value.id] === 0) return;
    // Nothing says that a callee leaves the upper half of an int clear.
    const code = value.type === "i32" ? m.ALU | m.MOV | m.X : m.MOV64_X;
    this.#push(code, { dst: this.#register(value), src: 0 });
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
      if (this.#uses[phi.id] === 0) continue;
      const argument = phi.args[phi.incoming.indexOf(block)]!;
      const dst = this.#register(phi);
      if (isFreeLeaf(argument)) leaves.push({ dst, leaf: argument });
      else moves.push({ dst, src: this.#register(argument) });
    }
    for (const { dst, src } of parallelCopy(moves, () => this.#virtual())) {
      this.#push(m.MOV64_X, { dst, src });
    }
    for (const { dst, leaf } of leaves) {
      this.#live = this.#slots.get(leaf) ?? [];
      this.#leafInto(leaf, dst);
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
        if (value !== undefined) this.#into(value, 0);
        return this.#push(m.EXIT, { reads: value === undefined ? 0 : 1 });
      }
      case "unreachable":
        this.#push(m.MOV64_K, { dst: 0, imm: 0 });
        return this.#push(m.EXIT, { reads: 1 });
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
    if (isFreeLeaf(left) && !isFreeLeaf(right)) {
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
    const dst = this.#register(left);
    if (operand === undefined) this.#push(code | m.X, { dst, src: this.#register(right) });
    else this.#push(code, { dst, imm: operand });
    block.next = negated ? [whenFalse, whenTrue] : [whenTrue, whenFalse];
    block.likely = terminator.likely === undefined ? undefined : terminator.likely !== negated;
  }
}

const ATOMIC_CODES = { add: m.ADD, and: m.AND, or: m.OR, xor: m.XOR, xchg: m.XCHG, cmpxchg: m.CMPXCHG };

/** A leaf, or the address of a place in a stack slot. */
type FreeValue = Exclude<Leaf, { readonly op: "param" }> | (Instruction & { readonly op: "add" });

/** Values that are made anew at each use, in one or two instructions. Parameters live in a register. */
function isFreeLeaf(value: Value): value is FreeValue {
  switch (value.op) {
    case "const":
    case "alloca":
    case "mapRef":
    case "mapValue":
    case "functionRef":
    case "loadTime":
    case "ksym":
      return true;
    case "add":
      return value.args[0]!.op === "alloca" && value.args[1]!.op === "const";
    default:
      return false;
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

function storeImmediate(value: Value, width: number): number | undefined {
  if (value.op !== "const") return undefined;
  const imm = BigInt.asIntN(32, value.value);
  return width < 8 || imm === value.value ? Number(imm) : undefined;
}
