import { readFileSync } from "node:fs";
import { ElfFile, isElf } from "../../elf/index.ts";
import { BpfkitError } from "../../errors.ts";

/**
 * Reads a file of BTF, raw or in the .BTF section of an ELF file.
 * @throws BpfkitError `kernel/bad-btf-file`, ElfError
 */
export function readBtfFile(path: string): Uint8Array {
  const bytes = readFile(path);
  if (!isElf(bytes)) return bytes;
  const elf = new ElfFile(bytes);
  const section = elf.section(".BTF");
  if (section) return elf.data(section);
  throw new BpfkitError(`The ELF file ${path} has no .BTF section`, {
    code: "kernel/bad-btf-file",
    hints: ["Take a vmlinux with BTF in it, or make it: pahole -J vmlinux (needs DWARF)"],
  });
}

function readFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BpfkitError(`Cannot read the BTF file ${path}: ${reason}`, {
      code: "kernel/bad-btf-file",
      cause,
    });
  }
}
