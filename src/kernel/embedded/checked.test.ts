import { describe, expect, test } from "vitest";
import { BtfBuilder, BtfLinkage } from "../../btf/index.ts";
import { assemble, encode } from "../../isa/index.ts";
import { BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../uapi/index.ts";
import type { Fd } from "../index.ts";
import { openEmbeddedKernel } from "./index.ts";
import type { EmbeddedKernel } from "./index.ts";

function withKernel(use: (kernel: EmbeddedKernel, hash: Fd) => void): void {
  using kernel = openEmbeddedKernel({ checked: "strict", memory: 4 << 20 });
  use(
    kernel,
    kernel.bpf("MAP_CREATE", { map_type: BPF_MAP_TYPE.HASH, key_size: 4, value_size: 8, max_entries: 4 }),
  );
}

function load(kernel: EmbeddedKernel, text: string, extra: object = {}): Fd {
  return kernel.bpf("PROG_LOAD", {
    prog_type: BPF_PROG_TYPE.RAW_TRACEPOINT,
    insns: encode(assemble(text)),
    license: "GPL",
    ...extra,
  });
}

function outcome(text: (hash: Fd) => string, extra: object = {}): unknown {
  let result: unknown;
  withKernel((kernel, hash) => {
    try {
      result = kernel.run(load(kernel, text(hash), extra), new Uint8Array(16));
    } catch (error) {
      result = error instanceof Error && "code" in error ? `${String(error.code)} ${error.message}` : error;
    }
  });
  return result;
}

const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

const KEY = "r1 = 7\n*(u32 *)(r10 -4) = r1\n";
const MAP = (hash: Fd): string => `r1 = map[fd:${hash}]\nr2 = r10\nr2 += -4\n`;
const UPDATE = (hash: Fd): string =>
  `r1 = 5\n*(u64 *)(r10 -16) = r1\n${MAP(hash)}r3 = r10\nr3 += -16\nr4 = 0\ncall bpf_map_update_elem\n`;

describe("the checked mode", () => {
  test("programs in order run as they do without it", () => {
    expect(
      outcome(
        (hash: Fd): string =>
          `${KEY}${UPDATE(hash)}${MAP(hash)}call bpf_map_lookup_elem\nif r0 == 0 goto out\nr0 = *(u64 *)(r0 +0)\nout:\nexit`,
      ),
    ).toBe(5n);
    expect(outcome(() => "r0 = *(u64 *)(r1 +8)\nexit")).toBe(0n);
  });

  test("use after deletion", () => {
    expect(
      outcome(
        (hash: Fd): string =>
          `${KEY}${UPDATE(hash)}${MAP(hash)}call bpf_map_lookup_elem\nr6 = r0\n${MAP(hash)}call bpf_map_delete_elem\nr0 = *(u64 *)(r6 +0)\nexit`,
      ),
    ).toMatch(/^vm\/checked .*read of 8 bytes at .*it was freed or deleted/);
  });

  test("reads of what was never written, by the program and by helpers", () => {
    expect(outcome(() => "r0 = *(u64 *)(r10 -8)\nexit")).toMatch(/read of 8 bytes.*never written/);
    expect(outcome((hash) => `${MAP(hash)}call bpf_map_lookup_elem\nr0 = 0\nexit`)).toMatch(
      /let bpf_map_lookup_elem read of 4 bytes.*never written/,
    );
    // What a helper wrote may be read.
    const comm = "r1 = r10\nr1 += -16\nr2 = 16\ncall bpf_get_current_comm\nr0 = *(u8 *)(r10 -1)\nexit";
    expect(outcome(() => comm)).toBe(0n);
  });

  test("null pointers, wild ones, and what lies behind an object", () => {
    expect(
      outcome((hash: Fd): string => `${KEY}${MAP(hash)}call bpf_map_lookup_elem\nr0 = *(u64 *)(r0 +0)\nexit`),
    ).toMatch(/a null pointer/);
    expect(outcome(() => "r0 = *(u64 *)(r1 +16)\nexit")).toMatch(/nothing lives there|freed/);
    expect(outcome(() => "r1 = 0x1234567800000000 ll\nr0 = *(u8 *)(r1 +0)\nexit")).toMatch(/no pointer/);
    expect(outcome(() => "r1 = 0\n*(u64 *)(r10 -520) = r1\nr0 = 0\nexit")).toMatch(/write of 8 bytes/);
  });

  test("packets end where they end", () => {
    withKernel((kernel) => {
      const read = (at: number): Fd =>
        load(kernel, `r2 = *(u32 *)(r1 +0)\nr0 = *(u8 *)(r2 +${at})\nexit`, { prog_type: BPF_PROG_TYPE.XDP });
      const run = (at: number): number =>
        kernel.bpf("PROG_TEST_RUN", { prog_fd: read(at), data_in: new Uint8Array(64).fill(3) }).retval;
      expect(run(63)).toBe(3);
      expect(() => run(64)).toThrow(expect.objectContaining({ code: "vm/checked" }));
    });
  });

  test("the source line is named", () => {
    withKernel((kernel) => {
      const types = new BtfBuilder();
      const int = types.int("int", 4, 1);
      const main = types.func("main", types.prototype(int, []), BtfLinkage.Global);
      const [file, text] = [types.string("a.c"), types.string("  return *missing;")];
      const prog_btf_fd = kernel.bpf("BTF_LOAD", { btf: types.encode() });
      const program = load(kernel, "r1 = 0\nr0 = *(u64 *)(r1 +0)\nexit", {
        prog_btf_fd,
        func_info: words(0, main),
        func_info_cnt: 1,
        func_info_rec_size: 8,
        line_info: words(0, file, text, 7 << 10),
        line_info_cnt: 1,
        line_info_rec_size: 16,
      });
      expect(() => kernel.run(program, new Uint8Array(8))).toThrow(/a\.c:7: return \*missing;/);
    });
  });
});
