import { array, assert, nat, property, tuple } from "fast-check";
import { expect, test } from "vitest";
import { BpfkitError } from "../../src/errors.ts";
import { ElfFile, symbolVersions, usdtArguments, usdtNotes } from "../../src/elf/index.ts";
import { usdtExecutable } from "./usdt-executable.ts";

test("a program's probes are read", () => {
  expect(usdtNotes(new ElfFile(usdtExecutable(1)))).toEqual([
    {
      provider: "demo",
      name: "tick",
      address: 0x40010a,
      fileOffset: 0x10a,
      semaphoreOffset: 0x1000,
      arguments: "4@$42 -4@%esi",
    },
  ]);
});

test("hostile files give typed errors only", () => {
  const bytes = usdtExecutable(1);
  // Headers and the note: what is behind them is not read.
  const changes = array(tuple(nat(0x1ff), nat(255)), { minLength: 1, maxLength: 12 });
  assert(
    property(changes, nat(bytes.length), (edits, length) => {
      const mutated = bytes.slice();
      for (const [at, value] of edits) mutated[at] = value;
      for (const file of [mutated, mutated.subarray(0, length)]) readProbes(file);
    }),
    { numRuns: 2000 },
  );
});

function readProbes(bytes: Uint8Array): void {
  try {
    const elf = new ElfFile(bytes);
    symbolVersions(elf);
    for (const note of usdtNotes(elf)) usdtArguments(note.arguments, "x64");
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
  }
}
