import { array, assert, constantFrom, integer, nat, property, tuple, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { BpfkitError } from "../../src/errors.ts";
import { assemble, encode } from "../../src/isa/index.ts";
import { openEmbeddedKernel } from "../../src/kernel/embedded/index.ts";
import type { EmbeddedKernelOptions } from "../../src/kernel/embedded/index.ts";
import { SyscallError } from "../../src/kernel/index.ts";
import type { Fd, Kernel } from "../../src/kernel/index.ts";
import { BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../src/uapi/index.ts";
import { FUZZED_MAPS, MapsInKernel, STATE_SIZE } from "./fuzzed-maps.ts";
import { KINDS, functionTypes, loadAttr, randomMapProgram } from "./random-map-program.ts";
import type { ProgramKind } from "./random-map-program.ts";

const MODES = ["jit", "interpreter"] as const;
/** As the embedded kernel is opened, with what tests want besides, and without looking. */
const CHECKED = [true, "strict", false] as const;
const MiB = 1024 * 1024;
const FUEL = 20_000;

/** How a program that is loaded and run ends: with a result, or with an error that has a code. */
function outcome(kernel: Kernel, prog_type: number, insns: Uint8Array): string {
  let fd: Fd;
  try {
    fd = kernel.bpf("PROG_LOAD", { prog_type, insns, license: "GPL" });
  } catch (error) {
    return codeOf(error);
  }
  try {
    return run(kernel, fd);
  } finally {
    kernel.close(fd);
  }
}

function run(kernel: Kernel, prog_fd: Fd): string {
  try {
    kernel.bpf("PROG_TEST_RUN", { prog_fd, data_in: new Uint8Array(64) });
    return "ran";
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): string {
  if (error instanceof SyscallError) return error.errnoName;
  if (error instanceof BpfkitError) return error.code;
  throw error;
}

/** A kernel with the maps of random programs. */
class Prey implements Disposable {
  readonly kernel: Kernel;
  readonly maps: MapsInKernel;
  readonly #types: Fd;
  readonly #firstType: number;

  constructor(options: EmbeddedKernelOptions) {
    this.kernel = openEmbeddedKernel({ fuel: FUEL, memory: 16 * MiB, ...options });
    this.maps = new MapsInKernel(this.kernel);
    const { bytes, first } = functionTypes();
    this.#types = this.kernel.bpf("BTF_LOAD", { btf: bytes });
    this.#firstType = first;
  }

  /** A program that was right, with some bits turned. */
  attack(kind: ProgramKind, seed: number, turns: readonly (readonly [number, number])[]): string {
    const program = randomMapProgram(kind, seed, 12, this.maps.fds);
    const attr = loadAttr(kind, program, this.#types, this.#firstType);
    for (const [slot, bit] of turns) {
      const at = (slot % (attr.insns.length / 8)) * 8 + (bit >> 3);
      attr.insns[at]! ^= 1 << (bit & 7);
    }
    return outcome(this.kernel, attr.prog_type, attr.insns);
  }

  /** What a program that is right does, and what it leaves in the maps, which are empty before and behind it. */
  use(kind: ProgramKind, seed: number): string[] {
    const all = FUZZED_MAPS.map((_, index) => index);
    this.maps.take(all);
    this.maps.setState(new Uint8Array(STATE_SIZE).fill(3));
    const end = this.attack(kind, seed, []);
    return [end, ...this.maps.take(all)];
  }

  [Symbol.dispose](): void {
    this.maps[Symbol.dispose]();
    this.kernel[Symbol.dispose]();
  }
}

describe.each(MODES.flatMap((mode) => CHECKED.map((checked) => ({ mode, checked }))))(
  "hostile programs in the $mode, checked: $checked",
  (options) => {
    const kinds = KINDS.filter(({ input }) => input === "packet");
    const anyTurns = array(tuple(nat(), nat({ max: 63 })), { minLength: 1, maxLength: 4 });

    test("programs that were right, with some bits turned, do not leave their memory", () => {
      using prey = new Prey(options);
      const seen = new Set<string>();
      assert(
        property(constantFrom(...kinds), integer({ min: 1, max: 1e9 }), anyTurns, (kind, seed, turns) => {
          seen.add(prey.attack(kind, seed, turns));
        }),
        { numRuns: 300 },
      );
      expect(
        [...seen].filter((end) => !/^(ran|E[A-Z0-9]+|ENOTSUPP|vm\/(fault|fuel|checked))$/.test(end)),
      ).toEqual([]);
      // Wild pointers were among them, in the program itself or in what it gave a helper.
      expect(seen).toContain(options.checked === false ? "vm/fault" : "vm/checked");
    });

    // Unchecked programs reach all of the one memory.
    if (options.checked !== false)
      test("maps and packets of other programs go on as if nothing was", () => {
        using prey = new Prey(options);
        using untouched = new Prey(options);
        assert(
          property(constantFrom(...kinds), integer({ min: 1, max: 1e9 }), anyTurns, (kind, seed, turns) => {
            prey.attack(kind, seed, turns);
            expect(prey.use(kind, seed + 1)).toEqual(untouched.use(kind, seed + 1));
          }),
          { numRuns: 150 },
        );
      });
  },
);

describe.each(MODES)("hostile programs in the %s", (mode) => {
  const open = (): Kernel => openEmbeddedKernel({ mode, fuel: FUEL, memory: 16 * MiB });

  test("random bytes are refused, or run, or end with an error", () => {
    using kernel = open();
    const slots = uint8Array({ minLength: 8, maxLength: 400 }).map((bytes) => {
      const insns = bytes.slice(0, bytes.length & ~7);
      // An end, so that some are taken.
      return Uint8Array.from([...insns, ...encode(assemble("r0 = 0\nexit"))]);
    });
    assert(
      property(constantFrom(...Object.values(BPF_PROG_TYPE)), slots, (type, insns) => {
        expect(outcome(kernel, type, insns)).toMatch(/^(ran|E[A-Z0-9]+|ENOTSUPP|vm\/\w+|\d+)$/);
      }),
      { numRuns: 400 },
    );
  });

  test("loops and calls that do not end are stopped", () => {
    using kernel = open();
    const type = BPF_PROG_TYPE.XDP;
    const ends = ["r0 = 0\nloop:\nr0 += 1\ngoto loop\nexit", "r0 = 0\nloop:\nif r0 == 0 goto loop\nexit"].map(
      (text) => outcome(kernel, type, encode(assemble(text))),
    );
    expect(ends).toEqual(["vm/fuel", "vm/fuel"]);
    // A function that calls itself.
    const itself = encode(assemble("call pc+1\nexit\ncall pc-1\nexit"));
    expect(outcome(kernel, type, itself)).toBe("EINVAL");
  });

  test("many functions and many instructions are refused or taken, soon", () => {
    using kernel = open();
    const type = BPF_PROG_TYPE.XDP;
    const functions = 2000;
    const calls = Array.from({ length: functions }, (_, index) => `call pc+${functions + index + 1}`);
    const bodies = Array.from({ length: functions }, () => "r0 = 0\nexit");
    expect(outcome(kernel, type, encode(assemble([...calls, "r0 = 0", "exit", ...bodies].join("\n"))))).toBe(
      "EINVAL",
    );
    const one = encode(assemble("r0 = 0"));
    const long = new Uint8Array(8 * 100_000);
    for (let at = 0; at < long.length; at += 8) long.set(one, at);
    long.set(encode(assemble("exit")), long.length - 8);
    expect(outcome(kernel, type, long)).toBe("ran");
    expect(outcome(kernel, type, new Uint8Array(8 * 1_000_001).fill(0xb7))).toBe("E2BIG");
  });

  test("memory is bounded: what no longer fits is ENOMEM, and what was closed fits again", () => {
    using kernel = open();
    const map = { map_type: BPF_MAP_TYPE.ARRAY, key_size: 4, value_size: 65_536, max_entries: 16 };
    for (let round = 0; round < 3; round++) {
      const fds: Fd[] = [];
      let end = "";
      while (end === "" && fds.length < 100)
        try {
          fds.push(kernel.bpf("MAP_CREATE", map));
        } catch (error) {
          end = codeOf(error);
        }
      expect(end).toBe("ENOMEM");
      expect(fds.length).toBeGreaterThan(8);
      for (const fd of fds) kernel.close(fd);
    }
  });
});
