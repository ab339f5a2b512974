import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { array, assert, boolean, constantFrom, nat, property, record } from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BtfBuilder, BtfKind, cHeader, parseBtf } from "../../src/btf/index.ts";

const peers = process.env["BPFKIT_PEERS"];
const bpftool = peers === undefined ? undefined : join(peers, "bin", "bpftool");
const MODIFIERS = [BtfKind.Const, BtfKind.Volatile, BtfKind.Restrict] as const;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bpfkit-types-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const step = record({
  kind: nat(12),
  name: constantFrom("", "", "a", "b", "c_t", "long_name", "x"),
  /** Types that it refers to, by how far back they are. */
  back: array(nat(12), { minLength: 3, maxLength: 3 }),
  flag: boolean(),
  size: nat(9),
});
type Step = Parameters<Parameters<(typeof step)["map"]>[0]>[0];

/** Types that mostly refer to earlier ones, with pointers to void: the graphs that compilers make, and odd ones. */
function build(steps: readonly Step[]): Uint8Array {
  const types = new BtfBuilder();
  types.signedInt("int", 4);
  for (const { kind, name, back, flag, size } of steps) {
    const at = (index: number): number => Math.max(1, types.nextId - 1 - (back[index] ?? 0));
    const named = name === "" ? "n" : name;
    const members = back.slice(0, size % 4).map((_, index) => ({
      name: index === 1 ? "" : `m${index}`,
      type: at(index),
      bitOffset: flag ? 0 : index * 64,
      bitSize: 0,
    }));
    if (kind < 2) types.pointer(flag ? at(0) : 0);
    else if (kind === 2) types.modifier(MODIFIERS[size % 3]!, at(0));
    else if (kind === 3) types.typedef(named, at(0));
    else if (kind === 4) types.array(at(0), 1, size);
    else if (kind === 5) types.struct(name, members.length * 8 + size, flag ? members.slice(0, 1) : members);
    else if (kind === 6)
      types.union(
        name,
        8 + size,
        members.map((member) => ({ ...member, bitOffset: 0 })),
      );
    else if (kind === 7) types.forward(named, flag);
    else if (kind === 8) types.typeTag("user", at(0));
    else if (kind === 9) types.func(named, at(0), 1);
    else if (kind === 10)
      types.enum(name, [1, 4, 8][size % 3]!, flag, [
        { name: `${named}_ONE`, value: BigInt(size) },
        { name: "TWO", value: 2n },
      ]);
    else
      types.prototype(
        at(0),
        members.map((member) => ({ name: member.name, type: member.type })),
      );
  }
  return types.encode();
}

for (const [order, words] of [
  ["sorted", []],
  ["id", ["unsorted"]],
] as const)
  test(`headers of random types in ${order} order are bpftool's`, (context) => {
    if (bpftool === undefined || !existsSync(bpftool))
      return context.skip("BPFKIT_PEERS names no folder with bin/bpftool to compare with");
    const file = join(folder, "types");
    assert(
      property(array(step, { maxLength: 30 }), (steps) => {
        const bytes = build(steps);
        writeFileSync(file, bytes);
        const theirs = spawnSync(bpftool, ["btf", "dump", "file", file, "format", "c", ...words], {
          encoding: "latin1",
          timeout: 10_000,
        });
        // Types that no C compiler makes are refused by bpftool halfway.
        if (theirs.status === 0) expect(cHeader(parseBtf(bytes), { order, exact: true })).toBe(theirs.stdout);
      }),
      { numRuns: Number(process.env["BPFKIT_RANDOM"] ?? 60) },
    );
  });
