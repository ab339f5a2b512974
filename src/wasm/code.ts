import { ByteWriter } from "../util/index.ts";
import { INDEXED, MEMORY, PLAIN, VALUE_TYPE } from "./instructions.ts";
import type { MemoryName, PlainName, ValueType } from "./instructions.ts";

/** Writes unsigned LEB128; `value` is a u32. */
export function writeUnsigned(bytes: ByteWriter, value: number): void {
  let rest = value;
  while (rest > 0x7f) {
    bytes.u8((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.u8(rest);
}

/** Writes signed LEB128 of a 64-bit value in two signed halves, without a bigint. */
function writeSigned(bytes: ByteWriter, lowHalf: number, highHalf: number): void {
  let low = lowHalf;
  let high = highHalf;
  for (;;) {
    const group = low & 0x7f;
    low = (low >>> 7) | (high << 25);
    high >>= 7;
    const negative = (group & 0x40) !== 0;
    if (high === (negative ? -1 : 0) && low === (negative ? -1 : 0)) {
      bytes.u8(group);
      return;
    }
    bytes.u8(group | 0x80);
  }
}

/** The body of a function as it is written; every method appends one instruction. */
export class Code {
  readonly #bytes: ByteWriter = new ByteWriter(512);

  op(name: PlainName): this {
    for (const byte of PLAIN[name]) this.#bytes.u8(byte);
    return this;
  }

  i32(value: number): this {
    this.#bytes.u8(INDEXED["i32.const"]);
    writeSigned(this.#bytes, value | 0, value >> 31);
    return this;
  }

  /** An i64 constant from its halves; by default the low one is sign-extended. */
  i64(low: number, high: number = low >> 31): this {
    this.#bytes.u8(INDEXED["i64.const"]);
    writeSigned(this.#bytes, low | 0, high | 0);
    return this;
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
    this.#bytes.u8(MEMORY[name]).u8(0);
    writeUnsigned(this.#bytes, offset);
    return this;
  }

  block(): this {
    this.#bytes.u8(INDEXED.block).u8(0x40);
    return this;
  }

  loop(): this {
    this.#bytes.u8(INDEXED.loop).u8(0x40);
    return this;
  }

  if(result?: ValueType): this {
    this.#bytes.u8(INDEXED.if).u8(result ? VALUE_TYPE[result] : 0x40);
    return this;
  }

  br(depth: number): this {
    return this.#indexed("br", depth);
  }

  brIf(depth: number): this {
    return this.#indexed("br_if", depth);
  }

  brTable(depths: readonly number[], fallback: number): this {
    this.#indexed("br_table", depths.length);
    for (const depth of depths) writeUnsigned(this.#bytes, depth);
    writeUnsigned(this.#bytes, fallback);
    return this;
  }

  call(functionIndex: number): this {
    return this.#indexed("call", functionIndex);
  }

  callIndirect(typeIndex: number): this {
    this.#indexed("call_indirect", typeIndex);
    this.#bytes.u8(0);
    return this;
  }

  finish(): Uint8Array {
    return this.#bytes.finish();
  }

  #indexed(name: keyof typeof INDEXED, index: number): this {
    this.#bytes.u8(INDEXED[name]);
    writeUnsigned(this.#bytes, index);
    return this;
  }
}
