import { stackUse } from "../memory-regions.ts";
import { pair } from "../node.ts";
import type { Instruction, IrFunction, Leaf, SourcePosition, Value } from "../node.ts";
import { countUses } from "../rewrite.ts";
import * as m from "./machine.ts";
import { signed16 } from "./machine.ts";
import type { MachineBlock, MachineInsn, Register, StackSlot } from "./machine.ts";
import { transparentTruncations } from "./truncations.ts";

/** Writes machine instructions for a function, and knows in which register each of its values is. */
export class Emitter {
  readonly #uses: Uint32Array;
  readonly #registers: Int32Array;
  /** Truncations that nobody needs but for their low bits: no instruction. */
  readonly #transparent: Set<Value>;
  /** Sums that are made anew for each call that takes them. */
  readonly #sums: ReadonlySet<Value>;
  readonly #slots: Map<Value, readonly StackSlot[]>;
  readonly #slotOf = new Map<Value, StackSlot>();
  /** Addresses in maps at hand since the last call: other places of the same map are reached from there. */
  readonly #mapValues = new Map<string, { readonly register: Register; readonly offset: number }>();
  /** See {@link MachineFunction.bounded}. */
  readonly bounded: Set<Register> = new Set();
  #next: Register = m.FIRST_VIRTUAL;
  #out: MachineInsn[] = [];
  #position: SourcePosition | undefined;
  /** Slots that the instruction at hand keeps alive. */
  #live: readonly StackSlot[] = [];

  constructor(fn: IrFunction) {
    this.#uses = countUses(fn);
    this.#registers = new Int32Array(fn.nextValueId).fill(-1);
    this.#transparent = transparentTruncations(fn);
    this.#sums = argumentSums(fn);
    for (const leaf of fn.leaves.values()) {
      if (leaf.op !== "alloca") continue;
      const { size, align, name, position } = leaf;
      this.#slotOf.set(leaf, { size, align, name, position, spill: false, escapes: false, offset: 0 });
    }
    const { roots, escaped } = stackUse(fn);
    this.#slots = new Map(
      [...roots].map(([value, set]) => [value, [...set].map((root) => this.#slotOf.get(root)!)]),
    );
    for (const root of escaped) this.#slotOf.get(root)!.escapes = true;
  }

  isUsed(value: Value): boolean {
    return this.#uses[value.id]! > 0;
  }

  /** Conversions that cost nothing: the register of what they convert serves. */
  isTransparent(value: Value): boolean {
    return value.op === "zext32" || this.#transparent.has(value);
  }

  /** Whether a value has no register, because only calls take it, each its own. */
  isArgumentSum(value: Value): boolean {
    return this.#sums.has(value);
  }

  get registerCount(): number {
    return this.#next;
  }

  /** What follows goes to the end of a block. */
  enterBlock(block: MachineBlock): void {
    this.#out = block.insns;
    this.forgetAddresses();
  }

  /** Registers do not keep addresses beyond this point. */
  forgetAddresses(): void {
    this.#mapValues.clear();
  }

  enter(position: SourcePosition | undefined, args: readonly Value[]): void {
    this.#position = position;
    const live = args.flatMap((argument) => this.#slots.get(argument) ?? []);
    this.#live = live;
  }

  push(code: number, fields: Partial<MachineInsn> = {}): void {
    const slots = fields.slots ?? (fields.slot ? [...this.#live, fields.slot] : this.#live);
    this.#out.push(m.machineInsn(code, { position: this.#position, ...fields, slots }));
  }

  /** The verifier must know the bounds of a value, unless it is an address itself. */
  keepBounds(value: Value): void {
    if (value.type === "ptr" || isFree(value) || this.isArgumentSum(value)) return;
    this.bounded.add(this.register(value));
  }

  virtual(): Register {
    return this.#next++;
  }

  /** The register that holds a value, whose upper bits may be anything if `low` is enough. */
  register(value: Value): Register {
    const known = this.#registers[value.id]!;
    if (known >= 0) return known;
    if (this.isTransparent(value)) {
      const [argument] = value.args;
      // A free value has no register of its own; this one is defined where the conversion is.
      if (!isFree(argument!)) return this.register(argument!);
    }
    if (isFree(value)) {
      const register = this.virtual();
      this.#leafInto(value, register);
      return register;
    }
    const register = this.virtual();
    this.#registers[value.id] = register;
    return register;
  }

  /** Puts a value into a register that was chosen. */
  into(value: Value, dst: Register): void {
    if (isFree(value)) return this.#leafInto(value, dst);
    if (this.isArgumentSum(value)) {
      const [base, distance] = pair(value.args);
      this.push(m.MOV64_X, { dst, src: this.register(base) });
      return this.push(m.ALU64 | m.ADD, { dst, imm: distance.op === "const" ? Number(distance.value) : 0 });
    }
    this.push(m.MOV64_X, { dst, src: this.register(value) });
  }

  #leafInto(leaf: FreeValue, dst: Register): void {
    switch (leaf.op) {
      case "add": {
        const [base, distance] = pair(leaf.args);
        const imm = distance.op === "const" ? Number(distance.value) : 0;
        this.push(m.MOV64_X, { dst, src: m.FRAME_POINTER });
        return this.push(m.ALU64 | m.ADD, { dst, imm, slot: this.#slotOf.get(base)! });
      }
      case "const": {
        const value = leaf.type === "i32" ? BigInt.asUintN(32, leaf.value) : leaf.value;
        if (BigInt.asIntN(32, value) === value) return this.push(m.MOV64_K, { dst, imm: Number(value) });
        const imm = Number(BigInt.asIntN(32, value));
        if (BigInt.asUintN(32, value) === value) return this.push(m.ALU | m.MOV, { dst, imm });
        return this.push(m.LDIMM64, { dst, imm, high: Number(BigInt.asIntN(32, value >> 32n)) });
      }
      case "alloca":
        this.push(m.MOV64_X, { dst, src: m.FRAME_POINTER });
        return this.push(m.ALU64 | m.ADD, { dst, slot: this.#slotOf.get(leaf)! });
      case "mapRef":
        return this.push(m.LDIMM64, { dst, src: 1, reloc: { kind: "map", map: leaf.map } });
      case "mapValue": {
        const reloc = { kind: "map", map: leaf.map, offset: leaf.offset } as const;
        return this.push(m.LDIMM64, { dst, src: 2, high: leaf.offset, reloc });
      }
      case "functionRef":
        return this.push(m.LDIMM64, { dst, src: 4, target: leaf.name });
      case "loadTime":
        return this.push(m.MOV64_K, { dst, reloc: leaf.number });
      case "ksym": {
        const { name, typed, weak } = leaf;
        return this.push(m.LDIMM64, { dst, reloc: { kind: "ksym", name, typed, weak } });
      }
    }
  }

  /** Whether this use is a value's last for sure. */
  dies(value: Value): boolean {
    return !isFree(value) && this.#uses[value.id] === 1;
  }

  /** The source fields of an access. */
  address(base: Value, offset: number, reloc: MachineInsn["reloc"]): Partial<MachineInsn> {
    if (base.op === "alloca") {
      return { src: m.FRAME_POINTER, offset, reloc, slot: this.#slotOf.get(base) };
    }
    if (base.op === "mapValue") {
      const near = this.#mapValues.get(base.map);
      const distance = near === undefined ? 0 : offset + base.offset - near.offset;
      if (near !== undefined && distance === signed16(distance))
        return { src: near.register, offset: distance, reloc };
      const register = this.register(base);
      this.#mapValues.set(base.map, { register, offset: base.offset });
      return { src: register, offset, reloc };
    }
    return { src: this.register(base), offset, reloc };
  }

  /** The destination fields of an access. */
  target(base: Value, offset: number, reloc?: MachineInsn["reloc"]): Partial<MachineInsn> {
    const { src, ...rest } = this.address(base, offset, reloc);
    return { dst: src!, ...rest };
  }
}

/**
 * A register and a constant, added for nothing but arguments of calls: two instructions each time, as many
 * as a register kept for the sum would take, which calls make scarce.
 */
function argumentSums(fn: IrFunction): Set<Value> {
  const sums = new Set<Value>();
  for (const block of fn.blocks) for (const value of block.body) if (isSum(value)) sums.add(value);
  if (sums.size === 0) return sums;
  for (const block of fn.blocks) {
    for (const phi of block.phis) for (const argument of phi.args) sums.delete(argument);
    for (const value of block.body) {
      if (value.op !== "call") for (const argument of value.args) sums.delete(argument);
    }
    for (const argument of block.terminator!.args) sums.delete(argument);
  }
  return sums;
}

function isSum(value: Value): boolean {
  if (value.op !== "add" || value.type === "i32" || isFree(value)) return false;
  const [base, distance] = pair(value.args);
  if (distance.op !== "const" || isFree(base)) return false;
  return BigInt.asIntN(32, distance.value) === distance.value;
}

/** A leaf, or the address of a place in a stack slot. */
export type FreeValue = Exclude<Leaf, { readonly op: "param" }> | (Instruction & { readonly op: "add" });

/** Values that are made anew at each use, in one or two instructions. Parameters live in a register. */
export function isFree(value: Value): value is FreeValue {
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
