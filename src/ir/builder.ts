import type {
  AtomicOp,
  BinaryOp,
  Block,
  Callee,
  CallEffects,
  ConvertOp,
  Instruction,
  IrFunction,
  IrModule,
  Leaf,
  LoadTimeNumber,
  Phi,
  Predicate,
  ResultType,
  SourcePosition,
  UnaryOp,
  Value,
  ValueType,
  Width,
} from "./node.ts";

export function createModule(): IrModule {
  return { functions: [] };
}

export interface FunctionOptions {
  readonly name: string;
  readonly params: readonly ValueType[];
  readonly result: ResultType;
  /** BTF type id of the FUNC. */
  readonly typeId?: number;
  readonly position?: SourcePosition;
}

/** Adds a function without blocks; the first block that a builder makes is its entry. */
export function addFunction(module: IrModule, options: FunctionOptions): IrFunction {
  const params: Leaf[] = options.params.map((type, index) => ({
    op: "param",
    id: index,
    type,
    args: [],
    position: undefined,
    index,
  }));
  const fn: IrFunction = {
    name: options.name,
    params,
    result: options.result,
    blocks: [],
    typeId: options.typeId,
    position: options.position,
    nextValueId: params.length,
    nextBlockId: 0,
    leaves: new Map(),
  };
  module.functions.push(fn);
  return fn;
}

/** A leaf without the fields that the function gives it. */
type LeafFields<L = Leaf> = L extends Leaf ? Omit<L, "id" | "args" | "position"> : never;
type InstructionFields<I = Instruction> = I extends Instruction ? Omit<I, "id"> : never;

/** The one node of a constant or reference: asked for again, it is the same. */
export function internLeaf(fn: IrFunction, key: string, fields: LeafFields): Leaf {
  let leaf = fn.leaves.get(key);
  if (leaf === undefined) {
    leaf = { ...fields, id: fn.nextValueId++, args: [], position: undefined };
    fn.leaves.set(key, leaf);
  }
  return leaf;
}

/** `value` is taken modulo the type's width. */
export function constant(fn: IrFunction, type: ValueType, value: bigint | number): Leaf {
  const wrapped = BigInt.asIntN(type === "i32" ? 32 : 64, BigInt(value));
  return internLeaf(fn, `${type} ${wrapped}`, { op: "const", type, value: wrapped });
}

/** A new instruction that is in no block yet. */
export function newInstruction(fn: IrFunction, fields: InstructionFields): Instruction {
  return { ...fields, id: fn.nextValueId++ };
}

export function newPhi(fn: IrFunction, type: ValueType, position?: SourcePosition): Phi {
  return { op: "phi", id: fn.nextValueId++, type, args: [], incoming: [], position };
}

export function newBlock(fn: IrFunction, name?: string): Block {
  return { id: fn.nextBlockId++, name, phis: [], body: [], terminator: undefined };
}

export interface CallOptions {
  readonly type?: ResultType;
  readonly effects?: CallEffects;
}

export interface AccessOptions {
  /** Bytes from the base, constant. */
  readonly offset?: number;
  /** Added to the offset at load. */
  readonly reloc?: LoadTimeNumber;
}

/**
 * Writes one function, instruction by instruction, at the end of the current block. What comes after a
 * terminator and before the next {@link Builder.at} is unreachable and goes into a block of its own.
 */
export class Builder {
  readonly fn: IrFunction;
  /** Given to every instruction made from now on. */
  position: SourcePosition | undefined;
  #block: Block;

  constructor(fn: IrFunction) {
    this.fn = fn;
    this.position = fn.position;
    this.#block = fn.blocks[0] ?? this.block("entry");
  }

  /** Where instructions go. */
  get current(): Block {
    return this.#block;
  }

  /** Whether the current block is ended, so that what follows is never reached. */
  get ended(): boolean {
    return this.#block.terminator !== undefined;
  }

  /** A new block after all others. */
  block(name?: string): Block {
    const block = newBlock(this.fn, name);
    this.fn.blocks.push(block);
    return block;
  }

  /** Go on at the end of a block. */
  at(block: Block): void {
    this.#block = block;
  }

  // Leaves.

  i32(value: bigint | number): Value {
    return constant(this.fn, "i32", value);
  }

  i64(value: bigint | number): Value {
    return constant(this.fn, "i64", value);
  }

  null(): Value {
    return constant(this.fn, "ptr", 0n);
  }

  param(index: number): Value {
    const param = this.fn.params[index];
    if (param === undefined) throw new RangeError(`${this.fn.name} has no parameter ${index}`);
    return param;
  }

  /** A new stack slot; slots whose lives do not overlap share memory. */
  alloca(size: number, align: number, name?: string): Value {
    const key = `alloca ${this.fn.nextValueId}`;
    return internLeaf(this.fn, key, { op: "alloca", type: "ptr", size, align, name });
  }

  mapRef(map: string): Value {
    return internLeaf(this.fn, `map ${map}`, { op: "mapRef", type: "ptr", map });
  }

  mapValue(map: string, offset: number): Value {
    return internLeaf(this.fn, `value ${map} ${offset}`, { op: "mapValue", type: "ptr", map, offset });
  }

  functionRef(name: string): Value {
    return internLeaf(this.fn, `function ${name}`, { op: "functionRef", type: "ptr", name });
  }

  /** A number from the running kernel; added to a pointer, it costs one instruction in all. */
  loadTime(number: LoadTimeNumber): Value {
    return internLeaf(this.fn, JSON.stringify(number), { op: "loadTime", type: "i64", number });
  }

  /** A kernel symbol's address. */
  ksym(name: string, options: { typed?: boolean; weak?: boolean } = {}): Value {
    const { typed = false, weak = false } = options;
    const type = typed ? "ptr" : "i64";
    return internLeaf(this.fn, `ksym ${name} ${typed}`, { op: "ksym", type, name, typed, weak });
  }

  // Arithmetic.

  binary(op: BinaryOp, left: Value, right: Value): Value {
    const type = op === "sub" && right.type === "ptr" ? "i64" : valueType(left);
    return this.#emit({ op, type, args: [left, right], position: this.position });
  }

  add(left: Value, right: Value): Value {
    return this.binary("add", left, right);
  }

  sub(left: Value, right: Value): Value {
    return this.binary("sub", left, right);
  }

  mul(left: Value, right: Value): Value {
    return this.binary("mul", left, right);
  }

  unary(op: UnaryOp, value: Value): Value {
    return this.#emit({ op, type: valueType(value), args: [value], position: this.position });
  }

  convert(op: ConvertOp, value: Value): Value {
    const type = op === "trunc" ? "i32" : op === "zext32" || op === "sext32" ? "i64" : valueType(value);
    return this.#emit({ op, type, args: [value], position: this.position });
  }

  /** i32: 1 or 0. */
  compare(predicate: Predicate, left: Value, right: Value): Value {
    const args = [left, right];
    return this.#emit({ op: "compare", type: "i32", predicate, args, position: this.position });
  }

  select(condition: Value, then: Value, otherwise: Value): Value {
    const args = [condition, then, otherwise];
    return this.#emit({ op: "select", type: valueType(then), args, position: this.position });
  }

  // Memory.

  load(
    type: ValueType,
    width: Width,
    base: Value,
    options: AccessOptions & { readonly signed?: boolean } = {},
  ): Value {
    const { offset = 0, reloc, signed = false } = options;
    const fields = { op: "load", type, width, signed, offset, reloc, args: [base] } as const;
    return this.#emit({ ...fields, args: [base], position: this.position });
  }

  store(width: Width, base: Value, value: Value, options: AccessOptions = {}): void {
    const { offset = 0, reloc } = options;
    const args = [base, value];
    this.#emit({ op: "store", type: "void", width, offset, reloc, args, position: this.position });
  }

  /** Copies `size` bytes; `align` is what both addresses (with their offsets) are multiples of. */
  copy(
    destination: Value,
    source: Value,
    size: number,
    align: number,
    options: { readonly offset?: number; readonly sourceOffset?: number } = {},
  ): void {
    const { offset = 0, sourceOffset = 0 } = options;
    const args = [destination, source];
    const position = this.position;
    this.#emit({ op: "copy", type: "void", size, align, offset, sourceOffset, args, position });
  }

  fill(
    destination: Value,
    size: number,
    align: number,
    options: { readonly offset?: number; readonly byte?: number } = {},
  ): void {
    const { offset = 0, byte = 0 } = options;
    const args = [destination];
    this.#emit({ op: "fill", type: "void", size, align, offset, byte, args, position: this.position });
  }

  /** `type` void: the old value is not wanted. `expected` is for cmpxchg. */
  atomic(
    type: ResultType,
    operation: AtomicOp,
    width: 4 | 8,
    base: Value,
    value: Value,
    options: { readonly offset?: number; readonly expected?: Value } = {},
  ): Value {
    const { offset = 0, expected } = options;
    const args = expected === undefined ? [base, value] : [base, value, expected];
    const position = this.position;
    return this.#emit({ op: "atomic", type, operation, width, offset, reloc: undefined, args, position });
  }

  // Calls.

  call(callee: Callee, args: readonly Value[], options: CallOptions = {}): Value {
    const { type = "i64", effects = {} } = options;
    return this.#emit({ op: "call", type, callee, effects, args: [...args], position: this.position });
  }

  /** `id` is BPF_FUNC_*; its result is an i64 unless told. */
  helper(id: number, name: string, args: readonly Value[], options: CallOptions = {}): Value {
    return this.call({ kind: "helper", id, name }, args, options);
  }

  // Control.

  phi(type: ValueType, incoming: readonly (readonly [Block, Value])[] = []): Phi {
    const phi = newPhi(this.fn, type, this.position);
    for (const [block, value] of incoming) addIncoming(phi, block, value);
    this.#block.phis.push(phi);
    return phi;
  }

  br(target: Block): void {
    this.#end({ op: "br", args: [], target, position: this.position });
  }

  /** Compare and branch. */
  branchIf(
    predicate: Predicate,
    left: Value,
    right: Value,
    whenTrue: Block,
    whenFalse: Block,
    options: { readonly likely?: boolean } = {},
  ): void {
    if (whenTrue === whenFalse) return this.br(whenTrue);
    const { likely } = options;
    const args = [left, right];
    this.#end({ op: "condBr", predicate, args, whenTrue, whenFalse, likely, position: this.position });
  }

  /** Branch on a value that is not zero. */
  condBr(
    condition: Value,
    whenTrue: Block,
    whenFalse: Block,
    options: { readonly likely?: boolean } = {},
  ): void {
    const zero = constant(this.fn, valueType(condition), 0n);
    this.branchIf("ne", condition, zero, whenTrue, whenFalse, options);
  }

  switch(
    value: Value,
    cases: readonly { readonly value: bigint; readonly target: Block }[],
    otherwise: Block,
  ): void {
    this.#end({ op: "switch", args: [value], cases: [...cases], otherwise, position: this.position });
  }

  ret(value?: Value): void {
    this.#end({ op: "ret", args: value === undefined ? [] : [value], position: this.position });
  }

  unreachable(): void {
    this.#end({ op: "unreachable", args: [], position: this.position });
  }

  #end(terminator: NonNullable<Block["terminator"]>): void {
    this.#open().terminator = terminator;
  }

  #emit(fields: InstructionFields): Instruction {
    const instruction = newInstruction(this.fn, fields);
    this.#open().body.push(instruction);
    return instruction;
  }

  #open(): Block {
    if (this.ended) this.#block = this.block("dead");
    return this.#block;
  }
}

export function addIncoming(phi: Phi, block: Block, value: Value): void {
  phi.incoming.push(block);
  phi.args.push(value);
}

function valueType(value: Value): ValueType {
  if (value.type === "void") throw new TypeError(`%${value.id} (${value.op}) has no value`);
  return value.type;
}
