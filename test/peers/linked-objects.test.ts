import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { BtfKind, btfFromFile, parseBtf } from "../../src/btf/index.ts";
import { BpfkitError } from "../../src/errors.ts";
import { programCode } from "../../src/inspect/index.ts";
import { disassemble } from "../../src/isa/index.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import { loadObject } from "../../src/loader/index.ts";
import { fromElf, linkObjects } from "../../src/object/index.ts";
import { runTool } from "../../src/bpftool/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { openTestKernel } from "../conformance/test-kernel.ts";

const sources = join(import.meta.dirname, "link");
const clang = ["clang", "clang-19"].find((name) => spawnSync(name, ["--version"]).status === 0);
const peers = process.env["BPFKIT_PEERS"];
const bpftool = peers === undefined ? undefined : join(peers, "bin", "bpftool");
const NO_CLANG = "there is no clang to compile objects with";
const folder = mkdtempSync(join(tmpdir(), "bpfkit-link-"));
afterAll(() => rmSync(folder, { recursive: true }));

function compiled(source: string, name: string): string {
  const output = join(folder, `${name}.o`);
  const { status, stderr } = spawnSync(
    clang!,
    ["-g", "-O2", "-target", "bpf", "-mcpu=v3", "-I", sources, "-c", source, "-o", output],
    { encoding: "utf8" },
  );
  expect(stderr.replaceAll(/^.*warning[\s\S]*$/gm, "")).not.toContain("error");
  expect(status).toBe(0);
  return output;
}

const object = (name: string): string => compiled(join(sources, `${name}.bpf.c`), name);

function written(name: string, text: string): string {
  const source = join(folder, `${name}.c`);
  writeFileSync(source, `#include "common.h"\n${text}\nchar LICENSE[] SECTION("license") = "GPL";\n`);
  return compiled(source, name);
}

const input = (path: string) => ({ name: path, bytes: readFileSync(path) });

/** The programs as the kernel has them, ids of maps and addresses left out. */
function loadedText(kernel: Kernel, bytes: Uint8Array): string[] {
  using loaded = loadObject(fromElf(bytes).spec, { kernel });
  return [...loaded.programs].map(([name, { fd }]) => {
    const lines = disassemble(programCode(kernel, fd).insns, {
      immediate64: (insn, value) => (insn.src === 0 ? `0x${value.toString(16)}` : `map+${value >> 32n}`),
      callee: () => undefined,
    });
    return `${name}:\n${lines.map(({ text }) => text.replace(/0xffff[0-9a-f]{12}/, "address")).join("\n")}`;
  });
}

/**
 * Types as lines without ids, each once, sorted: two BTFs with the same types in another order are equal. bpftool
 * leaves prototypes of resolved declarations behind where these came last.
 */
function typeLines(bytes: Uint8Array): string[] {
  const btf = btfFromFile(bytes);
  const name = (id: number): string => `${btf.kindName(id)} ${btf.name(id)}`;
  const lines = Array.from({ length: btf.typeCount - 1 }, (_, index) => {
    const targets: string[] = [];
    btf.eachReference(index + 1, (target) => targets.push(name(target)));
    // bpftool leaves variables of data sections in the order in which it met them.
    const ordered = btf.kind(index + 1) === BtfKind.Datasec ? targets.sort() : targets;
    return `${name(index + 1)} -> ${ordered.join(", ")}`;
  });
  return [...new Set(lines)].sort();
}

/** Linked by this linker and by bpftool's. */
function bothOf(...names: readonly string[]): { readonly ours: Uint8Array; readonly theirs: Uint8Array } {
  const paths = names.map(object);
  const output = join(folder, "theirs.o");
  expect(spawnSync(bpftool!, ["gen", "object", output, ...paths]).status).toBe(0);
  return { ours: linkObjects(paths.map(input)), theirs: readFileSync(output) };
}

describe("linked objects", () => {
  for (const names of [
    ["first"],
    ["second", "first"],
    ["second", "first", "third"],
    ["first", "second", "third"],
  ])
    test(`of ${names.join(", ")} have bpftool's types`, (context) => {
      if (!clang) return context.skip(NO_CLANG);
      if (bpftool === undefined || !existsSync(bpftool))
        return context.skip("BPFKIT_PEERS names no folder with bin/bpftool to compare with");
      const { ours, theirs } = bothOf(...names);
      expect(typeLines(ours)).toEqual(typeLines(theirs));
    });

  test("load to the same programs as bpftool's", async (context) => {
    if (!clang) return context.skip(NO_CLANG);
    if (bpftool === undefined || !existsSync(bpftool))
      return context.skip("BPFKIT_PEERS names no folder with bin/bpftool to compare with");
    using kernel = await openTestKernel();
    if (!kernel) return context.skip("no bpf(2)");
    // bpftool 7.8 leaves a map that is declared before it is defined at offset 0, so the definition comes first.
    const { ours, theirs } = bothOf("second", "first", "third");
    expect(loadedText(kernel, ours)).toEqual(loadedText(kernel, theirs));
  });

  test("load in any order", async (context) => {
    if (!clang) return context.skip(NO_CLANG);
    using kernel = await openTestKernel();
    if (!kernel) return context.skip("no bpf(2)");
    const paths = ["first", "second", "third"].map(object);
    const orders = [paths, paths.toReversed(), [paths[1]!, paths[2]!, paths[0]!]];
    const names = orders.map((order) => {
      using loaded = loadObject(fromElf(linkObjects(order.map(input))).spec, { kernel });
      return [...loaded.programs.keys()].sort();
    });
    for (const own of names) expect(own).toEqual(["first", "packets", "second", "third"]);
  });

  test("can be linked again", (context) => {
    if (!clang) return context.skip(NO_CLANG);
    const [first, second, third] = ["first", "second", "third"].map(object);
    const half = linkObjects([input(first!), input(second!)]);
    const twice = linkObjects([{ name: "half.o", bytes: half }, input(third!)]);
    expect(typeLines(twice)).toEqual(typeLines(linkObjects([input(first!), input(second!), input(third!)])));
  });

  const CONFLICTS: readonly (readonly [what: string, a: string, b: string, message: RegExp])[] = [
    [
      "a function defined twice",
      "u64 f(u64 a) { return a; }",
      "u64 f(u64 a) { return a + 1; }",
      /defines f,/,
    ],
    [
      "a variable of another type",
      "u64 v = 1;",
      "extern u32 v; u64 g(void) { return v; }",
      /describe v differently/,
    ],
    [
      "a function of other arguments",
      "u64 f(u64 a) { return a; }",
      "extern u64 f(u64 a, u64 b); u64 g(void) { return f(1, 2); }",
      /describe f differently/,
    ],
    [
      "a map of another size",
      'struct { int (*type)[ARRAY]; int (*max_entries)[1]; u32 *key; u64 *value; } m SECTION(".maps");',
      'extern struct { int (*type)[ARRAY]; int (*max_entries)[2]; u32 *key; u64 *value; } m SECTION(".maps"); void *g(void) { return &m; }',
      /define map m differently: maxEntries is 1 and 2/,
    ],
  ];
  for (const [what, a, b, message] of CONFLICTS)
    test(`${what} is refused`, (context) => {
      if (!clang) return context.skip(NO_CLANG);
      const objects = [written("a", a), written("b", b)].map(input);
      expect(() => linkObjects(objects)).toThrow(message);
    });

  test("broken objects give typed errors only", (context) => {
    if (!clang) return context.skip(NO_CLANG);
    const [first, second] = ["first", "second"].map((name) => readFileSync(object(name)));
    let state = 1;
    const random = (limit: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % limit;
    };
    for (let round = 0; round < 400; round++) {
      const bytes = Uint8Array.from(second!);
      for (let change = random(4); change >= 0; change--) bytes[random(bytes.length)] = random(256);
      const cut = random(8) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
      try {
        linkObjects([
          { name: "first.o", bytes: first! },
          { name: "second.o", bytes: cut },
        ]);
      } catch (error) {
        if (!(error instanceof BpfkitError)) throw error;
      }
    }
  });
});

describe("gen min_core_btf", () => {
  const vmlinux = "/sys/kernel/btf/vmlinux";
  const SOURCE = `
struct list_head { struct list_head *next; } __attribute__((preserve_access_index));
struct task_struct { int pid; struct list_head tasks; struct task_struct *real_parent; } __attribute__((preserve_access_index));
struct nowhere_to_be_found { int x; } __attribute__((preserve_access_index));
enum pid_type { PIDTYPE_TGID = 77 };
SECTION("socket") int use(struct task_struct *task)
{
	struct nowhere_to_be_found *none = (void *)task;
	u64 sum = __builtin_preserve_type_info(*(struct list_head *)0, 1);
	sum += __builtin_preserve_enum_value(*(enum pid_type *)PIDTYPE_TGID, 1);
	if (__builtin_preserve_field_info(none->x, 2)) sum += none->x;
	return sum + task->pid + (task->tasks.next != 0) + task->real_parent->pid;
}`;

  test("keeps what bpftool's keeps", async (context) => {
    if (!clang) return context.skip(NO_CLANG);
    if (!existsSync(vmlinux)) return context.skip("the kernel has no BTF");
    const path = written("core", SOURCE);
    const output = join(folder, "min.btf");
    const words = ["gen", "min_core_btf", vmlinux, output, path];
    expect(await runTool(words, host())).toBe(0);
    const ours = parseBtf(readFileSync(output));
    expect(
      ours
        .members(ours.findByName("task_struct")!)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(["pid", "real_parent", "tasks"]);
    if (bpftool === undefined || !existsSync(bpftool)) return;
    const theirs = join(folder, "theirs.btf");
    expect(spawnSync(bpftool, ["gen", "min_core_btf", vmlinux, theirs, path]).status).toBe(0);
    const dump = (file: string): string =>
      spawnSync(bpftool, ["btf", "dump", "file", file], { encoding: "utf8" }).stdout;
    expect(dump(output)).toBe(dump(theirs));
  });
});

function host(): Parameters<typeof runTool>[1] {
  return {
    openKernel: () => openKernel(),
    out: () => {},
    err: () => {},
    stopped: async () => {},
  };
}
