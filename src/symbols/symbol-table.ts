/** A symbol that holds an address. */
export interface ResolvedSymbol {
  readonly name: string;
  /** Bytes from the symbol's start. */
  readonly offset: number;
  /** Path of the file, or name of the kernel module; absent for the kernel itself. */
  readonly module?: string;
}

export interface TableSymbol {
  readonly name: string;
  readonly address: number;
  /** Bytes; 0 where unknown: it then reaches to the next one. */
  readonly size: number;
}

/** Function symbols of one file by address. */
export class SymbolTable {
  readonly #symbols: readonly TableSymbol[];

  constructor(symbols: readonly TableSymbol[]) {
    this.#symbols = symbols.toSorted((a, b) => a.address - b.address);
  }

  find(address: number): { readonly name: string; readonly offset: number } | undefined {
    let low = 0;
    let high = this.#symbols.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#symbols[middle]!.address <= address) low = middle + 1;
      else high = middle;
    }
    const symbol = this.#symbols[low - 1];
    if (!symbol) return undefined;
    const offset = address - symbol.address;
    return symbol.size === 0 || offset < symbol.size ? { name: symbol.name, offset } : undefined;
  }
}
