import { ElfFile, isElf } from "../elf/index.ts";
import { Btf } from "./btf.ts";
import { BtfError } from "./error.ts";
import { readSections } from "./sections.ts";

/**
 * Reads a raw BTF blob; `base` is what a module's split BTF continues.
 *
 * @example
 * ```ts
 * import { parseBtf, readObject } from "bpfkit";
 *
 * const { btf } = readObject("events.bpf.o");
 * const types = parseBtf(btf!);
 * console.log(types.members(types.findByName("event")!).map(({ name }) => name));
 * // prints [ 'pid', 'kind', 'when', 'comm' ]
 * ```
 */
export function parseBtf(bytes: Uint8Array, base?: Btf): Btf {
  return new Btf(readSections(bytes), base);
}

/**
 * Reads a file that is raw BTF, or ELF with a `.BTF` section (a vmlinux, a BPF object, a kernel module).
 *
 * @example
 * ```ts
 * import { readFileSync } from "node:fs";
 * import { btfFromFile } from "bpfkit";
 *
 * const types = btfFromFile(readFileSync("events.bpf.o"));
 * console.log(types.findByName("event") !== undefined);
 * // prints true
 * ```
 */
export function btfFromFile(bytes: Uint8Array, base?: Btf): Btf {
  if (!isElf(bytes)) return parseBtf(bytes, base);
  const elf = new ElfFile(bytes);
  const section = elf.section(".BTF");
  if (!section)
    throw new BtfError("btf/not-btf", "The ELF file has no .BTF section", [
      "Compile with -g (clang -target bpf), or add BTF with pahole -J",
    ]);
  return parseBtf(elf.data(section), base);
}
