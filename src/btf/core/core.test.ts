import { describe, expect, test } from "vitest";
import {
  type Btf,
  BtfBuilder,
  BtfError,
  BtfIntEncoding,
  CoreKind,
  CoreResolver,
  essentialName,
  minimizeBtf,
  parseBtf,
} from "../index.ts";

interface Field {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly bits?: number;
}

/** A BTF with a few basic types under fixed ids, and what `add` adds. */
function build(
  add: (builder: BtfBuilder, struct: (name: string, size: number, fields: Field[]) => number) => void,
): Btf {
  const builder = new BtfBuilder();
  builder.signedInt("int", 4);
  builder.int("unsigned int", 4);
  builder.int("unsigned long", 8);
  builder.pointer(0);
  builder.int("_Bool", 1, BtfIntEncoding.Bool);
  add(builder, (name, size, fields) =>
    builder.struct(
      name,
      size,
      fields.map(({ name: field, type, offset, bits }) => ({
        name: field,
        type,
        bitOffset: bits === undefined ? offset * 8 : offset,
        bitSize: bits ?? 0,
      })),
    ),
  );
  return parseBtf(builder.encode());
}
const [int, unsigned, long, pointer] = [1, 2, 3, 4];

function resolve(local: Btf, kernel: Btf, name: string, kind: number, access: string) {
  return new CoreResolver(local, { kernel }).resolve({ typeId: local.findByName(name)!, access, kind });
}

describe("fields", () => {
  const local = build((_, struct) => {
    struct("s", 8, [
      { name: "a", type: unsigned, offset: 0 },
      { name: "b", type: int, offset: 4 },
    ]);
    struct("s___old", 8, [{ name: "gone", type: int, offset: 0 }]);
    struct("bits", 4, [{ name: "flag", type: unsigned, offset: 3, bits: 5 }]);
  });
  const kernel = build((builder, struct) => {
    const inner = builder.union("", 8, [{ name: "b", type: int, bitOffset: 0, bitSize: 0 }]);
    struct("s", 32, [
      { name: "a", type: long, offset: 8 },
      { name: "", type: inner, offset: 16 },
    ]);
    struct("bits", 8, [{ name: "flag", type: unsigned, offset: 33, bits: 7 }]);
  });

  test("move, also into anonymous unions", () => {
    expect(resolve(local, kernel, "s", CoreKind.FieldByteOffset, "0:1")).toMatchObject({
      original: 4n,
      value: 16n,
      poison: false,
    });
  });

  test("of unsigned integers change their width", () => {
    expect(resolve(local, kernel, "s", CoreKind.FieldByteOffset, "0:0")).toMatchObject({
      value: 8n,
      originalSize: 4,
      size: 8,
      sizeMismatch: false,
    });
  });

  test("of a flavour are looked up in the type without it, and may be missing", () => {
    expect(resolve(local, kernel, "s___old", CoreKind.FieldExists, "0:0")).toMatchObject({
      value: 0n,
      poison: false,
    });
    expect(resolve(local, kernel, "s___old", CoreKind.FieldByteOffset, "0:0").poison).toBe(true);
    expect(resolve(local, kernel, "s", CoreKind.FieldExists, "0:1").value).toBe(1n);
  });

  test("of some bits come with the shifts that isolate them", () => {
    const answers = [
      CoreKind.FieldByteOffset,
      CoreKind.FieldByteSize,
      CoreKind.FieldSigned,
      CoreKind.FieldLshiftU64,
      CoreKind.FieldRshiftU64,
    ].map((kind) => resolve(local, kernel, "bits", kind, "0:0").value);
    expect(answers).toEqual([4n, 4n, 0n, BigInt(64 - 8), BigInt(64 - 7)]);
  });

  test("whose access does not fit the local type are errors", () => {
    expect(() => resolve(local, kernel, "s", CoreKind.FieldByteOffset, "0:7")).toThrow(BtfError);
    expect(() => resolve(local, kernel, "s", CoreKind.FieldByteOffset, "0:x")).toThrow(BtfError);
    expect(() => resolve(local, kernel, "s", 99, "0")).toThrow(BtfError);
  });
});

function field(offset: number): Field[] {
  return [{ name: "a", type: int, offset }];
}

test("two types of one name must agree", () => {
  const local = build((_, struct) => struct("s", 4, [{ name: "a", type: int, offset: 0 }]));
  const same = build((_, struct) => {
    struct("s", 8, field(4));
    struct("s", 8, field(4));
  });
  expect(resolve(local, same, "s", CoreKind.FieldByteOffset, "0:0").value).toBe(4n);
  const different = build((_, struct) => {
    struct("s", 8, field(4));
    struct("s", 8, field(0));
  });
  expect(() => resolve(local, different, "s", CoreKind.FieldByteOffset, "0:0")).toThrow(/ambiguous/);
  const unlike = build((_, struct) => {
    struct("s", 8, field(4));
    struct("s", 8, [{ name: "a", type: pointer, offset: 0 }]);
  });
  expect(resolve(local, unlike, "s", CoreKind.FieldByteOffset, "0:0").value).toBe(4n);
});

test("modules are asked only for what the kernel lacks", () => {
  const local = build((_, struct) => struct("s", 4, [{ name: "a", type: int, offset: 0 }]));
  const kernel = build(() => {});
  const builder = new BtfBuilder();
  for (let id = 1; id < kernel.typeCount; id++) builder.copy(kernel, id);
  builder.struct("s", 16, [{ name: "a", type: int, bitOffset: 64, bitSize: 0 }]);
  const module = parseBtf(builder.encode());
  const resolver = new CoreResolver(local, { kernel, modules: () => [module] });
  const relocation = { typeId: local.findByName("s")!, access: "0:0", kind: CoreKind.FieldByteOffset };
  expect(resolver.resolve(relocation).value).toBe(8n);
});

function enumOf(...names: string[]): Btf {
  const enumerators = names.map((name, index) => ({ name, value: BigInt(index) }));
  return build((builder) => builder.enum("e", 4, false, enumerators));
}

test("enumerators are found by name, whatever their value", () => {
  const local = enumOf("A", "B___new");
  const kernel = enumOf("Z", "A", "B");
  expect(resolve(local, kernel, "e", CoreKind.EnumvalValue, "1")).toMatchObject({ original: 1n, value: 2n });
  expect(resolve(local, enumOf("Z"), "e", CoreKind.EnumvalExists, "0").value).toBe(0n);
  expect(resolve(local, enumOf("Z"), "e", CoreKind.EnumvalValue, "0").poison).toBe(true);
});

describe("types", () => {
  const local = build((_, struct) => struct("s", 4, [{ name: "a", type: int, offset: 0 }]));
  const larger = build((_, struct) =>
    struct("s", 16, [
      { name: "b", type: long, offset: 0 },
      { name: "a", type: int, offset: 8 },
    ]),
  );
  const other = build((_, struct) => struct("s", 8, [{ name: "a", type: long, offset: 0 }]));
  const none = build(() => {});

  test("exist, or not, and have a size", () => {
    expect(resolve(local, larger, "s", CoreKind.TypeExists, "0").value).toBe(1n);
    expect(resolve(local, larger, "s", CoreKind.TypeSize, "0").value).toBe(16n);
    expect(resolve(local, none, "s", CoreKind.TypeExists, "0")).toMatchObject({ value: 0n, poison: false });
    expect(resolve(local, none, "s", CoreKind.TypeSize, "0")).toMatchObject({ value: 0n, poison: false });
    expect(resolve(local, larger, "s", CoreKind.TypeIdTarget, "0").value).toBe(
      BigInt(larger.findByName("s")!),
    );
    expect(resolve(local, none, "s", CoreKind.TypeIdLocal, "0").value).toBe(BigInt(local.findByName("s")!));
  });

  test("match when all local members are there with their types", () => {
    expect(resolve(local, larger, "s", CoreKind.TypeMatches, "0").value).toBe(1n);
    expect(resolve(local, other, "s", CoreKind.TypeMatches, "0").value).toBe(0n);
  });
});

test("flavours end at three underscores", () => {
  expect(["a___b", "a", "a____b", "___b", "a___", "a___b___c"].map(essentialName)).toEqual([
    "a",
    "a",
    "a____b",
    "___b",
    "a___",
    "a___b",
  ]);
});

describe("minimizeBtf()", () => {
  const local = build((_, struct) => {
    struct("s", 8, [{ name: "b", type: int, offset: 4 }]);
    struct("gone", 4, [{ name: "x", type: int, offset: 0 }]);
  });
  const kernel = build((builder, struct) => {
    const inner = builder.union("", 8, [
      { name: "a", type: long, bitOffset: 0, bitSize: 0 },
      { name: "b", type: int, bitOffset: 0, bitSize: 0 },
    ]);
    struct("s", 32, [
      { name: "unused", type: pointer, offset: 0 },
      { name: "", type: inner, offset: 16 },
      { name: "late", type: long, offset: 24 },
    ]);
    struct("other", 8, []);
  });
  const relocations = [
    { typeId: local.findByName("s")!, access: "0:0", kind: CoreKind.FieldByteOffset },
    { typeId: local.findByName("gone")!, access: "0", kind: CoreKind.TypeExists },
    { typeId: local.findByName("s")!, access: "0", kind: CoreKind.TypeSize },
  ];
  const small = parseBtf(minimizeBtf(kernel, [{ btf: local, relocations }]));

  test("keeps the members on the way, and nothing else", () => {
    const s = small.findByName("s")!;
    expect(small.members(s).map(({ name, bitOffset }) => [name, bitOffset])).toEqual([["", 128]]);
    expect(small.members(small.memberType(s, 0)).map(({ name }) => name)).toEqual(["b"]);
    expect(small.typeCount).toBe(4);
  });

  test("gives the same answers", () => {
    for (const relocation of relocations)
      expect(new CoreResolver(local, { kernel: small }).resolve(relocation)).toEqual(
        new CoreResolver(local, { kernel }).resolve(relocation),
      );
  });
});
