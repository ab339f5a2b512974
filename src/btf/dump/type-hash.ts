import { BtfError } from "../error.ts";
import { BtfKind } from "../kind.ts";
import { HEAD, lengthOf, nameOf, onwardOf } from "./type-table.ts";
import type { TypeTable } from "./type-table.ts";

const maxDepth = 64;
const WORD = 0x1_0000_0000;
/** Bytes of names that are hashed; a kernel's types take less than a million. */
const MOST_BYTES = 1 << 28;

/** bpftool's 64-bit hashes of what types are made of, in two halves: h * 31 + v over names and parts. */
export class TypeHashes {
  readonly #table: TypeTable;
  /** By id * 2, plus 1 with members: whether it is known, and its halves. */
  #known = new Uint8Array(0);
  #highs = new Uint32Array(0);
  #lows = new Uint32Array(0);
  #bytes = 0;
  /** Of the type that was computed last. */
  high = 0;
  low = 0;

  constructor(table: TypeTable) {
    this.#table = table;
  }

  /** Leaves the hash in `high` and `low`; `members`: those of a struct's members are part of it. */
  compute(id: number, members = true, depth = 0): void {
    if (this.#known.length === 0) this.#allocate();
    const key = id * 2 + (members ? 1 : 0);
    if (this.#known[key] === 0) {
      if (depth > maxDepth) throw new BtfError("btf/loop", `BTF type ${id} leads to no end`);
      this.#make(id, members, depth);
      this.#known[key] = 1;
      this.#highs[key] = this.high;
      this.#lows[key] = this.low;
      return;
    }
    this.high = this.#highs[key]!;
    this.low = this.#lows[key]!;
  }

  /** Few headers need any hash. */
  #allocate(): void {
    const length = this.#table.count * 2;
    this.#known = new Uint8Array(length);
    this.#highs = new Uint32Array(length);
    this.#lows = new Uint32Array(length);
  }

  #make(id: number, members: boolean, depth: number): void {
    const table = this.#table;
    const { words, starts, kinds } = table;
    const kind = kinds[id]!;
    this.high = 0;
    this.low = 0;
    if (kind === BtfKind.FuncProto) return;
    this.#addName(nameOf(table, id));
    const at = starts[id]! + HEAD;
    const count = words[at - 2]! & 0xff_ffff;
    if (kind === BtfKind.Enum || kind === BtfKind.Enum64) {
      const size = kind === BtfKind.Enum ? 2 : 3;
      for (let index = 0; index < count; index++) this.#addName(words[at + index * size]!);
    } else if (kind === BtfKind.Struct || kind === BtfKind.Union) {
      const counted = members ? count : 0;
      for (let index = 0; index < counted; index++) {
        this.#addName(words[at + index * 3]!);
        this.#addType(words[at + index * 3 + 1]!, false, depth);
      }
    } else {
      if (kind === BtfKind.Array) this.#add(0, lengthOf(table, id));
      const onward = onwardOf(table, id);
      if (onward >= 0) this.#addType(onward, members, depth);
    }
  }

  #addType(id: number, members: boolean, depth: number): void {
    const { high, low } = this;
    this.compute(id, members, depth + 1);
    const { high: addedHigh, low: addedLow } = this;
    this.high = high;
    this.low = low;
    this.#add(addedHigh, addedLow);
  }

  /** An empty name adds nothing. */
  #addName(offset: number): void {
    const { strings } = this.#table;
    let byte = strings[offset]!;
    if (byte === 0) return;
    let high = 0;
    let low = 0;
    for (let at = offset; byte !== 0; byte = strings[++at]!) {
      // As `char` is signed.
      const sum = low * 31 + ((byte << 24) >> 24);
      low = sum >>> 0;
      high = (high * 31 + (sum - low) / WORD) >>> 0;
      if (++this.#bytes > MOST_BYTES) throw new BtfError("btf/too-large", "The names are without end");
    }
    this.#add(high, low);
  }

  #add(high: number, low: number): void {
    const sum = this.low * 31 + low;
    this.low = sum >>> 0;
    this.high = (this.high * 31 + high + (sum - this.low) / WORD) >>> 0;
  }
}
