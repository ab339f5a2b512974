/** The same numbers for the same seed, on every machine (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  u32(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }

  below(limit: number): number {
    return this.u32() % limit;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** Numbers near the edges of their widths more often than others. */
  imm(): number {
    const edges = [0, 1, -1, 2, 0x7f, -0x80, 0xffff, 0x7fffffff, -0x80000000];
    return this.below(2) === 0 ? this.pick(edges) : this.u32() | 0;
  }
}
