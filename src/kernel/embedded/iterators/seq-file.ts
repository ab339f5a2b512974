/** Bytes that programs write, between two reads (struct seq_file, fs/seq_file.c). */
export class SeqFile {
  /** In memory: what programs hold as it. */
  readonly address: number;
  readonly #buffer = new Uint8Array(SIZE);
  #from = 0;
  #count = 0;

  constructor(address: number) {
    this.address = address;
  }

  /** Bytes that wait to be read. */
  get count(): number {
    return this.#count;
  }

  /** Something did not fit. */
  get overflowed(): boolean {
    return this.#count === SIZE;
  }

  /** False, and nothing more fits, where these bytes do not. */
  write(bytes: Uint8Array): boolean {
    if (this.#count + bytes.length >= SIZE) {
      this.#count = SIZE;
      return false;
    }
    this.#buffer.set(bytes, this.#count);
    this.#count += bytes.length;
    return true;
  }

  /** Begins anew, or goes back to how much there was. */
  reset(count = 0): void {
    if (count === 0) this.#from = 0;
    this.#count = count;
  }

  /** Moves to `out` what fits. */
  take(out: Uint8Array): number {
    const size = Math.min(this.#count, out.length);
    out.set(this.#buffer.subarray(this.#from, this.#from + size));
    this.#from += size;
    this.#count -= size;
    return size;
  }
}

/** PAGE_SIZE << 3 (bpf_seq_read in kernel/bpf/bpf_iter.c). */
const SIZE = 4096 << 3;
