import { describe, expect, test } from "vitest";
import { BtfBuilder } from "../../../btf/index.ts";
import { assemble, encode } from "../../../isa/index.ts";
import { BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../../uapi/index.ts";
import type { Fd } from "../../index.ts";
import { openEmbeddedKernel } from "../index.ts";
import type { EmbeddedKernel } from "../index.ts";

const u32 = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

function run(kernel: EmbeddedKernel, text: string): bigint {
  const prog_fd = kernel.bpf("PROG_LOAD", {
    prog_type: BPF_PROG_TYPE.RAW_TRACEPOINT,
    insns: encode(assemble(text)),
    license: "GPL",
  });
  return BigInt.asIntN(64, kernel.run(prog_fd, new Uint8Array(16)));
}

function create(kernel: EmbeddedKernel, map_type: number, rest: object = {}): Fd {
  return kernel.bpf("MAP_CREATE", { map_type, key_size: 4, value_size: 4, max_entries: 4, ...rest });
}

const key = (value: number): string => `r1 = ${value}\n*(u32 *)(r10 -4) = r1\n`;
const lookup = (fd: Fd): string => `r1 = map[fd:${fd}]\nr2 = r10\nr2 += -4\ncall bpf_map_lookup_elem\n`;

describe("maps in programs", () => {
  test.each([BPF_MAP_TYPE.ARRAY_OF_MAPS, BPF_MAP_TYPE.HASH_OF_MAPS])("maps in maps (type %i)", (type) => {
    using kernel = openEmbeddedKernel();
    const inner = create(kernel, BPF_MAP_TYPE.ARRAY);
    const outer = create(kernel, type, { inner_map_fd: inner });
    kernel.bpf("MAP_UPDATE_ELEM", { map_fd: inner, key: u32(2), value: u32(77) });
    kernel.bpf("MAP_UPDATE_ELEM", { map_fd: outer, key: u32(1), value: u32(inner) });
    const other = create(kernel, BPF_MAP_TYPE.ARRAY, { value_size: 8 });
    expect(() => kernel.bpf("MAP_UPDATE_ELEM", { map_fd: outer, key: u32(0), value: u32(other) })).toThrow(
      /EINVAL/,
    );
    // The outer map holds the inner one.
    kernel.close(inner);
    const text = (first: number): string => `
      ${key(first)}${lookup(outer)}
      if r0 == 0 goto none
      r6 = r0
      ${key(2)}
      r1 = r6
      r2 = r10
      r2 += -4
      call bpf_map_lookup_elem
      if r0 == 0 goto none
      r0 = *(u32 *)(r0 +0)
      exit
    none:
      r0 = -1
      exit`;
    expect(run(kernel, text(1))).toBe(77n);
    expect(run(kernel, text(3))).toBe(-1n);
    const value = new Uint8Array(4);
    kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: outer, key: u32(1), value });
    const again = kernel.bpf("MAP_GET_FD_BY_ID", { map_id: new DataView(value.buffer).getUint32(0, true) });
    kernel.bpf("MAP_DELETE_ELEM", { map_fd: outer, key: u32(1) });
    expect(run(kernel, text(1))).toBe(-1n);
    kernel.close(again);
  });

  test("user space's records are handed to a callback", () => {
    using kernel = openEmbeddedKernel();
    const size = 4096;
    const map = create(kernel, BPF_MAP_TYPE.USER_RINGBUF, { key_size: 0, value_size: 0, max_entries: size });
    using ring = kernel.mmap(map, 4096 + 2 * size, "readWrite", 4096);
    const view = new DataView(ring.bytes.buffer, ring.bytes.byteOffset);
    for (const [index, number] of [5, 7].entries()) {
      view.setUint32(4096 + index * 16, 8, true);
      view.setUint32(4096 + index * 16 + 8, number, true);
    }
    view.setBigUint64(0, 32n, true);
    const text = `
      r1 = 0
      *(u64 *)(r10 -8) = r1
      r1 = map[fd:${map}]
      r2 = subprog[each]
      r3 = r10
      r3 += -8
      r4 = 0
      call bpf_user_ringbuf_drain
      r1 = *(u64 *)(r10 -8)
      r1 *= 100
      r0 += r1
      exit
    each:
      r6 = r2
      r3 = r1
      r1 = r10
      r1 += -8
      r2 = 4
      r4 = 0
      r5 = 0
      call bpf_dynptr_read
      r1 = *(u32 *)(r10 -8)
      r2 = *(u64 *)(r6 +0)
      r2 += r1
      *(u64 *)(r6 +0) = r2
      r0 = 0
      exit`;
    expect(run(kernel, text)).toBe(1202n);
    expect(run(kernel, text)).toBe(0n);
    expect(() => kernel.mmap(map, 4096, "readWrite")).toThrow(/EPERM/);
  });

  test("timers call back on the clock that they are given", () => {
    const alarms: { at: bigint; fire: () => void }[] = [];
    using kernel = openEmbeddedKernel({
      schedule: (at, fire) => {
        alarms.push({ at, fire });
        return { [Symbol.dispose]: () => undefined };
      },
    });
    const types = new BtfBuilder();
    const int = types.int("unsigned int", 4);
    const wide = types.int("unsigned long", 8);
    const two = types.array(wide, int, 2);
    const timer = types.struct("bpf_timer", 16, [{ name: "opaque", type: two, bitOffset: 0, bitSize: 0 }]);
    const value = types.struct("value", 24, [
      { name: "count", type: wide, bitOffset: 0, bitSize: 0 },
      { name: "timer", type: timer, bitOffset: 64, bitSize: 0 },
    ]);
    const btf_fd = kernel.bpf("BTF_LOAD", { btf: types.encode() });
    const map = create(kernel, BPF_MAP_TYPE.ARRAY, {
      value_size: 24,
      btf_fd,
      btf_key_type_id: int,
      btf_value_type_id: value,
    });
    const text = `
      ${key(1)}${lookup(map)}
      r6 = r0
      r6 += 8
      r1 = r6
      r2 = map[fd:${map}]
      r3 = 1
      call bpf_timer_init
      r1 = r6
      r2 = subprog[fired]
      call bpf_timer_set_callback
      r1 = r6
      r2 = 5000
      r3 = 0
      call bpf_timer_start
      exit
    fired:
      r2 = *(u32 *)(r2 +0)
      r2 += 10
      *(u64 *)(r3 +0) = r2
      r0 = 0
      exit`;
    expect(run(kernel, text)).toBe(0n);
    expect(alarms.map(({ at }) => at)).toEqual([5000n]);
    alarms[0]!.fire();
    const out = new Uint8Array(24);
    kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: map, key: u32(1), value: out });
    expect(out[0]).toBe(11);
    // The timer itself is not shown.
    expect(out.subarray(8).every((byte) => byte === 0)).toBe(true);
  });
});
