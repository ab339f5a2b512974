import { array, assert, nat, property, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import { BtfBuilder, BtfError, BtfKind, cHeader, parseBtf } from "../index.ts";

type Member = readonly [name: string, type: number, bitOffset: number, bitSize?: number];

function struct(builder: BtfBuilder, name: string, size: number, members: readonly Member[]): number {
  return builder.struct(
    name,
    size,
    members.map(([member, type, bitOffset, bitSize = 0]) => ({ name: member, type, bitOffset, bitSize })),
  );
}

/** The header's types without its frame. */
function types(builder: BtfBuilder, options = {}): string {
  const text = cHeader(parseBtf(builder.encode()), options);
  const [, body = ""] = text.split("#define __bpf_fastcall\n#endif\n#endif\n\n");
  return body.split(/\n\/\* BPF kfuncs|#ifndef/)[0]!;
}

function basics(): { builder: BtfBuilder; int: number; char: number; long: number } {
  const builder = new BtfBuilder();
  return {
    builder,
    int: builder.signedInt("int", 4),
    char: builder.signedInt("char", 1),
    long: builder.signedInt("long", 8),
  };
}

test("declarators nest as in C", () => {
  const { builder, int, char, long } = basics();
  const double = builder.float("double", 8);
  const inner = builder.prototype(int, [{ name: "", type: builder.pointer(0) }]);
  const outer = builder.prototype(double, [
    { name: "", type: builder.pointer(inner) },
    { name: "", type: long },
  ]);
  const table = builder.array(builder.pointer(builder.pointer(outer)), int, 3);
  const constant = builder.modifier(BtfKind.Const, builder.modifier(BtfKind.Volatile, int));
  const variadic = builder.prototype(0, [
    { name: "format", type: builder.pointer(builder.modifier(BtfKind.Const, char)) },
    { name: "", type: 0 },
  ]);
  struct(builder, "s", 64, [
    ["functions", table, 0],
    ["p", builder.modifier(BtfKind.Const, builder.pointer(constant)), 192],
    ["grid", builder.array(builder.array(char, int, 4), int, 2), 256],
    ["print", builder.pointer(variadic), 320],
    ["none", builder.pointer(builder.prototype(int, [])), 384],
    ["tagged", builder.pointer(builder.typeTag("user", int)), 448],
  ]);
  expect(types(builder)).toBe(`struct s {
	double (**functions[3])(int (*)(void *), long);
	volatile const int * const p;
	char grid[2][4];
	void (*print)(const char *format, ...);
	int (*none)(void);
	int __attribute__((btf_type_tag("user"))) *tagged;
};

`);
});

test("cycles through pointers get forward declarations", () => {
  const { builder } = basics();
  const [first, second] = [builder.nextId, builder.nextId + 1];
  struct(builder, "first", 16, [
    ["self", second + 1, 0],
    ["other", second + 2, 64],
  ]);
  struct(builder, "second", 16, [["embedded", first, 0]]);
  builder.pointer(first);
  builder.pointer(second);
  expect(types(builder, { order: "id" })).toBe(`struct second;

struct first {
	struct first *self;
	struct second *other;
};

struct second {
	struct first embedded;
};

`);
});

test("gaps that a compiler would not leave are filled", () => {
  const { builder, int, char, long } = basics();
  struct(builder, "packed", 9, [
    ["a", char, 0],
    ["b", long, 8],
  ]);
  struct(builder, "bits", 16, [
    ["a", int, 0, 3],
    ["b", int, 8, 9],
    ["c", long, 64],
  ]);
  struct(builder, "holes", 24, [
    ["a", char, 0],
    ["b", char, 128],
  ]);
  expect(types(builder, { order: "id" })).toBe(`struct packed {
	char a;
	long b;
} __attribute__((packed));

struct bits {
	int a: 3;
	char: 5;
	int b: 9;
	long c;
};

struct holes {
	char a;
	long: 64;
	char b;
	long: 0;
};

`);
});

test("names that are taken get a number", () => {
  const { builder, int } = basics();
  const anonymous = struct(builder, "", 4, [["x", int, 0]]);
  builder.typedef("t", anonymous);
  struct(builder, "t", 4, [["y", int, 0]]);
  struct(builder, "t", 4, [["z", int, 0]]);
  builder.enum("e", 1, true, [{ name: "t", value: -1n }]);
  builder.enum64("wide", false, [{ name: "TOP", value: 1n << 40n }]);
  expect(types(builder, { order: "id" })).toBe(`typedef struct {
	int x;
} t;

struct t {
	int y;
};

struct t___2 {
	int z;
};

enum e {
	t___2 = -1,
} __attribute__((mode(byte)));

enum wide {
	TOP = 1099511627776ULL,
};

`);
});

describe("order", () => {
  const { builder, int } = basics();
  struct(builder, "b", 4, [["x", int, 0]]);
  struct(builder, "a", 4, [["x", int, 0]]);
  builder.enum("", 4, false, [{ name: "FIRST", value: 0n }]);

  test("is by kind and name", () => {
    expect(types(builder).match(/\w+ \{/g)).toEqual(["enum {", "a {", "b {"]);
  });
  test("loses the first type where the peer does", () => {
    expect(types(builder, { exact: true }).match(/\w+ \{/g)).toEqual(["a {", "b {"]);
  });
  test("is that of roots where there are some", () => {
    expect(types(builder, { roots: [4] }).match(/\w+ \{/g)).toEqual(["b {"]);
  });
});

test("kernel functions for programs are declared", () => {
  const { builder, int } = basics();
  const proto = builder.prototype(int, [{ name: "x", type: int }]);
  const func = builder.func("bpf_do", proto, 1);
  builder.declTag("bpf_kfunc", func);
  builder.declTag("bpf_fastcall", func);
  expect(cHeader(parseBtf(builder.encode()))).toContain(
    "extern __bpf_fastcall int bpf_do(int x) __weak __ksym;\n",
  );
});

describe("hostile types", () => {
  test("that contain themselves are refused", () => {
    const builder = new BtfBuilder();
    struct(builder, "s", 4, [["s", 1, 0]]);
    expect(() => cHeader(parseBtf(builder.encode()))).toThrow(BtfError);
  });

  test("that would grow without end are refused", () => {
    const { builder, int } = basics();
    let inner = int;
    for (let level = 0; level < 40; level++)
      inner = struct(builder, "", 4, [
        ["a", inner, 0],
        ["b", inner, 0],
      ]);
    struct(builder, "s", 4, [["top", inner, 0]]);
    expect(() => cHeader(parseBtf(builder.encode()))).toThrow(BtfError);
  });

  test("made by chance give typed errors only", () => {
    const { builder, int, char } = basics();
    struct(builder, "s", 8, [["a", builder.pointer(builder.nextId), 0, 3]]);
    builder.typedef("t", builder.array(int, char, 3));
    builder.prototype(int, [{ name: "x", type: char }]);
    builder.enum("e", 4, true, [{ name: "A", value: 1n }]);
    const bytes = builder.encode();
    assert(
      property(array(tuple(nat(bytes.length - 1), nat(255)), { minLength: 1, maxLength: 6 }), (changes) => {
        const mutated = bytes.slice();
        for (const [at, value] of changes) mutated[at] = value;
        try {
          cHeader(parseBtf(mutated));
        } catch (error) {
          if (!(error instanceof BtfError)) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });
});

test("typedefs of incomplete types come last, by name, and bring their declarations along", () => {
  const { builder, int } = basics();
  const late = builder.forward("late");
  const early = builder.forward("early");
  builder.typedef("b_t", late);
  builder.typedef("a_t", builder.pointer(0));
  builder.prototype(int, [{ name: "", type: builder.pointer(early) }]);
  struct(builder, "whole", 8, [["first", builder.pointer(builder.forward("inner")), 0]]);
  expect(types(builder)).toBe(`struct inner;

struct whole {
\tstruct inner *first;
};

struct early;

typedef void *a_t;

struct late;

typedef struct late b_t;

`);
});
