import { expect, test } from "vitest";
import { ElfBuilder, ElfMachine, SectionFlag, SectionType, SymbolBinding, SymbolType } from "../elf/index.ts";
import { callLocal, encode, exit, loadImmediate64, moveImmediate, PSEUDO } from "../isa/index.ts";
import { fromElf, relocate } from "./index.ts";

/** R_BPF_64_64 and R_BPF_64_32. */
const WIDE = 1;
const CALL = 10;

/** A program of 3 slots before a function of 5 that begins with a jump table's address, at slot 4 of .text. */
function objectWith(table: readonly number[], size: number = table.length * 8): Uint8Array {
  const elf = new ElfBuilder(ElfMachine.Bpf);
  const flags = SectionFlag.Alloc | SectionFlag.Execute;
  const local = { binding: SymbolBinding.Local, visibility: 0, value: 0 };
  const padding = [1, 2, 3, 4].map((value) => moveImmediate(0, value));
  const text = [...padding, ...loadImmediate64(1, 0), moveImmediate(0, 5), exit(), exit()];
  const main = [moveImmediate(1, 0), callLocal(-1), exit()];
  const inText = elf.section({ name: ".text", type: SectionType.Progbits, flags, bytes: encode(text) });
  const inSocket = elf.section({ name: "socket", type: SectionType.Progbits, flags, bytes: encode(main) });
  const bytes = new Uint8Array(BigUint64Array.from(table.map(BigInt)).buffer);
  const inTables = elf.section({ name: ".jumptables", type: SectionType.Progbits, bytes });
  const fn = { ...local, type: SymbolType.Function, section: inText };
  elf.symbol({ ...fn, name: "main", section: inSocket, size: 24, binding: SymbolBinding.Global });
  const callee = elf.symbol({ ...fn, name: "switches", value: 32, size: 40 });
  const symbol = elf.symbol({
    ...local,
    name: "BPF.JT.0.0",
    type: SymbolType.Object,
    section: inTables,
    size,
  });
  elf.relocations(inSocket, [{ offset: 8, symbol: callee, type: CALL }]);
  elf.relocations(inText, [{ offset: 32, symbol, type: WIDE }]);
  return elf.finish();
}

test("a jump table holds slots of the program, wherever its function came to lie", () => {
  const { programs } = fromElf(objectWith([48, 56, 48])).spec;
  const { relocations } = programs[0]!;
  expect(relocations).toContainEqual({ kind: "jumpTable", insn: 3, targets: [5, 6, 5] });
  const insns = relocate(programs[0]!, { mapFd: () => 0, jumpTable: (targets) => 70 + targets.length });
  expect(insns[3]).toMatchObject({ src: PSEUDO.MAP_VALUE, imm: 73 });
});

test("a jump table that leads nowhere is refused", () => {
  expect(() => fromElf(objectWith([48, 4096]))).toThrow("a jump table leads to no instruction");
  expect(() => fromElf(objectWith([12]))).toThrow("a jump table leads to no instruction");
  expect(() => fromElf(objectWith([48], 16))).toThrow("does not lie within section .jumptables");
  expect(() => fromElf(objectWith([48], 0))).toThrow("does not lie within section .jumptables");
});
