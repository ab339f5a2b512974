import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { BtfKind, parseBtf } from "../../src/btf/index.ts";
import type { Btf } from "../../src/btf/index.ts";
import { assemble, encode } from "../../src/isa/index.ts";
import type { Fd, Kernel } from "../../src/kernel/index.ts";
import { BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../src/uapi/index.ts";
import { openBothKernels } from "./test-kernel.ts";

// bpf_snprintf_btf writes the same of random bytes as random types of the running kernel.

const kernels = await openBothKernels();
const release = kernels?.linux.release;
const same = kernels?.linux.files.hasBtf() === true && release!.major === 6 && release!.minor >= 12;
if (!same) console.log("Skipped: texts of values are compared with Linux 6.12 and newer");

const SIZE = 4096;
const TEXT = 60_000;
/** BTF_F_PTR_RAW: other pointers are hashed. */
const RAW = 4;
const SHOWN: readonly number[] = [
  BtfKind.Int,
  BtfKind.Struct,
  BtfKind.Union,
  BtfKind.Enum,
  BtfKind.Enum64,
  BtfKind.Array,
  BtfKind.Ptr,
];

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

const lookup = (fd: Fd): string =>
  `r1 = map[fd:${fd}]\nr2 = r10\nr2 += -24\ncall bpf_map_lookup_elem\nif r0 == 0 goto out\n`;

/** One kernel's way to text. */
class Shower implements Disposable {
  readonly #kernel: Kernel;
  readonly #maps: readonly [data: Fd, text: Fd, pointer: Fd];
  readonly #program: Fd;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    const map = (value_size: number): Fd =>
      kernel.bpf("MAP_CREATE", { map_type: BPF_MAP_TYPE.ARRAY, key_size: 4, value_size, max_entries: 1 });
    this.#maps = [map(SIZE), map(TEXT), map(24)];
    const [data, text, pointer] = this.#maps;
    // Type, flags and the text's room come from the third map.
    const program = `r1 = 0\n*(u64 *)(r10 -24) = r1\n${lookup(data)}r6 = r0\n${lookup(text)}r7 = r0\n${lookup(pointer)}r8 = r0
      *(u64 *)(r10 -16) = r6
      r1 = *(u32 *)(r8 +0)
      *(u64 *)(r10 -8) = r1
      r5 = *(u32 *)(r8 +4)
      r2 = *(u32 *)(r8 +8)
      if r2 > ${TEXT} goto out
      if r2 == 0 goto out
      r1 = r7
      r3 = r10
      r3 += -16
      r4 = 16
      call bpf_snprintf_btf
      exit
      out:
      r0 = 0
      exit`;
    this.#program = kernel.bpf("PROG_LOAD", {
      prog_type: BPF_PROG_TYPE.RAW_TRACEPOINT,
      insns: encode(assemble(program)),
      license: "GPL",
    });
  }

  show(
    type: number,
    flags: number,
    bytes: Uint8Array,
    room: number,
  ): readonly [result: number, text: string] {
    const [data, text, pointer] = this.#maps;
    const kernel = this.#kernel;
    const update = (map_fd: Fd, value: Uint8Array): void =>
      kernel.bpf("MAP_UPDATE_ELEM", { map_fd, key: u32(0), value });
    const given = new Uint8Array(24);
    given.set([...u32(type), ...u32(flags), ...u32(room)]);
    const all = new Uint8Array(SIZE);
    all.set(bytes.subarray(0, SIZE));
    update(data, all);
    update(text, new Uint8Array(TEXT));
    update(pointer, given);
    const { retval } = kernel.bpf("PROG_TEST_RUN", { prog_fd: this.#program });
    const out = new Uint8Array(TEXT);
    kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: text, key: u32(0), value: out });
    return [retval | 0, Buffer.from(out.subarray(0, out.indexOf(0))).toString("latin1")];
  }

  [Symbol.dispose](): void {
    for (const fd of [this.#program, ...this.#maps]) this.#kernel.close(fd);
  }
}

/** Types whose values fit, of each kind some. */
function typesOf(btf: Btf): readonly number[] {
  const byKind = new Map<number, number[]>();
  for (let id = 1; id < btf.typeCount; id++) {
    const kind = btf.kind(id);
    if (!SHOWN.includes(kind) || btf.size(id) > SIZE) continue;
    const known = byKind.get(kind);
    if (known) known.push(id);
    else byKind.set(kind, [id]);
  }
  return [...byKind.values()].flatMap((ids) =>
    ids.filter((_, index) => index % Math.ceil(ids.length / 400) === 0),
  );
}

describe.skipIf(!same)("bpf_snprintf_btf", () => {
  afterAll(() => {
    for (const kernel of Object.values(kernels!)) kernel[Symbol.dispose]();
  });

  test("writes the same of values of every kind", () => {
    const types = typesOf(parseBtf(kernels!.linux.files.btf()));
    using linux = new Shower(kernels!.linux);
    using embedded = new Shower(kernels!.embedded);
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: SIZE, maxLength: SIZE }),
      // Mostly zeroes, and texts.
      fc.array(fc.tuple(fc.nat(SIZE - 1), fc.nat(255)), { maxLength: 60 }).map((set) => {
        const some = new Uint8Array(SIZE);
        for (const [at, byte] of set) some[at] = byte;
        return some;
      }),
      fc.constant(new Uint8Array(SIZE)),
      fc.constant(new Uint8Array(Buffer.alloc(SIZE, "text\0"))),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.nat(15),
        bytes,
        fc.constantFrom(1, 10, 400, TEXT),
        (type, flags, value, room) => {
          expect(embedded.show(type, flags | RAW, value, room)).toEqual(
            linux.show(type, flags | RAW, value, room),
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  test("refuses the same types and flags", () => {
    using linux = new Shower(kernels!.linux);
    using embedded = new Shower(kernels!.embedded);
    const { typeCount } = parseBtf(kernels!.linux.files.btf());
    for (const type of [0, 1, typeCount, typeCount + 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])
      for (const flags of [RAW, 16, 1 << 31])
        expect(embedded.show(type, flags, new Uint8Array(8), 100)).toEqual(
          linux.show(type, flags, new Uint8Array(8), 100),
        );
  });
});
