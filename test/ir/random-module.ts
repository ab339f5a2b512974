import { addFunction, addIncoming, Builder, createModule } from "../../src/ir/index.ts";
import type { BinaryOp, Block, IrModule, Predicate, UnaryOp, Value, Width } from "../../src/ir/index.ts";

const BINARY: readonly BinaryOp[] = [
  "add",
  "sub",
  "mul",
  "udiv",
  "umod",
  "sdiv",
  "smod",
  "and",
  "or",
  "xor",
  "shl",
  "lshr",
  "ashr",
];
const UNARY: readonly UnaryOp[] = ["neg", "bswap16", "bswap32", "bswap64"];
const PREDICATES: readonly Predicate[] = [
  "eq",
  "ne",
  "ult",
  "ule",
  "ugt",
  "uge",
  "slt",
  "sle",
  "sgt",
  "sge",
  "set",
  "clear",
];
const CONSTANTS: readonly bigint[] = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  10n,
  31n,
  32n,
  63n,
  64n,
  255n,
  256n,
  1000n,
  65535n,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  -1n,
  -2n,
  -8n,
  -10n,
  -0x80000000n,
  0x7fffffffffffffffn,
  -0x8000000000000000n,
  0x123456789abcdefn,
];

/** Number of 8-byte words that the main function reads from its context. */
export const CONTEXT_WORDS = 4;

/**
 * A module that a list of numbers describes: `main(ctx)` mixes the context's words through arithmetic,
 * memory, branches, loops and calls to `mix`. Any list gives a valid module; a shorter list a smaller one.
 */
export function randomModule(tape: readonly number[]): IrModule {
  const module = createModule();
  new Generator(module, tape).main();
  buildMix(module);
  buildPoke(module);
  return module;
}

/** A callee that the optimiser knows nothing about, and that clobbers what calls clobber. */
function buildMix(module: IrModule): void {
  const fn = addFunction(module, { name: "mix", params: ["i64", "i64", "i64"], result: "i64" });
  const b = new Builder(fn);
  const sum = b.add(b.binary("mul", b.param(0), b.i64(31)), b.param(1));
  b.ret(b.binary("xor", sum, b.binary("lshr", b.param(2), b.i64(7))));
}

/** A callee that reads and writes memory that it is given. */
function buildPoke(module: IrModule): void {
  const fn = addFunction(module, { name: "poke", params: ["ptr", "i64"], result: "i64" });
  const b = new Builder(fn);
  const old = b.load("i64", 8, b.param(0), { offset: 8 });
  b.store(8, b.param(0), b.add(old, b.param(1)), { offset: 16 });
  b.ret(old);
}

class Generator {
  readonly #b: Builder;
  readonly #tape: readonly number[];
  #at = 0;
  #wide: Value[] = [];
  #narrow: Value[] = [];
  readonly #slots: Value[] = [];
  #calls = 0;

  constructor(module: IrModule, tape: readonly number[]) {
    this.#tape = tape;
    this.#b = new Builder(addFunction(module, { name: "main", params: ["ptr"], result: "i64" }));
  }

  main(): void {
    const b = this.#b;
    for (let index = 0; index < CONTEXT_WORDS; index++) {
      this.#wide.push(b.load("i64", 8, b.param(0), { offset: 8 * index }));
    }
    this.#narrow.push(b.convert("trunc", this.#wide[0]!), b.convert("trunc", this.#wide[1]!));
    for (let index = 0; index < 2; index++) {
      const slot = b.alloca(32, 8, `slot${index}`);
      b.fill(slot, 32, 8);
      this.#slots.push(slot);
    }
    while (this.#at < this.#tape.length) this.#statement(0);
    let result: Value = b.i64(0);
    const all = [
      ...this.#wide.slice(-4),
      ...this.#narrow.slice(-3).map((value) => b.convert("zext32", value)),
    ];
    for (const value of all) result = b.binary("xor", b.mul(result, b.i64(0x01000193)), value);
    for (const slot of this.#slots) {
      for (const offset of [0, 8, 16, 24]) result = b.add(result, b.load("i64", 8, slot, { offset }));
    }
    b.ret(b.binary("xor", result, b.binary("lshr", result, b.i64(32))));
  }

  #next(limit: number): number {
    return (this.#tape[this.#at++] ?? 0) % limit;
  }

  #pick<T>(list: readonly T[]): T {
    return list[list.length - 1 - this.#next(list.length)]!;
  }

  #operand(wide: boolean): Value {
    if (this.#next(4) === 0) {
      const value = this.#pick(CONSTANTS);
      return wide ? this.#b.i64(value) : this.#b.i32(value);
    }
    return this.#pick(wide ? this.#wide : this.#narrow);
  }

  #keep(value: Value): void {
    (value.type === "i32" ? this.#narrow : this.#wide).push(value);
  }

  #statement(depth: number): void {
    const b = this.#b;
    const wide = this.#next(2) === 0;
    switch (this.#next(18)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return this.#keep(b.binary(this.#pick(BINARY), this.#operand(wide), this.#operand(wide)));
      case 4: {
        const op = this.#pick(wide ? UNARY : UNARY.slice(0, 3));
        return this.#keep(b.unary(op, this.#operand(wide)));
      }
      case 5: {
        const op = this.#pick(["zext8", "zext16", "sext8", "sext16"] as const);
        return this.#keep(b.convert(op, this.#operand(wide)));
      }
      case 6:
        if (wide)
          return this.#keep(b.convert(this.#pick(["zext32", "sext32"] as const), this.#operand(false)));
        return this.#keep(b.convert("trunc", this.#operand(true)));
      case 7:
        return this.#keep(b.compare(this.#pick(PREDICATES), this.#operand(wide), this.#operand(wide)));
      case 8: {
        const condition = b.compare(this.#pick(PREDICATES), this.#operand(wide), this.#operand(wide));
        return this.#keep(b.select(condition, this.#operand(wide), this.#operand(wide)));
      }
      case 9: {
        const width = this.#pick([1, 2, 4, 8] as const satisfies readonly Width[]);
        const offset = this.#next(32 / width) * width;
        const slot = this.#pick(this.#slots);
        return b.store(width, slot, this.#operand(wide || width === 8), { offset });
      }
      case 10: {
        const width = this.#pick([1, 2, 4, 8] as const satisfies readonly Width[]);
        const offset = this.#next(32 / width) * width;
        const type = wide || width === 8 ? "i64" : "i32";
        const signed = this.#next(2) === 1;
        return this.#keep(b.load(type, width, this.#pick(this.#slots), { offset, signed }));
      }
      case 11: {
        if (this.#calls++ > 6) return;
        const args = [this.#operand(true), this.#operand(true), this.#operand(true)];
        return this.#keep(b.call({ kind: "function", name: "mix" }, args));
      }
      case 12:
        if (depth < 3) this.#branch(depth);
        return;
      case 13:
        if (depth < 2) this.#loopOrAtomic(depth);
        return;
      case 14: {
        const [to, from] = this.#next(2) === 0 ? this.#slots : this.#slots.toReversed();
        const align = this.#pick([1, 2, 4, 8] as const);
        const size = this.#next(12) + 1;
        const place = (): number => this.#next(Math.floor((32 - size) / align) + 1) * align;
        return b.copy(to!, from!, size, align, { offset: place(), sourceOffset: place() });
      }
      case 15: {
        const align = this.#pick([1, 2, 4, 8] as const);
        const size = this.#next(20) + 1;
        const offset = this.#next(Math.floor((32 - size) / align) + 1) * align;
        return b.fill(this.#pick(this.#slots), size, align, { offset, byte: this.#pick([0, 1, 200]) });
      }
      case 16: {
        const address = this.#address();
        if (wide) return this.#keep(b.load("i64", 8, address));
        return b.store(8, address, this.#operand(true));
      }
      case 17: {
        if (this.#calls++ > 6) return;
        const effects = this.#next(2) === 0 ? {} : { reads: [0], writes: [0] };
        const args = [this.#pick(this.#slots), this.#operand(true)];
        return this.#keep(b.call({ kind: "function", name: "poke" }, args, { effects }));
      }
    }
  }

  /** Somewhere in a slot, or in one of two. */
  #address(): Value {
    const b = this.#b;
    const [first, second] = [this.#slots[0]!, this.#slots[1]!];
    const slot =
      this.#next(2) === 0 ? this.#pick(this.#slots) : b.select(this.#operand(false), first, second);
    return b.add(slot, b.binary("and", this.#operand(true), b.i64(24)));
  }

  /** What is known before stays known; what the ways make meets in phis. */
  #branch(depth: number): void {
    const b = this.#b;
    const wide = this.#next(2) === 0;
    const count = this.#next(3) + 1;
    const ways = this.#next(4) === 0 ? 3 : 2;
    const blocks: Block[] = Array.from({ length: ways }, () => b.block());
    const join = b.block();
    const [left, right] = [this.#operand(wide), this.#operand(wide)];
    if (ways === 2) b.branchIf(this.#pick(PREDICATES), left, right, blocks[0]!, blocks[1]!);
    else {
      const cases = [
        { value: 3n, target: blocks[0]! },
        { value: -1n, target: blocks[1]! },
        { value: 10n, target: blocks[0]! },
      ];
      b.switch(left, cases, blocks[2]!);
    }
    const [before, beforeNarrow] = [this.#wide, this.#narrow];
    const ends: { block: Block; wide: Value; narrow: Value }[] = [];
    for (const block of blocks) {
      b.at(block);
      this.#wide = [...before];
      this.#narrow = [...beforeNarrow];
      for (let index = 0; index < count; index++) this.#statement(depth + 1);
      ends.push({ block: b.current, wide: this.#pick(this.#wide), narrow: this.#pick(this.#narrow) });
      b.br(join);
    }
    [this.#wide, this.#narrow] = [before, beforeNarrow];
    b.at(join);
    this.#keep(
      b.phi(
        "i64",
        ends.map((end) => [end.block, end.wide] as const),
      ),
    );
    this.#keep(
      b.phi(
        "i32",
        ends.map((end) => [end.block, end.narrow] as const),
      ),
    );
  }

  #loopOrAtomic(depth: number): void {
    const b = this.#b;
    if (this.#next(2) === 0) {
      const operation = this.#pick(["add", "and", "or", "xor", "xchg", "cmpxchg"] as const);
      const width = this.#pick([4, 8] as const);
      const type = width === 4 ? "i32" : "i64";
      const offset = this.#next(32 / width) * width;
      const expected = operation === "cmpxchg" ? { expected: this.#operand(width === 8) } : {};
      const operand = this.#operand(width === 8);
      this.#keep(b.atomic(type, operation, width, this.#pick(this.#slots), operand, { offset, ...expected }));
      return;
    }
    const before = b.current;
    const start = this.#pick(this.#wide);
    const [header, body, done] = [b.block("header"), b.block("body"), b.block("done")];
    b.br(header);
    b.at(header);
    const counter = b.phi("i64", [[before, b.i64(0)]]);
    const carried = b.phi("i64", [[before, start]]);
    const other = b.phi("i64", [[before, this.#pick(this.#wide)]]);
    b.branchIf("ult", counter, b.i64(this.#next(4) + 1), body, done);
    b.at(body);
    const [wide, narrow] = [this.#wide, this.#narrow];
    this.#wide = [...wide, counter, carried, other];
    this.#narrow = [...narrow];
    for (let index = this.#next(3); index >= 0; index--) this.#statement(depth + 1);
    addIncoming(carried, b.current, this.#next(2) === 0 ? other : this.#pick(this.#wide));
    addIncoming(other, b.current, this.#next(2) === 0 ? carried : this.#pick(this.#wide));
    addIncoming(counter, b.current, b.add(counter, b.i64(1)));
    b.br(header);
    b.at(done);
    this.#wide = [...wide, other, carried];
    this.#narrow = narrow;
  }
}
