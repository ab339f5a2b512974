import type { ByteWriter } from "../util/index.ts";
import { BULK, BULK_PREFIX, INDEXED, MEMORY, PLAIN, VALUE_TYPE } from "./instructions.ts";
import type { BulkName, MemoryName, PlainName, ValueType } from "./instructions.ts";

/** Writes unsigned LEB128; `value` is a u32. */
export function writeUnsigned(bytes: ByteWriter, value: number): void {
  let rest = value;
  while (rest > 0x7f) {
    bytes.u8((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.u8(rest);
}

/** The body of a function as it is written; every method appends one instruction. */
export class Code {
  // Written byte by byte in code that mostly runs once, before any compiler has looked at it.
  #bytes: Uint8Array = new Uint8Array(512);
  #length = 0;

  op(name: PlainName): this {
    if (this.#length === this.#bytes.length) this.#grow();
    this.#bytes[this.#length++] = PLAIN[name];
    return this;
  }

  i32(value: number): this {
    return this.#byte(INDEXED["i32.const"]).#signed(value | 0, value >> 31);
  }

  /** An i64 constant from its halves; by default the low one is sign-extended. */
  i64(low: number, high: number = low >> 31): this {
    return this.#byte(INDEXED["i64.const"]).#signed(low | 0, high | 0);
  }

  get(local: number): this {
    return this.#indexed("local.get", local);
  }

  set(local: number): this {
    return this.#indexed("local.set", local);
  }

  tee(local: number): this {
    return this.#indexed("local.tee", local);
  }

  globalGet(index: number): this {
    return this.#indexed("global.get", index);
  }

  globalSet(index: number): this {
    return this.#indexed("global.set", index);
  }

  /** A load or store; the alignment hint is left at one byte. */
  memory(name: MemoryName, offset = 0): this {
    return this.#byte(MEMORY[name]).#byte(0).#unsigned(offset);
  }

  bulk(name: BulkName): this {
    this.#byte(BULK_PREFIX).#byte(BULK[name]).#byte(0);
    return name === "memory.copy" ? this.#byte(0) : this;
  }

  block(): this {
    return this.#byte(INDEXED.block).#byte(0x40);
  }

  loop(): this {
    return this.#byte(INDEXED.loop).#byte(0x40);
  }

  if(result?: ValueType): this {
    return this.#byte(INDEXED.if).#byte(result ? VALUE_TYPE[result] : 0x40);
  }

  br(depth: number): this {
    return this.#indexed("br", depth);
  }

  brIf(depth: number): this {
    return this.#indexed("br_if", depth);
  }

  brTable(depths: readonly number[], fallback: number): this {
    this.#indexed("br_table", depths.length);
    for (const depth of depths) this.#unsigned(depth);
    return this.#unsigned(fallback);
  }

  call(functionIndex: number): this {
    return this.#indexed("call", functionIndex);
  }

  callIndirect(typeIndex: number): this {
    return this.#indexed("call_indirect", typeIndex).#byte(0);
  }

  /** Bytes so far. */
  get size(): number {
    return this.#length;
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #indexed(name: keyof typeof INDEXED, index: number): this {
    const at = this.#length;
    if (index > 0x7f || at + 2 > this.#bytes.length) return this.#byte(INDEXED[name]).#unsigned(index);
    this.#bytes[at] = INDEXED[name];
    this.#bytes[at + 1] = index;
    this.#length = at + 2;
    return this;
  }

  #byte(value: number): this {
    if (this.#length === this.#bytes.length) this.#grow();
    this.#bytes[this.#length++] = value;
    return this;
  }

  #grow(): void {
    const bytes = new Uint8Array(this.#length * 2);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }

  /** Unsigned LEB128 of a u32. */
  #unsigned(value: number): this {
    let rest = value;
    while (rest > 0x7f) {
      this.#byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    return this.#byte(rest);
  }

  /** Signed LEB128 of a 64-bit value in two signed halves, without a bigint. */
  #signed(lowHalf: number, highHalf: number): this {
    let low = lowHalf;
    let high = highHalf;
    for (;;) {
      const group = low & 0x7f;
      low = (low >>> 7) | (high << 25);
      high >>= 7;
      const negative = (group & 0x40) !== 0;
      if (high === (negative ? -1 : 0) && low === (negative ? -1 : 0)) return this.#byte(group);
      this.#byte(group | 0x80);
    }
  }
}
