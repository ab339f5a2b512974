import { ElfError, ElfFile, SegmentType, SymbolType } from "../elf/index.ts";
import type { HostFiles } from "../kernel/index.ts";
import { SymbolTable, type ResolvedSymbol } from "./symbol-table.ts";

interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  /** Offset in the file of the mapping's first byte. */
  readonly offset: number;
  readonly path: string;
}

interface Module {
  readonly elf: ElfFile;
  readonly symbols: SymbolTable;
}

/**
 * Names for addresses of processes, from /proc/PID/maps and the symbols of the files mapped there. Maps are
 * kept from the first question on, since the process may end before the last one.
 */
export class UserSymbols {
  readonly #files: HostFiles;
  readonly #mappings = new Map<number, readonly Mapping[]>();
  readonly #modules = new Map<string, Module | undefined>();

  constructor(files: HostFiles) {
    this.#files = files;
  }

  /** Remembers a process's maps as they are now. */
  remember(pid: number): void {
    const maps = this.#readMaps(pid);
    if (maps.length > 0) this.#mappings.set(pid, maps);
  }

  resolve(address: bigint, pid: number): ResolvedSymbol | undefined {
    const mapping = this.#find(address, pid);
    if (!mapping) return undefined;
    const module = this.#module(mapping.path, pid);
    if (!module) return undefined;
    const place = Number(address - mapping.start) + mapping.offset;
    const segment = module.elf.segments.find(
      ({ type, offset, fileSize }) =>
        type === SegmentType.Load && place >= offset && place < offset + fileSize,
    );
    const found = segment && module.symbols.find(place - segment.offset + segment.address);
    return found && { ...found, module: mapping.path };
  }

  #find(address: bigint, pid: number): Mapping | undefined {
    const within = (mapping: Mapping): boolean => address >= mapping.start && address < mapping.end;
    const known = this.#mappings.get(pid)?.find(within);
    if (known) return known;
    // A library may have been loaded since.
    this.remember(pid);
    return this.#mappings.get(pid)?.find(within);
  }

  #readMaps(pid: number): Mapping[] {
    const bytes = this.#files.read(`/proc/${pid}/maps`);
    if (!bytes) return [];
    return Buffer.from(bytes)
      .toString("utf8")
      .split("\n")
      .flatMap((line) => {
        const match = /^([\da-f]+)-([\da-f]+) \S+ ([\da-f]+) \S+ \d+\s+(\/.*)$/.exec(line);
        if (!match) return [];
        const [, start, end, offset, path] = match;
        return [
          {
            start: BigInt(`0x${start}`),
            end: BigInt(`0x${end}`),
            offset: Number.parseInt(offset!, 16),
            path: path!.replace(/ \(deleted\)$/, ""),
          },
        ];
      });
  }

  #module(path: string, pid: number): Module | undefined {
    if (!this.#modules.has(path)) this.#modules.set(path, this.#load(path, pid));
    return this.#modules.get(path);
  }

  /** The file as the process sees it, which may live in a container. */
  #load(path: string, pid: number): Module | undefined {
    const bytes = this.#files.read(`/proc/${pid}/root${path}`) ?? this.#files.read(path);
    if (!bytes) return undefined;
    try {
      const elf = new ElfFile(bytes);
      const table = elf.section(".symtab") ?? elf.section(".dynsym");
      const symbols = table ? elf.symbols(table) : [];
      const functions = symbols
        .filter(({ type, value }) => type === SymbolType.Function && value !== 0)
        .map(({ name, value, size }) => ({ name, address: value, size }));
      return { elf, symbols: new SymbolTable(functions) };
    } catch (error) {
      // Whatever file a process maps: without symbols its addresses stay numbers.
      if (error instanceof ElfError) return undefined;
      throw error;
    }
  }
}
