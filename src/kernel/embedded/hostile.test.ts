import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BpfkitError } from "../../errors.ts";
import { OPCODES, assemble, encode } from "../../isa/index.ts";
import type { Insn } from "../../isa/index.ts";
import { BPF_FUNC, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../uapi/index.ts";
import { SyscallError } from "../index.ts";
import type { Fd } from "../index.ts";
import { openEmbeddedKernel } from "./index.ts";
import type { EmbeddedKernel } from "./index.ts";

/** What runs must be a result or an error of ours. */
function typed(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
  }
}

const MAPS = [
  { map_type: BPF_MAP_TYPE.HASH, key_size: 4, value_size: 8, max_entries: 4 },
  { map_type: BPF_MAP_TYPE.ARRAY, key_size: 4, value_size: 8, max_entries: 4 },
  { map_type: BPF_MAP_TYPE.RINGBUF, key_size: 0, value_size: 0, max_entries: 4096 },
  { map_type: BPF_MAP_TYPE.QUEUE, key_size: 0, value_size: 8, max_entries: 4 },
  { map_type: BPF_MAP_TYPE.LPM_TRIE, key_size: 8, value_size: 8, max_entries: 4, map_flags: 1 },
] as const;

const TYPES = [
  BPF_PROG_TYPE.XDP,
  BPF_PROG_TYPE.SCHED_CLS,
  BPF_PROG_TYPE.RAW_TRACEPOINT,
  BPF_PROG_TYPE.SYSCALL,
];
const HELPERS = Object.values(BPF_FUNC).filter((id) => id > 0);

const anyInsn: fc.Arbitrary<Insn> = fc.oneof(
  // Valid opcodes with any registers and any numbers.
  fc.record({
    code: fc.constantFrom(...OPCODES.map(({ code }) => code & 0xff)),
    dst: fc.nat(11),
    src: fc.nat(11),
    offset: fc.integer({ min: -12, max: 12 }),
    imm: fc.oneof(fc.integer(), fc.nat(16)),
  }),
  fc.record({
    code: fc.constant(0x85),
    dst: fc.constant(0),
    src: fc.constant(0),
    offset: fc.constant(0),
    imm: fc.constantFrom(...HELPERS),
  }),
  fc.record({
    code: fc.nat(255),
    dst: fc.nat(15),
    src: fc.nat(15),
    offset: fc.integer({ min: -9, max: 9 }),
    imm: fc.integer(),
  }),
);

function open(mode: "jit" | "interpreter", checked = false): { kernel: EmbeddedKernel; maps: Fd[] } {
  const kernel = openEmbeddedKernel({ mode, checked, memory: 4 << 20, fuel: 10_000 });
  return { kernel, maps: MAPS.map((attr) => kernel.bpf("MAP_CREATE", attr)) };
}

describe.each(["jit", "interpreter", "checked"] as const)("hostile programs (%s)", (mode) => {
  test("are typed errors, whatever they do", () => {
    fc.assert(
      fc.property(
        fc.array(anyInsn, { minLength: 1, maxLength: 30 }),
        fc.constantFrom(...TYPES),
        fc.nat(MAPS.length - 1),
        (insns, prog_type, map) => {
          const { kernel, maps } = open(mode === "interpreter" ? "interpreter" : "jit", mode === "checked");
          const start = assemble(
            `r6 = r1\nr1 = map[fd:${maps[map]}]\nr2 = r10\nr2 += -64\nr3 = r2\nr4 = 8\nr5 = 0\nr7 = r1\nr8 = 0\nr9 = 1\nr0 = 0`,
          );
          const program = encode([...start, ...insns, ...assemble("r0 = 0\nexit")]);
          typed(() => {
            const fd = kernel.bpf("PROG_LOAD", { prog_type, insns: program, license: "GPL" });
            typed(() => kernel.run(fd, new Uint8Array(64)));
            const packet = new Uint8Array(64);
            typed(() =>
              kernel.bpf("PROG_TEST_RUN", { prog_fd: fd, data_in: packet, data_out: new Uint8Array(256) }),
            );
          });
          // The kernel goes on, with whatever the program left of it.
          for (const map_fd of maps) {
            const [key, value] = [new Uint8Array(8), new Uint8Array(8)];
            typed(() => kernel.bpf("MAP_UPDATE_ELEM", { map_fd, key, value }));
            typed(() => kernel.bpf("MAP_LOOKUP_ELEM", { map_fd, key, value }));
            typed(() => kernel.bpf("MAP_GET_NEXT_KEY", { map_fd, next_key: key }));
          }
          typed(() => kernel[Symbol.dispose]());
        },
      ),
      { numRuns: 40 },
    );
  });
});

/** The result, or the error's name. */
function code(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error instanceof SyscallError ? error.errnoName : error;
  }
}

describe("limits", () => {
  test("a kernel's memory is bounded, and used again", () => {
    using kernel = openEmbeddedKernel({ memory: 4 << 20 });
    const create = (max_entries: number): Fd =>
      kernel.bpf("MAP_CREATE", { map_type: BPF_MAP_TYPE.ARRAY, key_size: 4, value_size: 1024, max_entries });
    expect(code(() => create(1 << 20))).toBe("ENOMEM");
    for (let turn = 0; turn < 20; turn++) kernel.close(create(2048));
    // Elements that come one by one end the same way, and the map goes on.
    const map_fd = kernel.bpf("MAP_CREATE", {
      map_type: BPF_MAP_TYPE.HASH,
      key_size: 4,
      value_size: 65_536,
      max_entries: 1000,
      map_flags: 1,
    });
    const value = new Uint8Array(65_536);
    const update = (index: number): unknown =>
      code(() =>
        kernel.bpf("MAP_UPDATE_ELEM", { map_fd, key: new Uint8Array(Uint32Array.of(index).buffer), value }),
      );
    const outcomes = Array.from({ length: 200 }, (_, index) => update(index));
    expect(new Set(outcomes)).toEqual(new Set([undefined, "ENOMEM"]));
    expect(update(0)).toBeUndefined();
  });

  test("descriptors end, and are used again", () => {
    using kernel = openEmbeddedKernel({ memory: 64 << 20 });
    const create = (): Fd =>
      kernel.bpf("MAP_CREATE", { map_type: BPF_MAP_TYPE.ARRAY, key_size: 4, value_size: 4, max_entries: 1 });
    const fds = Array.from({ length: 65_536 }, create);
    expect(create).toThrow(expect.objectContaining({ errnoName: "EMFILE" }));
    kernel.close(fds[7]!);
    expect(create()).toBe(fds[7]);
  });
});
