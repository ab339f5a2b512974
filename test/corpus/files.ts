import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { ElfFile } from "../../src/elf/index.ts";
import type { Range } from "./mutate.ts";

/** The file's headers, and the sections that tables are read from. */
export function rangesOf(bytes: Uint8Array): {
  readonly frame: readonly Range[];
  readonly tables: readonly Range[];
} {
  const elf = new ElfFile(bytes);
  const sections = { start: Math.max(0, bytes.length - elf.sections.length * 64), end: bytes.length };
  const tables = elf.sections
    .filter(({ name }) => /^\.(BTF|symtab|strtab|rel|maps|struct_ops)|^maps/.test(name))
    .map(({ offset, size }) => ({ start: offset, end: offset + size }));
  return { frame: [{ start: 0, end: 64 }, sections], tables };
}

/** A file, or the objects in a folder. */
export function filesIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => /\.(o|elf)$/.test(basename(name)))
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => join(path, name));
}
