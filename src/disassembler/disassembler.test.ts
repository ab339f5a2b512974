import { assert, property, uint8Array } from "fast-check";
import { expect, test } from "vitest";
import { BpfkitError } from "../errors.ts";
import { openDisassembler } from "./index.ts";

const ADDRESS = 0xffff_ffff_c000_0000n;

/** What objdump 2.47 prints for these bytes at that address. */
const X64: readonly (readonly [hex: string, text: string])[] = [
  ["f30f1efa", "endbr64 "],
  ["0f1f440000", "nopl 0x0(%rax,%rax,1)"],
  ["662e0f1f840000000000", "cs nopw 0x0(%rax,%rax,1)"],
  ["6690", "xchg %ax,%ax"],
  ["666690", "data16 xchg %ax,%ax"],
  ["6666666690", "data16 data16 data16 xchg %ax,%ax"],
  ["4889e5", "mov %rsp,%rbp"],
  ["4881ec08000000", "sub $0x8,%rsp"],
  ["4883c6fc", "add $0xfffffffffffffffc,%rsi"],
  ["81e1ffffffff", "and $0xffffffff,%ecx"],
  ["c745fc01000000", "movl $0x1,-0x4(%rbp)"],
  ["480fb64700", "movzbq 0x0(%rdi),%rax"],
  ["f0480fc107", "lock xadd %rax,(%rdi)"],
  ["48b8efcdab8967452301", "movabs $0x123456789abcdef,%rax"],
  ["48d1e8", "shr $1,%rax"],
  ["48d3e0", "shl %cl,%rax"],
  ["c4e2f1f7c0", "shlx %rcx,%rax,%rax"],
  ["654803042500300200", "add %gs:0x23000,%rax"],
  ["400fbed0", "rex movsbl %al,%edx"],
  ["480f44c1", "cmove %rcx,%rax"],
  ["e8fbffffff", "call 0xffffffffc0000000"],
  ["7405", "je 0xffffffffc0000007"],
  ["ffe0", "jmp *%rax"],
  ["c9", "leave "],
  ["c3", "ret "],
  ["cc", "int3 "],
  ["06", "(bad) "],
];

const ARM64: readonly (readonly [hex: string, text: string])[] = [
  ["5f2403d5", "bti c"],
  ["fd7bbfa9", "stp x29,x30,[sp,#-16]!"],
  ["f55bc1a8", "ldp x21,x22,[sp],#16"],
  ["0a008092", "mov x10,#0xffffffffffffffff"],
  ["e3ff9a12", "mov w3,#0xffff2800"],
  ["8a46c2f2", "movk x10,#0x1234,lsl #32"],
  ["1f1400f1", "cmp x0,#0x5"],
  ["20f07dd3", "lsl x0,x1,#3"],
  ["4100e0f8", "ldaddal x0,x1,[x2]"],
  ["40013fd6", "blr x10"],
  ["10000094", "bl 0xffffffffc0000040"],
  ["22020054", "b.cs 0xffffffffc0000044"],
  ["00000000", "udf #0x0"],
  ["ffffffff", ".inst 0xffffffff"],
];

for (const [arch, rows] of [
  ["x64", X64],
  ["arm64", ARM64],
] as const)
  test(`${arch} is worded as objdump words it`, async () => {
    using disassembler = await openDisassembler(arch);
    const worded = rows.map(([hex]) =>
      disassembler
        .disassemble(Buffer.from(hex, "hex"), ADDRESS)
        .map(({ mnemonic, operands }) => `${mnemonic} ${operands.join(",")}`)
        .join("; "),
    );
    expect(worded).toEqual(rows.map(([, text]) => text));
  });

test("a call through a register that was filled in front of it has a target", async () => {
  using arm64 = await openDisassembler("arm64");
  // mov x10, #0xffffffffffff1234; movk x10, #0x8107, lsl #16; blr x10; blr x10
  const bytes = Buffer.from("6ab99d92ea20b0f240013fd640013fd6", "hex");
  const insns = arm64.disassemble(bytes, ADDRESS);
  expect(insns.map(({ target }) => target)).toEqual([
    undefined,
    undefined,
    0xffff_ffff_8107_1234n,
    undefined,
  ]);
});

test("every byte is in exactly one instruction, whatever the bytes are", async () => {
  using x64 = await openDisassembler("x64");
  using arm64 = await openDisassembler("arm64");
  assert(
    property(uint8Array({ maxLength: 64 }), (bytes) => {
      for (const disassembler of [x64, arm64]) {
        const insns = disassembler.disassemble(bytes, ADDRESS);
        expect(Buffer.concat(insns.map((insn) => insn.bytes))).toEqual(Buffer.from(bytes));
        let at = 0;
        for (const { offset, bytes: own } of insns) {
          expect(offset).toBe(at);
          at += own.length;
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("an unknown machine is refused with those that are known", async () => {
  await expect(openDisassembler("riscv64")).rejects.toThrow(BpfkitError);
});
