import { expect, test } from "vitest";
import { BtfBuilder, BtfLinkage } from "../../btf/index.ts";
import { call, callLocal, exit, loadMap, moveImmediate } from "../../isa/index.ts";
import { BPF_FUNC, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../uapi/index.ts";
import { fromElf, linkObjects, toElf } from "../index.ts";
import type { ObjectSpec } from "../index.ts";

/** A program with a map and a static function `add` of its own, which gives `result`. */
function object(name: string, map: string, result: number, license = "GPL"): ObjectSpec {
  const types = new BtfBuilder();
  const int = types.signedInt("int", 4);
  const proto = types.prototype(int, [{ name: "ctx", type: types.pointer(0) }]);
  const main = types.func(name, proto, BtfLinkage.Global);
  const helper = types.func("add", types.prototype(int, []), BtfLinkage.Static);
  return {
    license,
    maps: [{ name: map, type: BPF_MAP_TYPE.ARRAY, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 }],
    btf: types.encode(),
    programs: [
      {
        name,
        section: "socket",
        type: BPF_PROG_TYPE.SOCKET_FILTER,
        insns: [
          ...loadMap(1, 0),
          call(BPF_FUNC.get_prandom_u32),
          callLocal(1),
          exit(),
          moveImmediate(0, result),
          exit(),
        ],
        relocations: [
          { kind: "map", insn: 0, map },
          { kind: "function", insn: 3, target: 5 },
        ],
        functions: [
          { insn: 0, typeId: main },
          { insn: 5, typeId: helper },
        ],
        lines: [{ insn: 0, file: `${name}.c`, text: "return add();", line: 3, column: 1 }],
      },
    ],
  };
}

const input = (name: string, spec: ObjectSpec) => ({ name, bytes: toElf(spec) });

test("programs keep their maps, functions, types and lines", () => {
  const linked = linkObjects([
    input("a.o", object("one", "map_a", 11)),
    input("b.o", object("two", "map_b", 22)),
  ]);
  const { programs, maps, license } = fromElf(linked).spec;
  expect(license).toBe("GPL");
  expect(maps.map(({ name }) => name)).toEqual(["map_a", "map_b"]);
  for (const [name, map, result] of [
    ["one", "map_a", 11],
    ["two", "map_b", 22],
  ] as const) {
    const program = programs.find((candidate) => candidate.name === name)!;
    expect(program.relocations).toContainEqual(expect.objectContaining({ kind: "map", map }));
    const target = program.relocations.find((relocation) => relocation.kind === "function");
    expect(target?.kind === "function" && program.insns[target.target]?.imm).toBe(result);
    expect(program.lines[0]).toMatchObject({ file: `${name}.c`, line: 3 });
    expect(program.functions).toHaveLength(2);
  }
});

test("one object alone is itself", () => {
  const spec = object("one", "map_a", 1);
  const { programs } = fromElf(linkObjects([input("a.o", spec)])).spec;
  expect(programs.map(({ insns }) => insns)).toEqual(
    fromElf(toElf(spec)).spec.programs.map(({ insns }) => insns),
  );
});

test("what contradicts is refused with both names", () => {
  const a = input("a.o", object("one", "m", 1));
  expect(() => linkObjects([a, input("b.o", object("one", "other", 1))])).toThrow(/b\.o defines one/);
  expect(() => linkObjects([a, input("b.o", object("two", "m", 1))])).toThrow(/b\.o defines m/);
  expect(() => linkObjects([a, input("b.o", object("two", "n", 1, "MIT"))])).toThrow(
    /b\.o has another license than a\.o/,
  );
  expect(() => linkObjects([{ name: "text", bytes: Buffer.from("hello") }])).toThrow(/^text: /);
});
