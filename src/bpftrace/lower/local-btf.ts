import { BtfBuilder, BtfIntEncoding, BtfLinkage } from "../../btf/index.ts";
import type { LocalType } from "./local-types.ts";

/** The types as a BTF blob; ids are their places in the list, from 1. */
export function encodeBtf(types: readonly LocalType[]): Uint8Array {
  const builder = new BtfBuilder();
  for (const type of types) addType(builder, type);
  return builder.encode();
}

function addType(builder: BtfBuilder, type: LocalType): number {
  switch (type.kind) {
    case "int": {
      const { name, size, signed, char, bool } = type;
      const encoding = bool
        ? BtfIntEncoding.Bool
        : signed
          ? BtfIntEncoding.Signed
          : char
            ? BtfIntEncoding.Char
            : 0;
      return builder.int(name, size, encoding);
    }
    case "pointer":
      return builder.pointer(type.target);
    case "array":
      return builder.array(type.element, type.index, type.length);
    case "struct":
    case "union": {
      const members = type.members.map(({ name, type: id, bitOffset, bitWidth }) => ({
        name,
        type: id,
        bitOffset,
        bitSize: bitWidth,
      }));
      return builder[type.kind](type.name, type.size, members);
    }
    case "enum":
      return builder.enum(type.name, type.size, type.signed, []);
    case "prototype":
      return builder.prototype(type.result, type.parameters);
    case "function":
      return builder.func(
        type.name,
        type.prototype,
        type.linkage === "global" ? BtfLinkage.Global : BtfLinkage.Static,
      );
  }
}
