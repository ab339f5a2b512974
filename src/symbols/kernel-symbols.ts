import type { ResolvedSymbol } from "./symbol-table.ts";

const NEWLINE = 10;
/** Letters of nm(1) for functions: t and T; weak ones w and W. Data symbols never hold a traced address. */
const FUNCTIONS = new Set(["t", "T", "w", "W"].map((letter) => letter.charCodeAt(0)));
/** Address (16 hex digits), blank, type letter, blank. */
const NAME_AT = 19;

/**
 * /proc/kallsyms as an index over its bytes: lines sorted by address, names read only when asked for
 * (some 200,000 symbols, of which a run shows a few dozen).
 */
export class KernelSymbols {
  readonly #bytes: Uint8Array;
  /** Offset of each function's line, by ascending address. */
  readonly #lines: Uint32Array;
  readonly #addresses: BigUint64Array;

  constructor(kallsyms: Uint8Array) {
    this.#bytes = kallsyms;
    const found: { readonly line: number; readonly address: bigint }[] = [];
    let line = 0;
    while (line < kallsyms.length) {
      const newline = kallsyms.indexOf(NEWLINE, line);
      const end = newline < 0 ? kallsyms.length : newline;
      if (end - line > NAME_AT && FUNCTIONS.has(kallsyms[line + 17]!)) {
        const address = hexAddress(kallsyms, line);
        // All zero: the reader may not see addresses (kptr_restrict).
        if (address !== undefined && address !== 0n) found.push({ line, address });
      }
      line = end + 1;
    }
    found.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.line - b.line));
    this.#lines = Uint32Array.from(found, (entry) => entry.line);
    this.#addresses = BigUint64Array.from(found, (entry) => entry.address);
  }

  resolve(address: bigint): ResolvedSymbol | undefined {
    let low = 0;
    let high = this.#addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#addresses[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    let index = low - 1;
    if (index < 0) return undefined;
    // Of aliases at one address the first in the file is the one that people know.
    while (index > 0 && this.#addresses[index - 1] === this.#addresses[index]) index--;
    const offset = address - this.#addresses[index]!;
    // Kernel functions are far smaller; beyond this the address is in no known function.
    if (offset > 0x10_0000n) return undefined;
    return { ...this.#describe(this.#lines[index]!), offset: Number(offset) };
  }

  #describe(line: number): { name: string; module?: string } {
    const newline = this.#bytes.indexOf(NEWLINE, line);
    const text = Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength).toString(
      "latin1",
      line + NAME_AT,
      newline < 0 ? this.#bytes.length : newline,
    );
    const [name = "", module] = text.split("\t");
    return module === undefined ? { name } : { name, module: module.replace(/^\[|\]$/g, "") };
  }
}

/** 16 hex digits as one number; undefined on anything else. */
function hexAddress(bytes: Uint8Array, at: number): bigint | undefined {
  const high = hexWord(bytes, at);
  const low = hexWord(bytes, at + 8);
  return high < 0 || low < 0 ? undefined : (BigInt(high) << 32n) | BigInt(low);
}

function hexWord(bytes: Uint8Array, at: number): number {
  let word = 0;
  for (let index = at; index < at + 8; index++) {
    const byte = bytes[index]!;
    const digit = byte >= 97 && byte <= 102 ? byte - 87 : byte - 48;
    if (digit < 0 || digit > 15) return -1;
    word = word * 16 + digit;
  }
  return word;
}
