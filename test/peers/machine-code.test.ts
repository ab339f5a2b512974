import { expect, test } from "vitest";
import { openDisassembler } from "../../src/disassembler/index.ts";
import type { Disassembler } from "../../src/disassembler/index.ts";
import { programCode } from "../../src/inspect/index.ts";
import { openTestKernel } from "../conformance/test-kernel.ts";
import { loadPrograms } from "./machine-programs.ts";
import { objdumpLines, peerObjdump } from "./objdump.ts";

const objdump = peerObjdump();
const RANDOM = Number(process.env["BPFKIT_RANDOM"] ?? 40);

test("every instruction of machine code is worded as objdump words it", async (context) => {
  if (objdump === undefined)
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
      expect(worded(disassembler, bytes, address), title).toEqual(objdumpLines(objdump, bytes, address));
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
