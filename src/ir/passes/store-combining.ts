import { constant, newInstruction } from "../builder.ts";
import type { Instruction, IrFunction, SourcePosition, Value, Width } from "../node.ts";
import { OPS } from "../op-table.ts";
import { alignmentFrom, alignmentOf, pieces } from "../pieces.ts";

type Store = Extract<Instruction, { readonly op: "store" | "fill" }>;

/** Joins neighbouring stores of constants into wider ones. */
export function combineStores(fn: IrFunction): void {
  for (const block of fn.blocks) {
    if (block.body.filter(isConstantStore).length < 2) continue;
    const out: Instruction[] = [];
    const run = new Run(fn);
    for (const value of block.body) {
      if (isConstantStore(value)) {
        if (!run.accepts(value)) run.flush(out);
        run.add(value);
      } else {
        if (OPS[value.op].effect !== "pure") run.flush(out);
        out.push(value);
      }
    }
    run.flush(out);
    block.body = out;
  }
}

function isConstantStore(value: Instruction): value is Store {
  if (value.op === "fill") return value.size <= 64;
  return value.op === "store" && value.reloc === undefined && value.args[1]!.op === "const";
}

function storeCount(store: Store): number {
  if (store.op === "store") return 1;
  return [...pieces(store.size, alignmentFrom(store.args[0]!, store.offset, store.align))].length;
}

/** Stores to one base with nothing but computation between them. */
class Run {
  readonly #fn: IrFunction;
  #base: Value | undefined;
  #stores: Store[] = [];
  /** What each byte will hold. */
  readonly #bytes = new Map<number, number>();

  constructor(fn: IrFunction) {
    this.#fn = fn;
  }

  accepts(store: Store): boolean {
    return this.#base === undefined || this.#base === store.args[0];
  }

  add(store: Store): void {
    this.#base = store.args[0]!;
    this.#stores.push(store);
    const size = store.op === "fill" ? store.size : store.width;
    const value = store.op === "fill" ? 0n : constantOf(store.args[1]!);
    for (let index = 0; index < size; index++) {
      const byte = store.op === "fill" ? store.byte : Number((value >> BigInt(8 * index)) & 0xffn);
      this.#bytes.set(store.offset + index, byte);
    }
  }

  /** Writes the run's stores: combined if that makes them fewer, else as they were. */
  flush(out: Instruction[]): void {
    if (this.#base !== undefined) {
      const before = this.#stores.reduce((sum, store) => sum + storeCount(store), 0);
      const combined =
        this.#stores.length < 2 ? [] : this.#combined(alignmentOf(this.#base), this.#stores[0]!.position);
      out.push(...(combined.length > 0 && combined.length < before ? combined : this.#stores));
    }
    this.#base = undefined;
    this.#stores = [];
    this.#bytes.clear();
  }

  #combined(align: number, position: SourcePosition | undefined): Instruction[] {
    const offsets = [...this.#bytes.keys()].sort((left, right) => left - right);
    const done = new Set<number>();
    const stores: Instruction[] = [];
    for (const offset of offsets) {
      if (done.has(offset)) continue;
      const width = ([8, 4, 2, 1] as const).find((size) => this.#fits(offset, size, align)) ?? 1;
      for (let index = 0; index < width; index++) done.add(offset + index);
      const number = this.#number(offset, width);
      const value = constant(this.#fn, width === 8 ? "i64" : "i32", number);
      const fields = { op: "store", type: "void", width, offset, reloc: undefined, position } as const;
      stores.push(newInstruction(this.#fn, { ...fields, args: [this.#base!, value] }));
    }
    return stores;
  }

  /** Whether one store can write these bytes: all known, aligned, and an immediate. */
  #fits(offset: number, width: Width, align: number): boolean {
    if (width > align || offset % width !== 0) return false;
    for (let index = 0; index < width; index++) if (!this.#bytes.has(offset + index)) return false;
    if (width < 8) return true;
    const value = BigInt.asIntN(64, this.#number(offset, width));
    return BigInt.asIntN(32, value) === value;
  }

  #number(offset: number, width: Width): bigint {
    let value = 0n;
    for (let index = width - 1; index >= 0; index--) {
      value = (value << 8n) | BigInt(this.#bytes.get(offset + index)!);
    }
    return value;
  }
}

function constantOf(value: Value): bigint {
  return value.op === "const" ? value.value : 0n;
}
