import { readFileSync } from "node:fs";
import type { StaticProbe, UserPlace } from "../bpftrace/index.ts";
import {
  ElfError,
  ElfFile,
  ElfType,
  SymbolType,
  usdtArguments,
  usdtNotes,
  type ElfSymbol,
} from "../elf/index.ts";

interface UserFile {
  readonly elf: ElfFile;
  /** Those with a place in the file. */
  readonly symbols: readonly ElfSymbol[];
}

/** Symbols of executables and libraries, each file read once. */
export class UserFiles {
  readonly #files = new Map<string, UserFile | undefined>();

  /** Names of the functions; undefined when the file cannot be read. */
  functions(path: string): readonly string[] | undefined {
    const functions = this.#file(path)?.symbols.filter(({ type }) => type === SymbolType.Function);
    return functions && [...new Set(functions.map(({ name }) => name))];
  }

  place(path: string, place: string | number): UserPlace | undefined {
    const file = this.#file(path);
    if (!file) return undefined;
    const { elf, symbols } = file;
    const fixed = elf.type === ElfType.Executable;
    if (typeof place === "number") {
      const address = elf.addressOf(place);
      return address === undefined ? undefined : { address, size: 0, fixed };
    }
    const symbol = symbols.find(({ name, type }) => name === place && type !== SymbolType.ThreadLocal);
    return symbol && { address: symbol.value, size: symbol.size, fixed };
  }

  /** Places of static probes; `arch` is that of the machine. */
  staticProbes(path: string, arch: string): readonly StaticProbe[] | undefined {
    const file = this.#file(path);
    return (
      file &&
      usdtNotes(file.elf).map((note): StaticProbe => {
        const { provider, name, fileOffset, semaphoreOffset } = note;
        const distance = (symbol: string): bigint | undefined => {
          const found = file.symbols.find(
            (each) => each.name === symbol && each.type !== SymbolType.ThreadLocal,
          );
          return found && BigInt(found.value - note.address);
        };
        return {
          provider,
          name,
          offset: fileOffset,
          arguments: usdtArguments(note.arguments, arch, distance) ?? note.arguments,
          ...(semaphoreOffset !== undefined && { counterOffset: semaphoreOffset }),
        };
      })
    );
  }

  #file(path: string): UserFile | undefined {
    if (!this.#files.has(path)) this.#files.set(path, readFile(path));
    return this.#files.get(path);
  }
}

function readFile(path: string): UserFile | undefined {
  try {
    const elf = new ElfFile(readFileSync(path));
    const symbols = [".symtab", ".dynsym"]
      .flatMap((name) => elf.section(name) ?? [])
      .flatMap((table) => elf.symbols(table))
      .filter(({ value, section }) => value !== 0 && section !== 0);
    return { elf, symbols };
  } catch (error) {
    if (error instanceof ElfError || isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}
