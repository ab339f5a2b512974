import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { assemble, encode } from "../../isa/index.ts";
import { BPF_F, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../uapi/index.ts";
import type { Fd } from "../index.ts";
import { openEmbeddedKernel } from "./index.ts";
import type { EmbeddedKernel, EmbeddedKernelOptions } from "./index.ts";

/** An access of a random program: at a constant offset, or at one that comes from its context. */
interface Access {
  readonly to: "stack" | "value";
  readonly known: boolean;
  readonly offset: number;
  readonly size: 1 | 2 | 4 | 8;
  readonly kind: "load" | "store" | "atomic";
}

const VALUE_SIZE = 24;
const FRAME = 512;

const anyAccess: fc.Arbitrary<Access> = fc
  .record({
    to: fc.constantFrom("stack", "value"),
    known: fc.boolean(),
    place: fc.nat(),
    size: fc.constantFrom(1, 2, 4, 8),
    kind: fc.constantFrom("load", "store", "store", "atomic"),
  })
  .map(({ to, known, place, size, kind }) => ({
    to,
    known,
    // Mostly inside, and around both ends.
    offset: to === "value" ? (place % 40) - 8 : place % 3 === 0 ? (place % 24) - 536 : (place % 48) - 40,
    size,
    kind: kind === "atomic" && size < 4 ? "load" : kind,
  }));

const TYPE = { 1: "u8", 2: "u16", 4: "u32", 8: "u64" } as const;

function code({ to, known, offset, size, kind }: Access, index: number): string {
  const base = to === "stack" ? "r10" : "r7";
  const pointer = known
    ? `r2 = ${base}\nr2 += ${offset}`
    : `r2 = *(u64 *)(r6 +${index * 8})\nr3 = ${base}\nr2 += r3`;
  const memory = `*(${TYPE[size]} *)(r2 +0)`;
  const access =
    kind === "load" ? `r0 = ${memory}` : kind === "store" ? `${memory} = r8` : `lock ${memory} += r8`;
  return `${pointer}\n${access}`;
}

/** A program that does so, and which slot each access is at. */
function programOf(accesses: readonly Access[], map: Fd): { insns: Uint8Array; slots: number[] } {
  const start = `r6 = r1\nr8 = 0\n*(u32 *)(r10 -4) = r8\nr1 = map[fd:${map}]\nr2 = r10\nr2 += -4
    call bpf_map_lookup_elem\nr7 = r0\nif r7 == 0 goto out`;
  const texts = accesses.map(code);
  const text = (count: number): string => [start, ...texts.slice(0, count), "out:\nr0 = 0\nexit"].join("\n");
  // Before the end lie two instructions, and before them the access.
  const slots = accesses.map((_, index) => assemble(text(index + 1)).length - 3);
  return { insns: encode(assemble(text(accesses.length))), slots };
}

/** Which access is refused first, by what the bytes are. */
function expected(accesses: readonly Access[], strict: boolean, interpreted: boolean): number {
  const written = new Set([-4, -3, -2, -1]);
  return accesses.findIndex(({ to, known, offset, size, kind }) => {
    const bytes = Array.from({ length: size }, (_, index) => offset + index);
    if (to === "value") return bytes.some((byte) => byte < 0 || byte >= VALUE_SIZE);
    // Where a frame ends is only known of constants, or where the stack is looked at byte by byte.
    const bounded = strict || (known && !interpreted);
    if (bytes.some((byte) => byte >= 0 || (bounded && byte < -FRAME))) return true;
    if (kind !== "store") return strict && bytes.some((byte) => !written.has(byte));
    for (const byte of bytes) written.add(byte);
    return false;
  });
}

function refusedSlot(kernel: EmbeddedKernel, insns: Uint8Array, context: Uint8Array): number | undefined {
  const program = kernel.bpf("PROG_LOAD", {
    prog_type: BPF_PROG_TYPE.RAW_TRACEPOINT,
    insns,
    license: "GPL",
  });
  try {
    kernel.run(program, context);
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ code: "vm/checked" });
    return Number(/instruction (\d+)/.exec(String(error))?.[1]);
  } finally {
    kernel.close(program);
  }
}

function outcome(text: string, kernel: EmbeddedKernel): string {
  try {
    const program = kernel.bpf("PROG_LOAD", {
      prog_type: BPF_PROG_TYPE.RAW_TRACEPOINT,
      insns: encode(assemble(text)),
      license: "GPL",
    });
    return String(kernel.run(program, new Uint8Array(64)));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function create(kernel: EmbeddedKernel, map_type: number, rest: object = {}): Fd {
  return kernel.bpf("MAP_CREATE", { map_type, key_size: 4, value_size: 8, max_entries: 4, ...rest });
}

const KEY = "r6 = 0\n*(u64 *)(r10 -8) = r6\n";

function lookup(map: Fd): string {
  return `r1 = map[fd:${map}]\nr2 = r10\nr2 += -8\ncall bpf_map_lookup_elem\n`;
}

const OPTIONS: readonly EmbeddedKernelOptions[] = (["jit", "interpreter"] as const).flatMap((mode) =>
  ([true, "strict"] as const).map((checked) => ({ mode, checked, memory: 1 << 20 })),
);

describe.each(OPTIONS)("$mode, checked: $checked", (options) => {
  const strict = options.checked === "strict";

  test("an access is refused exactly where something of it is not there", () => {
    using kernel = openEmbeddedKernel(options);
    const map = kernel.bpf("MAP_CREATE", {
      map_type: BPF_MAP_TYPE.ARRAY,
      key_size: 4,
      value_size: VALUE_SIZE,
      max_entries: 1,
    });
    fc.assert(
      fc.property(fc.array(anyAccess, { minLength: 1, maxLength: 12 }), (accesses) => {
        const { insns, slots } = programOf(accesses, map);
        const context = new Uint8Array(
          BigInt64Array.from(Array.from({ length: 12 }, (_, index) => BigInt(accesses[index]?.offset ?? 0)))
            .buffer,
        );
        const wrong = expected(accesses, strict, options.mode === "interpreter");
        expect(refusedSlot(kernel, insns, context)).toBe(wrong < 0 ? undefined : slots[wrong]);
      }),
      { numRuns: 150 },
    );
  });

  test("maps are maps", () => {
    using kernel = openEmbeddedKernel(options);
    expect(
      outcome(`${KEY}r1 = r10\nr1 += -64\nr2 = r10\nr2 += -8\ncall bpf_map_lookup_elem\nexit`, kernel),
    ).toMatch(/gave bpf_map_lookup_elem 0x[0-9a-f]+: that is no map/);
    const map = create(kernel, BPF_MAP_TYPE.ARRAY);
    // What describes the map is the kernel's.
    expect(outcome(`r1 = map[fd:${map}]\nr0 = *(u32 *)(r1 +28)\nexit`, kernel)).toMatch(
      /nothing lives there/,
    );
    expect(outcome(`r1 = map[fd:${map}]\nr2 = 0\n*(u32 *)(r1 +28) = r2\nexit`, kernel)).toMatch(
      /nothing lives there/,
    );
    expect(outcome(`${KEY}${lookup(map)}r0 = *(u64 *)(r0 +0)\nexit`, kernel)).toBe("0");
  });

  test("maps that programs may only read are only read", () => {
    using kernel = openEmbeddedKernel(options);
    const map = create(kernel, BPF_MAP_TYPE.ARRAY, { map_flags: BPF_F.RDONLY_PROG });
    const read = `${KEY}${lookup(map)}if r0 == 0 goto out\nr7 = *(u64 *)(r0 +0)\n`;
    expect(outcome(`${read}out:\nr0 = r7\nexit`, kernel)).toBe("0");
    expect(outcome(`${read}*(u64 *)(r0 +0) = r7\nout:\nr0 = 0\nexit`, kernel)).toMatch(
      /write of 8 bytes at .*: that may only be read/,
    );
    const update = `${KEY}r1 = map[fd:${map}]\nr2 = r10\nr2 += -8\nr3 = r2\nr4 = 0\ncall bpf_map_update_elem\nexit`;
    expect(outcome(update, kernel)).toMatch(/no map that programs may change/);
  });

  test("records of rings are those that were reserved, as long as they are", () => {
    using kernel = openEmbeddedKernel(options);
    const ring = create(kernel, BPF_MAP_TYPE.RINGBUF, { key_size: 0, value_size: 0, max_entries: 4096 });
    const reserve = `r1 = map[fd:${ring}]\nr2 = 16\nr3 = 0\ncall bpf_ringbuf_reserve\nif r0 == 0 goto out\nr7 = r0\nr8 = 1\n`;
    const submit = "r1 = r7\nr2 = 0\ncall bpf_ringbuf_submit\n";
    const end = "out:\nr0 = 0\nexit";
    expect(outcome(`${reserve}*(u64 *)(r7 +8) = r8\n${submit}${end}`, kernel)).toBe("0");
    expect(outcome(`${reserve}*(u64 *)(r7 +12) = r8\n${submit}${end}`, kernel)).toMatch(/write of 8 bytes/);
    expect(outcome(`${reserve}*(u64 *)(r7 -8) = r8\n${submit}${end}`, kernel)).toMatch(/write of 8 bytes/);
    expect(outcome(`${reserve}${submit}${submit}${end}`, kernel)).toMatch(/no reserved record/);
    expect(outcome(`r7 = r10\nr7 += -64\n${submit}${end}`, kernel)).toMatch(/no reserved record/);
    // What was left reserved is not in the way.
    expect(outcome(`${reserve}${end}`, kernel)).toBe("0");
    expect(outcome(`${reserve}*(u64 *)(r7 +0) = r8\n${submit}${end}`, kernel)).toBe("0");
  });

  test("dynptrs are those that a helper made", () => {
    using kernel = openEmbeddedKernel(options);
    const map = create(kernel, BPF_MAP_TYPE.ARRAY, { value_size: 64 });
    const make = `${KEY}${lookup(map)}if r0 == 0 goto out\nr1 = r0\nr2 = 64\nr3 = 0\nr4 = r10\nr4 += -32\ncall bpf_dynptr_from_mem\n`;
    const write = "r1 = r10\nr1 += -32\nr2 = 0\nr3 = r10\nr3 += -8\nr4 = 8\nr5 = 0\ncall bpf_dynptr_write\n";
    const end = "out:\nr0 = 0\nexit";
    expect(outcome(`${make}${write}${end}`, kernel)).toBe("0");
    expect(outcome(`${make}*(u64 *)(r10 -32) = r6\n${write}${end}`, kernel)).toMatch(/that is no dynptr/);
    expect(outcome(`${KEY}${write}${end}`, kernel)).toMatch(/that is no dynptr/);
    // The frame of a later run is another one.
    expect(outcome(`${KEY}${write}${end}`, kernel)).toMatch(/that is no dynptr/);
  });

  test("callbacks read keys, and do not write them", () => {
    using kernel = openEmbeddedKernel(options);
    const map = create(kernel, BPF_MAP_TYPE.HASH);
    const each = (body: string): string => `${KEY}r1 = map[fd:${map}]\nr2 = r10\nr2 += -8\nr3 = r2\nr4 = 0
      call bpf_map_update_elem\nr1 = map[fd:${map}]\nr2 = subprog[each]\nr3 = 0\nr4 = 0\ncall bpf_for_each_map_elem\nexit
      each:\n${body}\nr0 = 0\nexit`;
    expect(outcome(each("r1 = *(u32 *)(r2 +0)\n*(u64 *)(r3 +0) = r1"), kernel)).toBe("1");
    expect(outcome(each("r1 = 7\n*(u32 *)(r2 +0) = r1"), kernel)).toMatch(/that may only be read/);
  });

  test("elements of large arrays are there once they are looked up", () => {
    using kernel = openEmbeddedKernel({ ...options, memory: 16 << 20 });
    const map = create(kernel, BPF_MAP_TYPE.ARRAY, { max_entries: 1 << 19 });
    const add = `${KEY}${lookup(map)}r7 = *(u64 *)(r0 +0)\nr7 += 3\n*(u64 *)(r0 +0) = r7\nr0 = r7\nexit`;
    expect(outcome(add, kernel)).toBe("3");
    expect(outcome(add, kernel)).toBe("6");
    expect(outcome(`${KEY}${lookup(map)}r0 = *(u64 *)(r0 +8)\nexit`, kernel)).toMatch(/nothing lives there/);
  });

  test(`what was deleted is ${strict ? "gone" : "there until another takes its place"}`, () => {
    using kernel = openEmbeddedKernel(options);
    const map = create(kernel, BPF_MAP_TYPE.HASH);
    const text = `r6 = 5\n*(u64 *)(r10 -8) = r6\nr1 = map[fd:${map}]\nr2 = r10\nr2 += -8\nr3 = r2\nr4 = 0
      call bpf_map_update_elem\n${lookup(map)}r7 = r0\nr1 = map[fd:${map}]\nr2 = r10\nr2 += -8
      call bpf_map_delete_elem\nr0 = *(u64 *)(r7 +0)\nexit`;
    if (strict) expect(outcome(text, kernel)).toMatch(/it was freed or deleted/);
    else expect(outcome(text, kernel)).toBe("5");
  });
});
