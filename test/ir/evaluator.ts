import { isBinary } from "../../src/ir/op-table.ts";
import type { BinaryOp, IrFunction, IrModule, Predicate, Value } from "../../src/ir/node.ts";

/**
 * The meaning of the intermediate form, as plainly as it can be written: every value is a bigint, every
 * address a number in one flat memory. Tests compare it with what compiled code does in a kernel.
 */
export class Evaluator {
  readonly #module: IrModule;
  readonly #memory = new Map<bigint, number>();
  #nextAddress = 0x1000n;
  #steps = 0;

  constructor(module: IrModule) {
    this.#module = module;
  }

  /** Reserves memory that holds `bytes`. */
  allocate(bytes: Uint8Array): bigint {
    const address = this.#nextAddress;
    this.#nextAddress += BigInt((bytes.length + 4096) & ~15);
    bytes.forEach((byte, index) => this.#memory.set(address + BigInt(index), byte));
    return address;
  }

  /** @returns the result as an unsigned number of its width. */
  run(name: string, args: readonly bigint[]): bigint {
    const fn = this.#module.functions.find((candidate) => candidate.name === name);
    if (fn === undefined) throw new Error(`no function ${name}`);
    return this.#run(fn, args);
  }

  #run(fn: IrFunction, args: readonly bigint[]): bigint {
    const values = new Map<Value, bigint>();
    fn.params.forEach((param, index) => values.set(param, args[index]!));
    for (const leaf of fn.leaves.values()) {
      if (leaf.op === "alloca") values.set(leaf, this.allocate(new Uint8Array(leaf.size)));
    }
    const get = (value: Value): bigint => {
      if (value.op === "const") return BigInt.asUintN(bits(value), value.value);
      const found = values.get(value);
      if (found === undefined) throw new Error(`%${value.id} (${value.op}) has no value`);
      return found;
    };
    let block = fn.blocks[0]!;
    for (;;) {
      if (this.#steps++ > 100_000) throw new Error("too many steps");
      for (const value of block.body) values.set(value, this.#step(value, get));
      const terminator = block.terminator!;
      let next = block;
      switch (terminator.op) {
        case "br":
          next = terminator.target;
          break;
        case "condBr": {
          const left = terminator.args[0]!;
          const right = terminator.args[1]!;
          const holds = compare(terminator.predicate, get(left), get(right), bits(left));
          next = holds ? terminator.whenTrue : terminator.whenFalse;
          break;
        }
        case "switch": {
          const value = terminator.args[0]!;
          const here = BigInt.asIntN(bits(value), get(value));
          next = terminator.cases.find((entry) => entry.value === here)?.target ?? terminator.otherwise;
          break;
        }
        case "ret":
          return terminator.args[0] === undefined ? 0n : get(terminator.args[0]);
        case "unreachable":
          throw new Error("reached the unreachable");
      }
      const incoming = next.phis.map((phi) => get(phi.args[phi.incoming.indexOf(block)]!));
      next.phis.forEach((phi, index) => values.set(phi, incoming[index]!));
      block = next;
    }
  }

  #step(value: Value, get: (value: Value) => bigint): bigint {
    const width = bits(value);
    const wrap = (result: bigint): bigint => BigInt.asUintN(width, result);
    const args = value.args.map(get);
    const [a = 0n, b = 0n, c = 0n] = args;
    if (isBinary(value.op)) return wrap(arithmetic(value.op, a, b, width));
    switch (value.op) {
      case "neg":
        return wrap(-a);
      case "bswap16":
        return swap(a, 2);
      case "bswap32":
        return swap(a, 4);
      case "bswap64":
        return swap(a, 8);
      case "trunc":
        return BigInt.asUintN(32, a);
      case "zext32":
        return a;
      case "zext8":
        return BigInt.asUintN(8, a);
      case "zext16":
        return BigInt.asUintN(16, a);
      case "sext8":
        return wrap(BigInt.asIntN(8, a));
      case "sext16":
        return wrap(BigInt.asIntN(16, a));
      case "sext32":
        return wrap(BigInt.asIntN(32, a));
      case "compare":
        return compare(value.predicate, a, b, bits(value.args[0]!)) ? 1n : 0n;
      case "select":
        return a === 0n ? c : b;
      case "load": {
        const raw = this.read(a + BigInt(value.offset), value.width);
        return wrap(value.signed ? BigInt.asIntN(value.width * 8, raw) : raw);
      }
      case "store":
        this.write(a + BigInt(value.offset), value.width, b);
        return 0n;
      case "copy":
        for (let index = 0; index < value.size; index++) {
          const byte = this.read(b + BigInt(value.sourceOffset + index), 1);
          this.write(a + BigInt(value.offset + index), 1, byte);
        }
        return 0n;
      case "fill":
        for (let index = 0; index < value.size; index++) {
          this.write(a + BigInt(value.offset + index), 1, BigInt(value.byte));
        }
        return 0n;
      case "atomic": {
        const address = a + BigInt(value.offset);
        const old = this.read(address, value.width);
        const size = value.width * 8;
        const same = old === BigInt.asUintN(size, c);
        const fresh =
          value.operation === "xchg"
            ? b
            : value.operation === "cmpxchg"
              ? same
                ? b
                : old
              : arithmetic(value.operation, old, b, size);
        this.write(address, value.width, fresh);
        return old;
      }
      case "call":
        if (value.callee.kind !== "function") throw new Error("only functions can be evaluated");
        return this.run(value.callee.name, args);
      default:
        throw new Error(`cannot evaluate ${value.op}`);
    }
  }

  read(address: bigint, width: number): bigint {
    let value = 0n;
    for (let index = width - 1; index >= 0; index--) {
      const byte = this.#memory.get(address + BigInt(index));
      if (byte === undefined) throw new Error(`nothing at ${address}`);
      value = (value << 8n) | BigInt(byte);
    }
    return value;
  }

  write(address: bigint, width: number, value: bigint): void {
    for (let index = 0; index < width; index++) {
      this.#memory.set(address + BigInt(index), Number((value >> BigInt(8 * index)) & 0xffn));
    }
  }
}

function bits(value: Value): 32 | 64 {
  return value.type === "i32" ? 32 : 64;
}

function arithmetic(op: BinaryOp | "xchg" | "cmpxchg", a: bigint, b: bigint, width: number): bigint {
  const [signedA, signedB] = [BigInt.asIntN(width, a), BigInt.asIntN(width, b)];
  const count = b & BigInt(width - 1);
  switch (op) {
    case "add":
      return a + b;
    case "sub":
      return a - b;
    case "mul":
      return a * b;
    case "udiv":
      return b === 0n ? 0n : a / b;
    case "umod":
      return b === 0n ? a : a % b;
    case "sdiv":
      return b === 0n ? 0n : signedA / signedB;
    case "smod":
      return b === 0n ? a : signedA % signedB;
    case "and":
      return a & b;
    case "or":
      return a | b;
    case "xor":
      return a ^ b;
    case "shl":
      return a << count;
    case "lshr":
      return a >> count;
    case "ashr":
      return signedA >> count;
    default:
      return b;
  }
}

function compare(predicate: Predicate, a: bigint, b: bigint, width: number): boolean {
  const [left, right] = [BigInt.asIntN(width, a), BigInt.asIntN(width, b)];
  switch (predicate) {
    case "eq":
      return a === b;
    case "ne":
      return a !== b;
    case "ult":
      return a < b;
    case "ule":
      return a <= b;
    case "ugt":
      return a > b;
    case "uge":
      return a >= b;
    case "slt":
      return left < right;
    case "sle":
      return left <= right;
    case "sgt":
      return left > right;
    case "sge":
      return left >= right;
    case "set":
      return (a & b) !== 0n;
    case "clear":
      return (a & b) === 0n;
  }
}

function swap(value: bigint, bytes: number): bigint {
  let result = 0n;
  for (let index = 0; index < bytes; index++) {
    result = (result << 8n) | ((value >> BigInt(8 * index)) & 0xffn);
  }
  return result;
}
