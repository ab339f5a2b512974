import { readFileSync } from "node:fs";
import { BpfkitError } from "../../errors.ts";

/**
 * Reads a file of BTF, raw or in the .BTF section of an ELF file.
 * @throws BpfkitError `kernel/bad-btf-file`
 */
export function readBtfFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new BpfkitError(`Cannot read the BTF file ${path}`, { code: "kernel/bad-btf-file", cause });
  }
}
