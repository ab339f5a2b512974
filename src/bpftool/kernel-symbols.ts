/** /proc/kallsyms by address. */
export class KernelSymbols {
  readonly #text: string;
  readonly #names = new Map<bigint, string>();
  #base: bigint | undefined;

  constructor(kallsyms: Uint8Array) {
    this.#text = Buffer.from(kallsyms).toString("latin1");
  }

  nameAt(address: bigint): string | undefined {
    const known = this.#names.get(address);
    if (known !== undefined) return known;
    const digits = address.toString(16).padStart(16, "0");
    const at = this.#text.startsWith(`${digits} `) ? 0 : this.#text.indexOf(`\n${digits} `) + 1;
    if (at === 0 && !this.#text.startsWith(`${digits} `)) return undefined;
    // `address type name[\tmodule]`
    const end = this.#text.indexOf("\n", at);
    const name = this.#text.slice(at + digits.length + 3, end < 0 ? undefined : end).split("\t")[0]!;
    this.#names.set(address, name);
    return name;
  }

  /** The function that a call's patched immediate means; undefined where addresses are hidden. */
  callee(imm: number): string | undefined {
    this.#base ??= this.#callBase();
    return this.#base === 0n ? undefined : this.nameAt(BigInt.asUintN(64, this.#base + BigInt(imm)));
  }

  #callBase(): bigint {
    const digits = /^([0-9a-f]{16}) \w __bpf_call_base$/m.exec(this.#text)?.[1];
    return digits === undefined ? 0n : BigInt(`0x${digits}`);
  }
}
