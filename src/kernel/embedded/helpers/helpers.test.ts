import { describe, expect, test } from "vitest";
import { assemble, encode } from "../../../isa/index.ts";
import { BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../../uapi/index.ts";
import type { Fd } from "../../index.ts";
import { openEmbeddedKernel } from "../index.ts";
import type { EmbeddedKernel, EmbeddedKernelOptions, Task } from "../index.ts";
import { POINTER_HIGH } from "../memory.ts";
import { World } from "../world.ts";
import { createHelperTable } from "./index.ts";

const TASK: Task = {
  pid: 101,
  tgid: 100,
  uid: 1000,
  gid: 1001,
  comm: "a long name of a task",
  cgroupId: 7n,
  address: 0,
  readUser(address, into) {
    const text = Buffer.from("hello\0world");
    const at = Number(address - 0x400000n);
    if (at < 0 || at + into.length > text.length) return false;
    into.set(text.subarray(at, at + into.length));
    return true;
  },
  userStack: () => [0x401000n, 0x402000n],
};

function load(kernel: EmbeddedKernel, text: string, prog_type: number = BPF_PROG_TYPE.RAW_TRACEPOINT): Fd {
  return kernel.bpf("PROG_LOAD", { prog_type, insns: encode(assemble(text)), license: "GPL" });
}

/** Runs a program on a context of 64 bytes, which it gives back with r0. */
function run(text: string, options: EmbeddedKernelOptions = {}): { r0: bigint; context: Buffer } {
  using kernel = openEmbeddedKernel(options);
  const context = Buffer.alloc(64);
  return { r0: kernel.run(load(kernel, text), context, { task: TASK }), context };
}

const key = (index: number): Uint8Array => new Uint8Array(Uint32Array.of(index).buffer);

describe.each(["jit", "interpreter"] as const)("helpers (%s)", (mode) => {
  const read = (helper: string, size: number, address: string): ReturnType<typeof run> =>
    run(`r2 = ${size}\nr3 = ${address} ll\n*(u64 *)(r1 +8) = r2\ncall ${helper}\nexit`, { mode });

  test("who runs", () => {
    expect(run("call bpf_get_current_pid_tgid\nexit", { mode }).r0).toBe((100n << 32n) | 101n);
    expect(run("call bpf_get_current_uid_gid\nexit", { mode }).r0).toBe((1001n << 32n) | 1000n);
    const { context } = run("r2 = 16\ncall bpf_get_current_comm\nexit", { mode });
    expect(context.toString("latin1", 0, 16)).toBe("a long name of \0");
  });

  test("what is not there reads as -EFAULT and zeroes", () => {
    expect(read("bpf_probe_read_user", 5, "0x400000")).toMatchObject({ r0: 0n });
    expect(read("bpf_probe_read_user", 5, "0x400000").context.toString("latin1", 0, 5)).toBe("hello");
    const missing = read("bpf_probe_read_user", 16, "0x500000");
    expect(BigInt.asIntN(64, missing.r0)).toBe(-14n);
    expect(missing.context.subarray(0, 16).every((byte) => byte === 0)).toBe(true);
    const text = read("bpf_probe_read_user_str", 32, "0x400000");
    // Read by pieces that end where pages may; this process ends before one does.
    expect([6n, -14n]).toContain(BigInt.asIntN(64, text.r0));
    expect(BigInt.asIntN(64, read("bpf_probe_read_kernel", 8, "0xffffffff81000000").r0)).toBe(-14n);
  });

  test("a wild pointer is an error of the run, not of the process", () => {
    expect(() => run("r1 = 0x7fffffff\nr2 = 16\ncall bpf_get_current_comm\nexit", { mode })).toThrow(
      expect.objectContaining({ code: "vm/checked" }),
    );
    const read = "r1 = 0x7ffffff0\nr0 = *(u64 *)(r1 +0)\nexit";
    expect(() => run(read, { mode })).toThrow(expect.objectContaining({ code: "vm/checked" }));
    expect(() => run(read, { mode, checked: false })).toThrow(expect.objectContaining({ code: "vm/fault" }));
  });

  test("tail calls go on in another program, and end after 33", () => {
    using kernel = openEmbeddedKernel({ mode });
    const map_fd = kernel.bpf("MAP_CREATE", {
      map_type: BPF_MAP_TYPE.PROG_ARRAY,
      key_size: 4,
      value_size: 4,
      max_entries: 2,
    });
    const text = (index: number): string => `
      r6 = r1
      r2 = *(u64 *)(r1 +0)
      r2 += 1
      *(u64 *)(r1 +0) = r2
      r2 = map[fd:${map_fd}]
      r3 = ${index}
      call bpf_tail_call
      r0 = *(u64 *)(r6 +0)
      exit`;
    const self = load(kernel, text(0));
    kernel.bpf("MAP_UPDATE_ELEM", { map_fd, key: key(0), value: key(self) });
    expect(kernel.run(self, new Uint8Array(8))).toBe(34n);
    expect(kernel.run(load(kernel, text(1)), new Uint8Array(8))).toBe(1n);
    expect(kernel.run(load(kernel, text(7)), new Uint8Array(8))).toBe(1n);
  });

  test("bpf_loop calls back, and stops where the callback says so", () => {
    const loop = `
      r6 = r1
      r1 = 10
      r2 = subprog[turn]
      r3 = r6
      r4 = 0
      call bpf_loop
      exit
    turn:
      r3 = *(u64 *)(r2 +0)
      r3 += r1
      *(u64 *)(r2 +0) = r3
      r0 = 0
      if r1 != 4 goto done
      r0 = 1
    done:
      exit`;
    const { r0, context } = run(loop, { mode });
    expect(r0).toBe(5n);
    expect(context.readBigUInt64LE(0)).toBe(10n);
  });
});

/** What bpf_snprintf makes of a format, or its error. */
function print(format: string, ...values: bigint[]): string {
  using kernel = openEmbeddedKernel();
  const { memory } = kernel;
  const place = memory.store(Buffer.from(`${format}\0`));
  const data = memory.store(new Uint8Array(BigUint64Array.from(values).buffer));
  const out = memory.store(new Uint8Array(64));
  const at = (address: number): string => `0x${memory.pointer(address).toString(16)} ll`;
  const text = `r1 = ${at(out)}\nr2 = 64\nr3 = ${at(place)}\nr4 = ${at(data)}\nr5 = ${values.length * 8}\ncall bpf_snprintf\nexit`;
  const size = kernel.run(load(kernel, text), new Uint8Array(8));
  return BigInt.asIntN(64, size) < 0n
    ? String(BigInt.asIntN(64, size))
    : Buffer.from(memory.slice(out, Number(size) - 1)).toString();
}

test("texts of bpf_snprintf", () => {
  expect(print("%d %u %x %#x %5d|%-5d|%05d", 0xffffffffn, 7n, 255n, 255n, 1n, 2n, 3n)).toBe(
    "-1 7 ff 0xff     1|2    |00003",
  );
  expect(print("%lld %c %%", 1n << 63n, 0x41n)).toBe("-9223372036854775808 A %");
  expect(print("%d")).toBe("-22");
  expect(print("%y", 1n)).toBe("-22");
});

test("there are at least 120 helpers", () => {
  let count = 0;
  const world = new World(
    {
      memory: 1 << 20,
      cpus: 1,
      mode: "jit",
      fuel: 1,
      coverage: false,
      checked: false,
      files: openEmbeddedKernel().files,
      clock: () => 0n,
      print: () => undefined,
      random: () => 0,
      schedule: () => ({ [Symbol.dispose]: () => undefined }),
    },
    (created) => {
      const helpers = createHelperTable(created);
      count = [...helpers.keys()].filter((id) => id < 1000).length;
      return helpers;
    },
  );
  expect(world.memory.pointer(1) >> 32n).toBe(BigInt(POINTER_HIGH >>> 0));
  expect(count).toBeGreaterThanOrEqual(120);
});
