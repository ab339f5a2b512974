import * as fc from "fast-check";
import { expect, test } from "vitest";
import { assemble, encode } from "../../isa/index.ts";
import { BPF_MAP_TYPE } from "../../uapi/index.ts";
import { bpfCommands } from "../attr.ts";
import type { AttrFieldKind } from "../attr.ts";
import type { BpfAttr, BpfCommand } from "../index.ts";
import { SyscallError } from "../index.ts";
import { openEmbeddedKernel } from "./index.ts";
import type { EmbeddedKernel } from "./index.ts";

// Any command with anything in its attributes: an answer or an error number, and a kernel that goes on.

const COMMANDS = Object.entries(bpfCommands).map(([name, { fields }]) => ({ name, fields }));
const PROGRAM = encode(assemble("r0 = 1\nexit"));

const u32 = fc.oneof(
  fc.nat(40),
  fc.constantFrom(0, 1, 2, 3, 4, 8, 64, 4096, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  fc.integer({ min: 0, max: 0xffff_ffff }),
);
const u64 = fc.oneof(fc.nat(20).map(BigInt), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc.nat(9000).map((length) => new Uint8Array(length)),
  fc.constant(PROGRAM),
);
const text = fc.oneof(
  fc.constantFrom("", "GPL", "a", "/sys/fs/bpf/a", "/sys/fs/bpf", "\0", "é"),
  fc.string(),
);
const VALUES: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  u32,
  s32: fc.integer(),
  u64,
  // Those that are open, as a rule.
  fd: fc.oneof(fc.integer({ min: 3, max: 16 }), fc.integer({ min: -2, max: 40 }), fc.integer()),
  name: text,
  string: text,
  strings: fc.array(text, { maxLength: 3 }),
  bytes,
};

function valueOf(kind: AttrFieldKind): fc.Arbitrary<unknown> | undefined {
  if (typeof kind !== "string" || kind === "out") return undefined;
  const value = VALUES[kind.replace("!", "")]!;
  return kind.endsWith("!") ? value : fc.option(value, { nil: undefined });
}

const step = fc.constantFrom(...COMMANDS).chain(({ name, fields }) => {
  const given = Object.entries(fields).flatMap(([field, kind]: [string, AttrFieldKind]) => {
    const value = valueOf(kind);
    return value ? [[field, value] as const] : [];
  });
  return fc.record({ name: fc.constant(name), attr: fc.record(Object.fromEntries(given)) });
});

/** Maps of every type that needs nothing else, and a program. */
function furnish(kernel: EmbeddedKernel): void {
  for (const map_type of Object.values(BPF_MAP_TYPE))
    attempt(() => kernel.bpf("MAP_CREATE", { map_type, key_size: 4, value_size: 4, max_entries: 4 }));
  for (const prog_type of [1, 3, 5, 6])
    attempt(() => kernel.bpf("PROG_LOAD", { prog_type, insns: PROGRAM, license: "GPL" }));
}

function attempt(action: () => unknown): string {
  try {
    action();
    return "";
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    return error.errnoName;
  }
}

test("any command is answered, or fails with an error number", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
      using kernel = openEmbeddedKernel({ memory: 8 << 20, fuel: 10_000 });
      furnish(kernel);
      for (const { name, attr } of steps)
        // Made by the same table that the types are made from.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        seen.add(attempt(() => kernel.bpf(name as BpfCommand, attr as unknown as BpfAttr["MAP_CREATE"])));
      // It goes on.
      const map_fd = kernel.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
      expect(
        kernel.bpf("MAP_LOOKUP_ELEM", { map_fd, key: new Uint8Array(4), value: new Uint8Array(4) }),
      ).toBe(true);
    }),
    { numRuns: Number(process.env["BPFKIT_RANDOM"] ?? 60) },
  );
  // It reached behind the first checks.
  expect([...seen]).toEqual(expect.arrayContaining(["", "EINVAL", "EBADF", "ENOENT"]));
});

test("maps as large as can be asked for are refused, or cost nothing until they are used", () => {
  using kernel = openEmbeddedKernel({ memory: 16 << 20 });
  const sizes = [0, 4, 8, 513, 65_536, 0xffff_ffff];
  for (const map_type of Object.values(BPF_MAP_TYPE))
    for (const max_entries of [0, 1, 4096, 0xffff_ffff])
      for (const key_size of sizes)
        for (const value_size of sizes)
          for (const map_flags of [0, 1])
            attempt(() =>
              kernel.close(
                kernel.bpf("MAP_CREATE", { map_type, key_size, value_size, max_entries, map_flags }),
              ),
            );
  // All of it is free again.
  const whole = { map_type: BPF_MAP_TYPE.ARRAY, key_size: 4, value_size: 1 << 20, max_entries: 14 };
  expect(attempt(() => kernel.bpf("MAP_CREATE", whole))).toBe("");
});
