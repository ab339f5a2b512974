import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BtfBuilder, BtfIntEncoding, BtfLinkage, parseBtf } from "../btf/index.ts";
import { BpfkitError } from "../errors.ts";
import { memoryOf } from "../util/index.ts";
import { CodecError, compileCodec, shapeOf, Shapes } from "./index.ts";
import type { Shape } from "./index.ts";

const builder = new BtfBuilder();
const int = builder.signedInt("int", 4);
const u8 = builder.int("unsigned char", 1);
const u32 = builder.int("unsigned int", 4);
const u64 = builder.int("unsigned long long", 8);
const char = builder.signedInt("char", 1);
const bool = builder.int("_Bool", 1, BtfIntEncoding.Bool);
const wide = builder.signedInt("__int128", 16);
const double = builder.float("double", 8);
const pointer = builder.pointer(0);
const state = builder.enum("state", 4, false, [
  { name: "IDLE", value: 0n },
  { name: "BUSY", value: 7n },
]);
const comm = builder.array(char, int, 16);
const mac = builder.array(u8, int, 6);
const counters = builder.array(u64, int, 3);
const plain = (name: string, type: number, byte: number, bitSize = 0) => ({
  name,
  type,
  bitOffset: byte * 8,
  bitSize,
});
const address = builder.union("", 16, [plain("v4", u32, 0), plain("v6", builder.array(u8, int, 16), 0)]);
const event = builder.struct("event", 128, [
  plain("pid", u32, 0),
  plain("delta", int, 4),
  plain("when", u64, 8),
  plain("comm", comm, 16),
  plain("mac", mac, 32),
  plain("ok", bool, 38),
  plain("state", state, 40),
  plain("", address, 48),
  plain("place", pointer, 64),
  plain("counters", counters, 72),
  plain("ratio", double, 96),
  plain("big", wide, 112),
]);
const flags = builder.struct("flags", 8, [
  { name: "low", type: u32, bitOffset: 0, bitSize: 3 },
  { name: "signed", type: int, bitOffset: 3, bitSize: 5 },
  { name: "long", type: u64, bitOffset: 13, bitSize: 40 },
  { name: "short", type: u64, bitOffset: 53, bitSize: 11 },
]);
const tail = builder.struct("tail", 4, [
  plain("length", u32, 0),
  plain("data", builder.array(char, int, 0), 4),
]);
const anonymous = builder.typedef("named_t", builder.struct("", 4, [plain("__proto__", u32, 0)]));
const section = builder.dataSection(".data", 8, [
  { type: builder.variable("limit", u32, BtfLinkage.Global), offset: 0, size: 4 },
  { type: builder.variable("enabled", bool, BtfLinkage.Static), offset: 4, size: 1 },
]);
const btf = parseBtf(builder.encode());

function codec(type: number): ReturnType<typeof compileCodec<unknown>> {
  return compileCodec<unknown>(shapeOf(btf, type), "value");
}

const sample = {
  pid: 4_000_000_000,
  delta: -3,
  when: 18_446_744_073_709_551_615n,
  comm: "náme",
  mac: Uint8Array.of(1, 2, 3, 4, 5, 6),
  ok: true,
  state: 7,
  v4: 0x0403_0201,
  v6: Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  place: 0xffff_8000_0000_0000n,
  counters: [1n, 2n, 3n],
  ratio: 0.25,
  big: -(2n ** 100n),
};

describe("codecs", () => {
  it("read what they wrote, of every kind of type", () => {
    const { v4: _v4, ...input } = sample;
    expect(codec(event).read(codec(event).write(input))).toEqual(sample);
  });

  it("read bytes as C lays them out", () => {
    const bytes = new Uint8Array(128);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 42, true);
    view.setBigUint64(72, 9n, true);
    bytes.set(Buffer.from("sh\0junk"), 16);
    expect(codec(event).read(bytes)).toMatchObject({
      pid: 42,
      comm: "sh",
      counters: [9n, 0n, 0n],
      ok: false,
    });
  });

  it("read and write bitfields without touching their neighbours", () => {
    const value = { low: 5, signed: -16, long: 2n ** 39n + 1n, short: 2047 };
    const bytes = codec(flags).write(value);
    expect(codec(flags).read(bytes)).toEqual(value);
    // Bits 8 to 12 belong to none.
    expect(bytes[1]! & 0x1f).toBe(0);
    expect(codec(flags).read(Uint8Array.of(0x85, 0, 0, 0, 0, 0, 0, 0))).toMatchObject({
      low: 5,
      signed: -16,
    });
  });

  it("write zero for members that are left out", () => {
    expect(codec(event).write({ pid: 1 })).toEqual(Uint8Array.of(1, ...new Uint8Array(127)));
  });

  it("take structs as their raw bytes", () => {
    const raw = Uint8Array.from({ length: 128 }, (_, index) => index);
    expect(codec(event).write(raw)).toEqual(raw);
    expect(() => codec(event).write(new Uint8Array(3))).toThrow("128 bytes, not 3");
  });

  it("give the last array what was sent of it", () => {
    const bytes = Buffer.from("\x05\0\0\0hello\0behind");
    expect(codec(tail).decode(memoryOf(bytes), 0, 9)).toEqual({ length: 5, data: "hello" });
    expect(codec(tail).decode(memoryOf(bytes), 0, 4)).toEqual({ length: 5, data: "" });
    expect(codec(tail).minimumSize).toBe(4);
    expect(() => codec(tail).read(new Uint8Array(3))).toThrow(CodecError);
  });

  it("read texts as strings up to the first NUL, whether they saw them before or not", () => {
    const text = compileCodec<string>({ kind: "text", size: 16 }, "text");
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("", "a", "abcd", "abcde", "0123456789abcdef", "żółw", "abc\0x"), {
          maxLength: 30,
        }),
        (texts) => {
          for (const one of texts) {
            const bytes = new Uint8Array(20).fill(0x7a, 16);
            bytes.set(Buffer.from(one));
            expect(text.decode(memoryOf(bytes), 0, 16)).toBe(one.split("\0")[0]);
          }
        },
      ),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const end = bytes.indexOf(0);
        expect(text.read(bytes)).toBe(Buffer.from(bytes.subarray(0, end < 0 ? 16 : end)).toString());
      }),
    );
  });

  it("copy bytes, which may be gone in the kernel's memory soon", () => {
    const bytes = new Uint8Array(6).fill(1);
    const value = codec(mac).read(bytes);
    bytes.fill(2);
    expect(value).toEqual(new Uint8Array(6).fill(1));
  });

  it("name anonymous types by their typedef, and keep odd member names", () => {
    const shape = shapeOf(btf, anonymous);
    expect(shape).toMatchObject({ kind: "struct", name: "named_t" });
    const value = compileCodec<object>(shape, "value").read(Uint8Array.of(7, 0, 0, 0));
    expect(Object.entries(value)).toEqual([["__proto__", 7]]);
  });

  it("know the variables of a section", () => {
    expect(
      new Shapes(btf).section(section).map(({ name, offset, shape }) => [name, offset, shape.kind]),
    ).toEqual([["limit", 0, "int"]]);
  });

  it.each([
    ["value.pid takes a whole number from 0 to 4294967295, not -1", { pid: -1 }],
    ["value.pid takes a whole number", { pid: 1.5 }],
    ["value.delta takes a whole number from -2147483648", { delta: 2 ** 31 }],
    ["value.when takes a non-negative integer of 64 bits", { when: -1n }],
    ["value.when takes", { when: 2 ** 60 }],
    ["value.comm has room for 16 bytes, not for 23", { comm: "a name that is too long" }],
    ["value.mac takes a string or a Uint8Array", { mac: [1] }],
    ["value.ok takes true or false", { ok: 1 }],
    ["value.counters has 3 elements, not 4", { counters: [1, 2, 3, 4] }],
    ["value.counters[1] takes", { counters: [1, "2"] }],
    ["value has no member pidd", { pidd: 1 }],
    ["value takes an object with pid", null],
  ] as const)("refuse with %s", (message, value) => {
    expect(() => codec(event).write(value)).toThrow(message);
  });
});

describe("hostile types", () => {
  it("are refused when a struct contains itself", () => {
    const b = new BtfBuilder();
    b.struct("loop", 8, [{ name: "self", type: 1, bitOffset: 0, bitSize: 0 }]);
    expect(() => shapeOf(parseBtf(b.encode()), 1)).toThrow("contains itself");
  });

  it("are refused when a member lies outside", () => {
    const b = new BtfBuilder();
    b.struct("short", 4, [{ name: "far", type: 2, bitOffset: 32, bitSize: 0 }]);
    b.int("int", 4);
    expect(() => shapeOf(parseBtf(b.encode()), 1)).toThrow("outside its type");
  });

  it("throw typed errors only, whatever byte is changed", () => {
    const blob = builder.encode();
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(blob.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const bytes = blob.slice();
          for (const [at, value] of changes) bytes[at] = value;
          typedErrorsOnly(() => {
            const mutated = parseBtf(bytes);
            for (const id of [event, flags, tail, section]) {
              const shape = shapeOf(mutated, id);
              if (shape.size > 1 << 20) continue;
              const whole = compileCodec<unknown>(shape, "value");
              typedErrorsOnly(() => whole.write(whole.read(new Uint8Array(shape.size))));
            }
          });
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** Shapes of any nesting, and values that fit them. */
const scalar = fc.constantFrom<Shape>(
  { kind: "int", size: 1, signed: true },
  { kind: "int", size: 2, signed: false },
  { kind: "int", size: 4, signed: true },
  { kind: "bigint", size: 8, signed: true },
  { kind: "bigint", size: 16, signed: false },
  { kind: "boolean", size: 1 },
  { kind: "float", size: 8 },
  { kind: "bytes", size: 5 },
);
const { shape: anyShape } = fc.letrec<{ shape: Shape }>((tie) => ({
  shape: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    scalar,
    fc
      .tuple(tie("shape"), fc.integer({ min: 1, max: 4 }))
      .map(([element, length]): Shape => ({ kind: "array", element, length, size: element.size * length })),
    fc.array(tie("shape"), { minLength: 1, maxLength: 4 }).map((shapes): Shape => {
      let size = 0;
      const fields = shapes.map((shape, index) => {
        const field = { name: `f${index}`, offset: size, shape };
        size += shape.size;
        return field;
      });
      return { kind: "struct", name: "s", size, fields };
    }),
  ),
}));

it("whatever the bytes, what was read is written back as it was", () => {
  fc.assert(
    fc.property(
      anyShape.chain((shape) =>
        fc.tuple(fc.constant(shape), fc.uint8Array({ minLength: shape.size, maxLength: shape.size })),
      ),
      ([shape, bytes]) => {
        const whole = compileCodec<unknown>(shape, "value");
        const value = whole.read(bytes);
        expect(whole.read(whole.write(value))).toEqual(value);
      },
    ),
    { numRuns: 200 },
  );
});

function typedErrorsOnly(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
  }
}
