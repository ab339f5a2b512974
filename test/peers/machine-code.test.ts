import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDisassembler } from "../../src/disassembler/index.ts";
import type { Disassembler } from "../../src/disassembler/index.ts";
import { programCode } from "../../src/inspect/index.ts";
import { openTestKernel } from "../conformance/test-kernel.ts";
import { loadPrograms } from "./machine-programs.ts";

const peers = process.env["BPFKIT_PEERS"];
const objdump = peers === undefined ? undefined : join(peers, "bin", "objdump");
const RANDOM = Number(process.env["BPFKIT_RANDOM"] ?? 40);

test("every instruction of machine code is worded as objdump words it", async (context) => {
  if (objdump === undefined || !existsSync(objdump))
    return context.skip("BPFKIT_PEERS names no folder with bin/objdump to compare with");
  const kernel = await openTestKernel();
  if (!kernel) return context.skip("no bpf(2)");
  if (process.arch !== "x64") return context.skip("objdump reads x86-64 here");
  using disassembler = await openDisassembler("x64");
  const { loaded, refused } = loadPrograms(kernel, RANDOM);
  if (refused.length > 0) console.log(`Refused by this kernel:\n${refused.join("\n")}`);
  let functions = 0;
  for (const { title, fd } of loaded) {
    const { jited, jitedAddresses, jitedSizes } = programCode(kernel, fd);
    kernel.close(fd);
    let at = 0;
    for (const [index, size] of jitedSizes.entries()) {
      const bytes = jited.subarray(at, at + size);
      const address = jitedAddresses[index]!;
      expect(worded(disassembler, bytes, address), title).toEqual(theirs(objdump, bytes, address));
      at += size;
      functions++;
    }
    expect(at, title).toBe(jited.length);
  }
  kernel[Symbol.dispose]();
  expect(functions).toBeGreaterThan(25);
});

function worded(disassembler: Disassembler, bytes: Uint8Array, address: bigint): string[] {
  return disassembler
    .disassemble(bytes, address)
    .map(({ offset, mnemonic, operands }) =>
      `${offset.toString(16)}: ${mnemonic} ${operands.join(",")}`.trim(),
    );
}

/** objdump's lines as `offset: mnemonic operands`, spaces made one. */
function theirs(objdump: string, bytes: Uint8Array, address: bigint): string[] {
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-machine-"));
  try {
    const file = join(folder, "image");
    writeFileSync(file, bytes);
    const vma = `--adjust-vma=0x${address.toString(16)}`;
    const args = ["-D", "-w", "-b", "binary", "-m", "i386:x86-64", vma, file];
    const text = spawnSync(objdump, args, { encoding: "latin1", maxBuffer: 1 << 28 }).stdout;
    return [...text.matchAll(/^\s*([0-9a-f]+):\t[0-9a-f ]+\t(.*)$/gm)].map(([, place, words]) => {
      const offset = BigInt(`0x${place}`) - address;
      return `${offset.toString(16)}: ${words!.trim().replaceAll(/\s+/g, " ")}`;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
