import { expect, test } from "vitest";
import { decodeUtf8 } from "../../util/index.ts";
import { BtfBuilder, BtfError, BtfKind, BtfLinkage, parseBtf, rawText } from "../index.ts";

function text(builder: BtfBuilder): string {
  const btf = parseBtf(builder.encode());
  const ids = new Uint32Array(btf.typeCount).map((_, id) => id);
  return Array.from(rawText(btf, ids), (piece) => decodeUtf8(piece)).join("");
}

test("every kind has its words", () => {
  const builder = new BtfBuilder();
  const int = builder.signedInt("int", 4);
  builder.array(int, int, 4_294_967_295);
  builder.struct("s", 8, [
    { name: "a", type: int, bitOffset: 0, bitSize: 0 },
    { name: "", type: int, bitOffset: 35, bitSize: 3 },
  ]);
  builder.union("", 4, [{ name: "b", type: int, bitOffset: 0, bitSize: 0 }]);
  builder.enum("e", 4, true, [{ name: "MINUS", value: -2_147_483_648n }]);
  builder.enum("", 4, false, [{ name: "ALL", value: 4_294_967_295n }]);
  builder.enum64("wide", false, [{ name: "MOST", value: 18_446_744_073_709_551_615n }]);
  builder.enum64("", true, [{ name: "ONE", value: -1n }]);
  builder.forward("f", true);
  builder.modifier(BtfKind.Const, builder.pointer(0));
  const prototype = builder.prototype(0, [{ name: "x", type: int }]);
  builder.declTag("here", builder.func("call", prototype, BtfLinkage.Global), 0);
  const variable = builder.variable("v", int, BtfLinkage.Static);
  builder.dataSection(".data", 4, [{ type: variable, offset: 0, size: 4 }]);
  builder.float("double", 8);
  expect(text(builder)).toBe(`[0] UNKNOWN '(anon)'
[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED
[2] ARRAY '(anon)' type_id=1 index_type_id=1 nr_elems=4294967295
[3] STRUCT 's' size=8 vlen=2
	'a' type_id=1 bits_offset=0
	'(anon)' type_id=1 bits_offset=35 bitfield_size=3
[4] UNION '(anon)' size=4 vlen=1
	'b' type_id=1 bits_offset=0
[5] ENUM 'e' encoding=SIGNED size=4 vlen=1
	'MINUS' val=-2147483648
[6] ENUM '(anon)' encoding=UNSIGNED size=4 vlen=1
	'ALL' val=4294967295
[7] ENUM64 'wide' encoding=UNSIGNED size=8 vlen=1
	'MOST' val=18446744073709551615ULL
[8] ENUM64 '(anon)' encoding=SIGNED size=8 vlen=1
	'ONE' val=-1LL
[9] FWD 'f' fwd_kind=union
[10] PTR '(anon)' type_id=0
[11] CONST '(anon)' type_id=10
[12] FUNC_PROTO '(anon)' ret_type_id=0 vlen=1
	'x' type_id=1
[13] FUNC 'call' type_id=12 linkage=global
[14] DECL_TAG 'here' type_id=13 component_idx=0
[15] VAR 'v' type_id=1, linkage=static
[16] DATASEC '.data' size=4 vlen=1
	type_id=15 offset=0 size=4 (VAR 'v')
[17] FLOAT 'double' size=8
`);
});

test("long lists come in pieces, none of them lost", () => {
  const builder = new BtfBuilder();
  for (let index = 0; index < 10_000; index++) builder.typedef(`type_${index}`, 0);
  const lines = text(builder).split("\n");
  expect(lines).toHaveLength(10_002);
  expect(lines[9999]).toBe("[9999] TYPEDEF 'type_9998' type_id=0");
});

test("types that refer to nothing are refused before anything is written", () => {
  const builder = new BtfBuilder();
  builder.pointer(7);
  expect(() => text(builder)).toThrow(BtfError);
});
