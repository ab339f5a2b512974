import { existsSync, readFileSync } from "node:fs";
import { array, assert, nat, property, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ElfBuilder,
  ElfError,
  ElfFile,
  ElfMachine,
  SectionFlag,
  SectionType,
  SegmentType,
  SymbolBinding,
  SymbolType,
} from "./index.ts";

function sample(): Uint8Array {
  const elf = new ElfBuilder(ElfMachine.Bpf);
  const code = elf.section({
    name: "xdp",
    type: SectionType.Progbits,
    flags: SectionFlag.Alloc | SectionFlag.Execute,
    bytes: new Uint8Array(24),
    alignment: 8,
  });
  elf.section({ name: "license", type: SectionType.Progbits, bytes: Uint8Array.of(71, 80, 76, 0) });
  const common = { visibility: 0, section: code };
  const global = elf.symbol({
    ...common,
    name: "main",
    type: SymbolType.Function,
    binding: SymbolBinding.Global,
    value: 0,
    size: 16,
  });
  elf.symbol({
    ...common,
    name: "helper",
    type: SymbolType.Function,
    binding: SymbolBinding.Local,
    value: 16,
    size: 8,
  });
  elf.relocations(code, [{ offset: 8, symbol: global, type: 10 }]);
  return elf.finish();
}

test("what was written is read back", () => {
  const elf = new ElfFile(sample());
  expect(elf.sections.map(({ name }) => name)).toEqual([
    "",
    "xdp",
    "license",
    ".relxdp",
    ".symtab",
    ".strtab",
  ]);
  const table = elf.section(".symtab")!;
  const symbols = elf.symbols(table);
  expect(symbols.map(({ name, value, size }) => [name, value, size])).toEqual([
    ["", 0, 0],
    ["helper", 16, 8],
    ["main", 0, 16],
  ]);
  // Local symbols end where sh_info says.
  expect(table.info).toBe(2);
  const [relocation] = elf.relocations(elf.section(".relxdp")!);
  expect(relocation).toEqual({ offset: 8, symbol: 2, type: 10, addend: 0 });
  expect([...elf.data(elf.section("license")!)]).toEqual([71, 80, 76, 0]);
});

describe("hostile bytes", () => {
  test("that are no ELF are refused", () => {
    expect(() => new ElfFile(new Uint8Array(100))).toThrow(ElfError);
    expect(() => new ElfFile(sample().subarray(0, 60))).toThrow(ElfError);
  });

  test("give typed errors only", () => {
    const bytes = sample();
    assert(
      property(
        array(tuple(nat(bytes.length - 1), nat(255)), { minLength: 1, maxLength: 8 }),
        nat(bytes.length),
        (changes, length) => {
          const mutated = bytes.slice();
          for (const [at, value] of changes) mutated[at] = value;
          for (const file of [mutated, mutated.subarray(0, length)]) readAll(file);
        },
      ),
      { numRuns: 300 },
    );
  });
});

function readAll(bytes: Uint8Array): void {
  try {
    const elf = new ElfFile(bytes);
    for (const section of elf.sections) {
      attempt(() => elf.data(section));
      attempt(() => elf.symbols(section));
      attempt(() => elf.relocations(section));
    }
    attempt(() => elf.notes());
    attempt(() => elf.buildId());
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
  }
}

function attempt(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
  }
}

const libc = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6"].find(
  (path) => existsSync(path),
);

test.skipIf(libc === undefined)("a shared library has symbols, segments and a build id", () => {
  const elf = new ElfFile(readFileSync(libc!));
  const table = elf.sections.find(({ type }) => type === SectionType.Dynsym)!;
  const malloc = elf.symbols(table).find(({ name }) => name === "malloc")!;
  expect(malloc.type).toBe(SymbolType.Function);
  const offset = elf.fileOffset(malloc.value)!;
  expect(elf.addressOf(offset)).toBe(malloc.value);
  expect(elf.segments.some(({ type }) => type === SegmentType.Load)).toBe(true);
  expect(elf.buildId()).toMatch(/^[0-9a-f]{40}$/);
  expect(elf.fileOffset(0x7fff_0000_0000)).toBeUndefined();
});
