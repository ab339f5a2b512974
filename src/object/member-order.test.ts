import { expect, test } from "vitest";
import { BtfBuilder, type BtfMember, CoreKind, parseBtf } from "../btf/index.ts";
import { BPF_PROG_TYPE } from "../uapi/index.ts";
import type { ObjectSpec } from "./index.ts";
import { orderMembers } from "./member-order.ts";

function member(name: string, type: number, bitOffset: number): BtfMember {
  return { name, type, bitOffset, bitSize: 0 };
}

test("members and the accesses that name them come in the order of offsets", () => {
  const types = new BtfBuilder();
  const int = types.signedInt("int", 4);
  const inner = types.struct("inner", 8, [member("b", int, 32), member("a", int, 0)]);
  const outer = types.struct("outer", 32, [
    member("last", types.array(inner, int, 2), 64),
    member("first", int, 0),
  ]);
  const relocation = { kind: "core", insn: 0, typeId: outer, coreKind: CoreKind.FieldByteOffset } as const;
  const object: ObjectSpec = {
    license: "GPL",
    maps: [],
    btf: types.encode(),
    programs: [
      {
        name: "p",
        section: "raw_tp/p",
        type: BPF_PROG_TYPE.RAW_TRACEPOINT,
        insns: [],
        functions: [],
        lines: [],
        relocations: [
          { ...relocation, access: "0:0:1:0" },
          { ...relocation, access: "0:1" },
        ],
      },
    ],
  };
  const ordered = orderMembers(object);
  const btf = parseBtf(ordered.btf!);
  expect(btf.members(outer).map(({ name }) => name)).toEqual(["first", "last"]);
  expect(btf.members(inner).map(({ name }) => name)).toEqual(["a", "b"]);
  expect(ordered.programs[0]!.relocations).toMatchObject([{ access: "0:1:1:1" }, { access: "0:0" }]);
  expect(orderMembers(ordered)).toBe(ordered);
});
