import { existsSync, readFileSync } from "node:fs";
import { array, assert, nat, property, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BtfBuilder,
  BtfError,
  BtfKind,
  BtfLinkage,
  btfFromFile,
  decodeBtfExt,
  encodeBtfExt,
  olderBtf,
  parseBtf,
  sanitizeBtf,
} from "./index.ts";

function sample(): BtfBuilder {
  const builder = new BtfBuilder();
  const int = builder.signedInt("int", 4);
  const long = builder.int("unsigned long", 8);
  const array = builder.array(int, long, 4);
  builder.struct("pair", 24, [
    { name: "a", type: int, bitOffset: 0, bitSize: 3 },
    { name: "b", type: array, bitOffset: 64, bitSize: 0 },
  ]);
  builder.enum("colour", 4, true, [{ name: "RED", value: -1n }]);
  builder.enum64("wide", false, [{ name: "TOP", value: 0xffff_ffff_ffff_fff0n }]);
  const proto = builder.prototype(int, [{ name: "ctx", type: builder.pointer(0) }]);
  builder.func("main", proto + 0, BtfLinkage.Global);
  const variable = builder.variable("global", int, BtfLinkage.Global);
  builder.dataSection(".data", 4, [{ type: variable, offset: 0, size: 4 }]);
  builder.float("double", 8);
  builder.typeTag("user", int);
  builder.declTag("tag", 4, 1);
  return builder;
}

test("what was built is read back", () => {
  const btf = parseBtf(sample().encode());
  const pair = btf.findByName("pair", BtfKind.Struct)!;
  expect(btf.members(pair)).toEqual([
    { name: "a", type: 1, bitOffset: 0, bitSize: 3 },
    { name: "b", type: 3, bitOffset: 64, bitSize: 0 },
  ]);
  expect(btf.size(3)).toBe(16);
  expect(btf.findEnumerator("RED")?.value).toBe(-1n);
  expect(btf.findEnumerator("TOP")?.value).toBe(0xffff_ffff_ffff_fff0n);
  expect(btf.componentIndex(btf.findByName("tag")!)).toBe(1);
});

test("copying all types changes no byte", () => {
  // Strings are kept in the order of their first use, so the copy of a copy is the same.
  const bytes = BtfBuilder.from(parseBtf(sample().encode())).encode();
  expect(BtfBuilder.from(parseBtf(bytes)).encode()).toEqual(bytes);
});

test("an old kernel's kinds take the place of new ones under the same ids", () => {
  const btf = parseBtf(sample().encode());
  const none = {
    func: false,
    funcGlobal: false,
    datasec: false,
    float: false,
    declTag: false,
    typeTag: false,
    enum64: false,
  };
  const old = parseBtf(sanitizeBtf(btf, none));
  const newKinds = new Set([
    "FUNC",
    "FUNC_PROTO",
    "VAR",
    "DATASEC",
    "FLOAT",
    "DECL_TAG",
    "TYPE_TAG",
    "ENUM64",
  ]);
  for (let id = 1; id < old.typeCount; id++) expect(newKinds.has(old.kindName(id))).toBe(false);
  expect(old.findByName("pair")).toBe(btf.findByName("pair"));
  expect(old.size(old.findByName("wide")!)).toBe(8);
  const all = {
    ...none,
    func: true,
    funcGlobal: true,
    datasec: true,
    float: true,
    declTag: true,
    typeTag: true,
  };
  expect(sanitizeBtf(btf, { ...all, enum64: true })).toEqual(BtfBuilder.from(btf).encode());
});

test("older kernels are offered less and less", () => {
  const btf = parseBtf(sample().encode());
  const kinds = [...olderBtf(btf)].map(({ bytes }) => {
    const older = parseBtf(bytes);
    return new Set(Array.from({ length: older.typeCount }, (_, id) => older.kindName(id)));
  });
  expect(kinds).toHaveLength(7);
  expect(kinds[0]!.has("ENUM64")).toBe(false);
  expect(kinds[0]!.has("TYPE_TAG")).toBe(true);
  expect(kinds.at(-1)!.has("FUNC")).toBe(false);
});

test(".BTF.ext is read back as it was written", () => {
  const builder = sample();
  const sections = new Map([
    [
      "tracepoint/a/b",
      {
        functions: [{ offset: 0, typeId: 8 }],
        lines: [{ offset: 8, file: "a.bt", text: "BEGIN { }", line: 3, column: 9 }],
        relocations: [{ offset: 16, typeId: 4, access: "0:1", kind: 0 }],
      },
    ],
    [".text", { functions: [{ offset: 0, typeId: 8 }], lines: [], relocations: [] }],
  ]);
  const ext = encodeBtfExt(sections, builder);
  expect(decodeBtfExt(ext, parseBtf(builder.encode()))).toEqual(sections);
});

function attempt(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof BtfError)) throw error;
  }
}

/** Asks everything of every type; what is broken may throw BtfError only. */
function readAll(bytes: Uint8Array): void {
  attempt(() => {
    const btf = btfFromFile(bytes);
    for (let id = 0; id < btf.typeCount; id++) {
      attempt(() => btf.name(id));
      attempt(() => btf.size(id));
      attempt(() => btf.resolve(id));
      attempt(() => btf.members(id));
      attempt(() => btf.params(id));
      attempt(() => btf.enumerators(id));
      attempt(() => btf.sectionVariables(id));
      attempt(() => btf.array(id));
    }
    attempt(() => btf.findByName("pair"));
    attempt(() => btf.findEnumerator("RED"));
    attempt(() => btf.ownFlavours("pair"));
  });
}

describe("hostile bytes", () => {
  const bytes = sample().encode();
  test("mutated BTF gives typed errors only", () => {
    const change = tuple(nat(bytes.length - 1), nat(255));
    assert(
      property(array(change, { minLength: 1, maxLength: 8 }), nat(bytes.length), (changes, length) => {
        const mutated = bytes.slice();
        for (const [at, value] of changes) mutated[at] = value;
        readAll(mutated);
        readAll(mutated.subarray(0, length));
      }),
      { numRuns: 150 },
    );
  });

  test("types that refer to themselves end", () => {
    const builder = new BtfBuilder();
    builder.typedef("loop", 1);
    builder.array(2, 2, 2);
    const btf = parseBtf(builder.encode());
    expect(() => btf.resolve(1)).toThrow(BtfError);
    expect(() => btf.size(2)).toThrow(BtfError);
  });
});

const module = "/sys/kernel/btf/";
test.skipIf(!existsSync(`${module}vmlinux`))("a copy of the kernel's BTF has the same types", () => {
  const btf = parseBtf(readFileSync(`${module}vmlinux`));
  const copy = parseBtf(BtfBuilder.from(btf).encode());
  expect(copy.typeCount).toBe(btf.typeCount);
  const id = btf.findByName("task_struct", BtfKind.Struct)!;
  expect(copy.members(id)).toEqual(btf.members(id));
});
