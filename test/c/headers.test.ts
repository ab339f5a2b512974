import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CError, compileC, findClang } from "../../src/c/index.ts";
import { loadObject } from "../../src/loader/index.ts";
import { fromElf } from "../../src/object/index.ts";
import { openTestKernel } from "../conformance/test-kernel.ts";

const STRICT = ["-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror"];
const SOURCE = fileURLToPath(new URL("headers.bpf.c", import.meta.url));
const HEADERS = fileURLToPath(new URL("../../include/bpf", import.meta.url));

const kernel = await openTestKernel();
const btf = kernel?.files.hasBtf() ? kernel.files.btf() : undefined;
const skip = !btf || !hasClang();

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bpfkit-headers-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  kernel?.[Symbol.dispose]();
});

function hasClang(): boolean {
  try {
    findClang(process.env);
    return true;
  } catch (error) {
    if (!(error instanceof CError)) throw error;
    console.log(`Skipped: ${error.message}`);
    return false;
  }
}

/** Compiles a file, or text, without any warning. */
function compile(source: string, args: readonly string[] = STRICT): Uint8Array {
  const object = join(folder, "out.bpf.o");
  const path = source.endsWith(".c") ? source : join(folder, "source.bpf.c");
  if (path !== source) writeFileSync(path, source);
  compileC(path, object, { btf, arch: process.arch, args });
  return readFileSync(object);
}

test.skipIf(skip)("every macro compiles without warnings and does in the kernel what it says", () => {
  const { spec } = fromElf(compile(SOURCE));
  using object = loadObject(spec, { kernel: kernel! });
  const { fd } = object.programs.get("check")!;
  // The number is the line of headers.bpf.c that found something wrong.
  expect(kernel!.bpf("PROG_TEST_RUN", { prog_fd: fd }).retval).toBe(0);
});

const ARCHITECTURES = [
  "x86",
  "arm64",
  "s390",
  "arm",
  "mips",
  "powerpc",
  "riscv",
  "arc",
  "loongarch",
  "sparc",
];

test.skipIf(skip)("every architecture has names for registers", () => {
  const source = `typedef unsigned char __u8; typedef unsigned short __u16; typedef unsigned int __u32;
typedef unsigned long long __u64; typedef int __s32; typedef long long __s64;
typedef __u16 __be16; typedef __u32 __be32; typedef __u32 __wsum;
#include <bpf/bpf_tracing.h>
#define TEXT(x) #x
#define NAME(x) TEXT(x)
#define ALL NAME(__PT_PARM1_REG) NAME(__PT_PARM2_SYSCALL_REG) NAME(__PT_RET_REG) NAME(__PT_RC_REG) NAME(__PT_SP_REG)
_Static_assert(sizeof(ALL NAME(__PT_IP_REG)) > 12, "");
_Static_assert(__builtin_memcmp(ALL, "__", 2) != 0, "a macro was left");
`;
  for (const arch of ARCHITECTURES) {
    const args = ["-U__TARGET_ARCH_x86", "-U__TARGET_ARCH_arm64", `-D__TARGET_ARCH_${arch}`];
    expect(() => compile(source, args)).not.toThrow();
  }
});

test.skipIf(skip)("a register of no known architecture is an error that says what to define", () => {
  const source = `#include "vmlinux.h"
#include <bpf/bpf_tracing.h>
SEC("kprobe/f") int BPF_KPROBE(program, int a) { return a; }`;
  expect(() => compile(source, ["-U__TARGET_ARCH_x86", "-U__TARGET_ARCH_arm64"])).toThrow(
    /-D__TARGET_ARCH_x86/,
  );
});

test.skipIf(skip).each(readdirSync(HEADERS))("%s can be included alone, after the kernel's types", (name) => {
  const object = compile(
    `#include "vmlinux.h"\n#include <bpf/${name}>\nchar LICENSE[] SECTION("license") = "GPL";\n`,
    [
      ...STRICT,
      "-DSECTION(name)=__attribute__((section(name),used))",
      // Helpers are constants that few programs use all of.
      "-Wno-unused-const-variable",
    ],
  );
  expect(fromElf(object).spec.license).toBe("GPL");
});

test.skipIf(skip)("clang's own words are in the error, and a missing header's reason", () => {
  const source = '#include "vmlinux.h"\nint f(void) { return nonsense; }\n';
  expect(() => compile(source)).toThrow(/use of undeclared identifier 'nonsense'/);
  const path = join(folder, "source.bpf.c");
  expect(() => compileC(path, join(folder, "o"), { arch: process.arch })).toThrow(
    expect.objectContaining({ code: "c/compile", hints: [expect.stringMatching(/--btf FILE/)] }),
  );
});

test.skipIf(skip)("a project's own vmlinux.h wins", () => {
  writeFileSync(join(folder, "vmlinux.h"), "#define OWN 1\n");
  const source = '#include <vmlinux.h>\n#if !OWN\n#error "not the own one"\n#endif\n';
  expect(() => compile(source, [`-I${folder}`])).not.toThrow();
  rmSync(join(folder, "vmlinux.h"));
});
