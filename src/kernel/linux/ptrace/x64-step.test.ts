import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { RegisterFile, REGISTERS } from "./registers.ts";
import { decodeX64, LONGEST_INSTRUCTION } from "./x64-instruction.ts";
import { planX64Step } from "./x64-step.ts";

const RAX = 10;
const RCX = 11;
const RBX = 5;
const RSI = 13;
const FLAGS = 18;
const AT = 0x1000n;

function registers(values: Readonly<Record<number, bigint>> = {}): RegisterFile {
  const file = new RegisterFile(REGISTERS["x64"]!);
  file.stackPointer = 0x8000n;
  for (const [word, value] of Object.entries(values)) file.words[Number(word)] = value;
  return file;
}

/** Bytes of an instruction, with others behind it. */
function code(text: string): Uint8Array {
  return Uint8Array.from([...Buffer.from(text.replaceAll(" ", ""), "hex"), ...new Uint8Array(16).fill(0x90)]);
}

/** Where the next instruction is, and what was written. */
function emulate(
  text: string,
  file = registers(),
): readonly [next: bigint, writes: readonly (readonly bigint[])[]] {
  const step = planX64Step(code(text));
  if (step?.kind !== "emulated") throw new Error(`${text} is not emulated`);
  const writes: bigint[][] = [];
  const done = step.run(file, AT, (address, word) => {
    writes.push([address, word]);
    return true;
  });
  expect(done).toBe(true);
  return [file.instructionPointer, writes];
}

function displaced(text: string): string | undefined {
  const step = planX64Step(code(text));
  return step?.kind === "displaced"
    ? `${Buffer.from(step.code).toString("hex")}${step.borrowed === undefined ? "" : ` ${step.borrowed}`}${step.calls ? " calls" : ""}`
    : step?.kind;
}

interface Capstone {
  disasm(bytes: Uint8Array, address: bigint): readonly { readonly size: number; readonly mnemonic: string }[];
  close(): void;
}
interface CapstoneLibrary {
  readonly ARCH_X86: number;
  readonly MODE_64: number;
  readonly Capstone: new (arch: number, mode: number) => Capstone;
}

describe("instructions of x86-64", () => {
  test.skipIf(process.arch !== "x64")(
    "have the length that a disassembler finds, all through this program",
    async () => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- require() gives any
      const create = createRequire(import.meta.url)(
        "@alexaltea/capstone-js",
      ) as () => Promise<CapstoneLibrary>;
      const library = await create();
      const decoder = new library.Capstone(library.ARCH_X86, library.MODE_64);
      const maps = readFileSync("/proc/self/maps", "latin1");
      const files = new Set(
        [...maps.matchAll(/^\S+ r-x. (\S+) \S+ \d+ +(\/.*)$/gm)].map(([, , path]) => path!),
      );
      const wrong: string[] = [];
      let seen = 0;
      for (const [, start = "", end = "", offset = "", path = ""] of maps.matchAll(
        /^([0-9a-f]+)-([0-9a-f]+) r-x. ([0-9a-f]+) \S+ \d+ +(\/.*)$/gm,
      )) {
        if (!files.has(path) || seen > 200_000) continue;
        const size = Math.min(Number(BigInt(`0x${end}`) - BigInt(`0x${start}`)), 1_000_000);
        const from = parseInt(offset, 16);
        const bytes = readFileSync(path).subarray(from, from + size);
        for (let at = 0; at < bytes.length && seen <= 200_000;) {
          const found = decoder.disasm(bytes.subarray(at, at + 4000), 0n);
          for (const { size: length, mnemonic } of found) {
            const mine = decodeX64(bytes.subarray(at, at + LONGEST_INSTRUCTION))?.size;
            if (mine !== length)
              wrong.push(
                `${mnemonic} ${bytes.subarray(at, at + length).toString("hex")}: ${length}, not ${mine}`,
              );
            at += length;
            seen++;
          }
          if (found.length === 0) at++;
        }
      }
      decoder.close();
      expect(seen).toBeGreaterThan(100_000);
      expect(wrong.slice(0, 20)).toEqual([]);
    },
    60_000,
  );

  test("that are cut off are none", () => {
    for (const text of ["", "66", "48", "e80000", "c4e2", "62f1", "0f", "488b05000000", "8b8424000000"])
      expect(decodeX64(Uint8Array.from(Buffer.from(text, "hex"))), text).toBe(undefined);
    expect(decodeX64(new Uint8Array(15).fill(0x66))).toBe(undefined);
  });
});

describe("a step over an instruction", () => {
  test("that functions begin with is done to the registers", () => {
    expect(emulate("f30f1efa")).toEqual([AT + 4n, []]);
    expect(emulate("90")).toEqual([AT + 1n, []]);
    expect(emulate("0f1f440000")).toEqual([AT + 5n, []]);
    expect(emulate("53", registers({ [RBX]: 7n }))).toEqual([AT + 1n, [[0x7ff8n, 7n]]]);
    expect(emulate("4154", registers({ 3: 9n }))).toEqual([AT + 2n, [[0x7ff8n, 9n]]]);
    const file = registers({ [RBX]: 5n });
    emulate("4889d8", file);
    expect(file.words[RAX]).toBe(5n);
    emulate("4c8bfb", file);
    expect(file.words[0]).toBe(5n);
  });

  test("that jumps goes where it would from its own place", () => {
    expect(emulate("eb fe")).toEqual([AT, []]);
    expect(emulate("e9 00 01 00 00")).toEqual([AT + 5n + 256n, []]);
    expect(emulate("e8 fb ff ff ff")).toEqual([AT, [[0x7ff8n, AT + 5n]]]);
    expect(emulate("74 10", registers({ [FLAGS]: 0x40n }))[0]).toBe(AT + 18n);
    expect(emulate("75 10", registers({ [FLAGS]: 0x40n }))[0]).toBe(AT + 2n);
    expect(emulate("0f 8c 10 00 00 00", registers({ [FLAGS]: 0x80n }))[0]).toBe(AT + 22n);
    expect(emulate("7d 10", registers({ [FLAGS]: 0x880n }))[0]).toBe(AT + 18n);
    expect(emulate("7e 10", registers({ [FLAGS]: 0n }))[0]).toBe(AT + 2n);
    expect(emulate("e2 10", registers({ [RCX]: 2n }))[0]).toBe(AT + 18n);
    expect(emulate("e2 10", registers({ [RCX]: 1n }))[0]).toBe(AT + 2n);
    expect(emulate("e3 10", registers({ [RCX]: 0n }))[0]).toBe(AT + 18n);
    expect(emulate("e1 10", registers({ [RCX]: 2n, [FLAGS]: 0n }))[0]).toBe(AT + 2n);
  });

  test("that looks beside itself does so by another register", () => {
    expect(displaced("4883ec08")).toBe("4883ec08");
    expect(displaced("c3")).toBe("c3");
    // mov rax, [rip+0x10]; rsi is borrowed, or rdi where rsi is the operand.
    expect(displaced("488b0510000000")).toBe(`488b8610000000 ${RSI}`);
    expect(displaced("488b3510000000")).toBe("488bb710000000 14");
    // An upper register is left to the operand, and taken from the address.
    expect(displaced("4d8b0510000000")).toBe(`4c8b8610000000 ${RSI}`);
    expect(displaced("ff1510000000")).toBe(`ff9610000000 ${RSI} calls`);
    expect(displaced("ffd0")).toBe("ffd0 calls");
    // vmovdqa ymm0, [rip+0x10], and andn eax, esi, [rip+0x10].
    expect(displaced("c5fd6f0510000000")).toBe(`c5fd6f8610000000 ${RSI}`);
    expect(displaced("c4e248f20510000000")).toBe("c4e248f28710000000 14");
  });

  test("that enters the kernel or leaves the process's own code is none", () => {
    for (const text of ["0f05", "0f34", "cc", "cd80", "cf", "9d", "66e90000", "06", "ff2d00000000"])
      expect(planX64Step(code(text)), text).toBe(undefined);
  });
});
