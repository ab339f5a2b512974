import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { ElfError, ElfFile, SymbolType, symbolVersions, type ElfSymbol } from "../elf/index.ts";
import { AttachError } from "./attach-error.ts";
import { nearestHint } from "./nearest.ts";
import { wildcard } from "./wildcard.ts";

const LIBRARY_FOLDERS: Readonly<Record<string, readonly string[]>> = {
  x64: ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"],
  arm64: ["/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu"],
};

/**
 * The file that a name without a slash means: libraries in the loader's folders, programs on PATH.
 * @throws AttachError
 */
export function findUserFile(name: string): string {
  if (name.includes("/")) return name;
  const isLibrary = /\.so(\.|$)/.test(name);
  const folders = isLibrary
    ? [
        ...splitPath("LD_LIBRARY_PATH"),
        "/usr/lib64",
        "/usr/lib",
        ...(LIBRARY_FOLDERS[process.arch] ?? []),
        "/lib64",
        "/lib",
      ]
    : [...splitPath("PATH"), "/usr/bin", "/usr/sbin"];
  const found = folders
    .map((folder) => join(folder, name))
    .find((path) => mayAccess(path, isLibrary ? constants.R_OK : constants.X_OK));
  if (found !== undefined) return found;
  throw new AttachError(name, `there is no such ${isLibrary ? "library" : "program"}`, {
    code: "unknown",
    hints: [`Looked in ${[...new Set(folders)].join(", ")}: give the file's whole path`],
  });
}

function splitPath(variable: string): string[] {
  return (process.env[variable] ?? "").split(delimiter).filter((folder) => folder !== "");
}

function mayAccess(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** Functions of a program or library and where they are in the file. */
export class UserFile {
  readonly path: string;
  readonly elf: ElfFile;
  readonly #target: string;
  #functions: readonly ElfSymbol[] | undefined;

  /** `target`: what is being attached to, for messages. @throws AttachError */
  constructor(target: string, path: string) {
    this.#target = target;
    this.path = path;
    try {
      // Reading a pipe would wait for ever.
      if (!statSync(path).isFile()) throw new Error(`${path} is no file`);
      this.elf = new ElfFile(readFileSync(path));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new AttachError(target, reason, {
        code: "unknown",
        hints: [
          cause instanceof ElfError
            ? `${path} must be an ELF file, not a script or an archive`
            : "Give the path of the program or library",
        ],
        cause,
      });
    }
  }

  /** Offset of a function's code; `name@VERSION` chooses between versions. */
  offset(name: string): number {
    const found = name.includes("@") ? this.#versioned(name) : best(this.#named(name));
    const at = found && this.elf.fileOffset(found.value);
    if (at !== undefined) return at;
    const known = this.functions();
    throw new AttachError(this.#target, `${this.path} has no function ${name}`, {
      code: "unknown",
      hints:
        known.length === 0
          ? ["The file is stripped: install its debug symbols, or give the address of the code"]
          : nearestHint(name, new Set(known.map((symbol) => symbol.name))),
    });
  }

  /** Offsets of all functions whose name matches, each once. */
  offsets(pattern: string): number[] {
    const matches = wildcard(pattern);
    const offsets = this.functions()
      .filter(({ name }) => matches(name))
      .flatMap(({ value }) => this.elf.fileOffset(value) ?? []);
    if (offsets.length > 0) return [...new Set(offsets)];
    throw new AttachError(this.#target, `no function of ${this.path} matches ${pattern}`, {
      code: "unknown",
    });
  }

  functions(): readonly ElfSymbol[] {
    return (this.#functions ??= [".symtab", ".dynsym"].flatMap((table) => this.#table(table)));
  }

  #named(name: string): ElfSymbol[] {
    return this.functions().filter((symbol) => symbol.name === name);
  }

  #table(name: string): ElfSymbol[] {
    const section = this.elf.section(name);
    return section ? this.elf.symbols(section).filter(isFunction) : [];
  }

  /** `name@VERSION` or, only for the default version, `name@@VERSION`. */
  #versioned(text: string): ElfSymbol | undefined {
    const [, name, marks, version] = /^([^@]*)(@@?)(.*)$/.exec(text) ?? [];
    const section = this.elf.section(".dynsym");
    if (name === undefined || !section) return undefined;
    const versions = symbolVersions(this.elf);
    return this.elf.symbols(section).find((symbol, index) => {
      const own = versions.get(index);
      return (
        symbol.name === name &&
        isFunction(symbol) &&
        own?.name === version &&
        (marks === "@" || own?.isDefault === true)
      );
    });
  }
}

function isFunction({ type, value }: ElfSymbol): boolean {
  return (type === SymbolType.Function || type === SymbolType.GnuIfunc) && value !== 0;
}

/** Global before weak before local, as the linker would choose. */
function best(symbols: readonly ElfSymbol[]): ElfSymbol | undefined {
  const rank = [2, 0, 1];
  return symbols.toSorted((a, b) => (rank[a.binding] ?? 3) - (rank[b.binding] ?? 3))[0];
}
