import { array, assert as check, constantFrom, nat, property, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import { type Btf, BtfBuilder, BtfKind, BtfLinkage, dedupBtf, parseBtf } from "./index.ts";

type Build = (builder: BtfBuilder) => void;

function built(...parts: readonly Build[]): Btf {
  const builder = new BtfBuilder();
  for (const part of parts) part(builder);
  return parseBtf(builder.encode());
}

function deduplicated(btf: Btf): Btf {
  return parseBtf(dedupBtf(btf).builder.encode());
}

function kinds(btf: Btf): string[] {
  return Array.from(
    { length: btf.typeCount - 1 },
    (_, index) => `${btf.kindName(index + 1)} ${btf.name(index + 1)}`,
  );
}

const member = (name: string, type: number, bitOffset = 0) => ({ name, type, bitOffset, bitSize: 0 });

/** `struct node { struct node *next; int value; }`, its pointer and its int. */
const list: Build = (builder) => {
  const at = builder.nextId;
  builder.struct("node", 16, [member("next", at + 1), member("value", at + 2, 64)]);
  builder.pointer(at);
  builder.signedInt("int", 4);
};

const otherList: Build = (builder) => {
  const at = builder.nextId;
  builder.struct("node", 16, [member("next", at + 1), member("value", at + 2, 64)]);
  builder.pointer(at);
  builder.int("unsigned int", 4);
};

const declaredHolder: Build = (builder) => {
  const at = builder.nextId;
  builder.struct("holder", 8, [member("first", at + 1)]);
  builder.pointer(at + 2);
  builder.forward("node");
};

const definedHolder: Build = (builder) => {
  const at = builder.nextId;
  builder.struct("holder", 8, [member("first", at + 1)]);
  builder.pointer(at + 2);
  list(builder);
};

const smallNode: Build = (builder) => builder.struct("node", 4, []);

const largeNode: Build = (builder) => builder.struct("node", 8, []);

const declaredNode: Build = (builder) => builder.pointer(builder.forward("node"));

const declaredUnion: Build = (builder) => builder.pointer(builder.forward("node", true));

const data: Build = (builder) => {
  const int = builder.signedInt("int", 4);
  const type = builder.variable("v", int, BtfLinkage.Static);
  builder.dataSection(".bss", 4, [{ type, offset: 0, size: 4 }]);
};

describe("dedupBtf()", () => {
  test("merges structs that refer to themselves", () => {
    expect(kinds(deduplicated(built(list, list, list)))).toEqual(["STRUCT node", "PTR ", "INT int"]);
  });

  test("keeps structs apart whose members differ behind pointers", () => {
    expect(kinds(deduplicated(built(list, otherList)))).toHaveLength(6);
  });

  test("a forward declaration becomes the definition, wherever it stands", () => {
    const expected = ["INT int", "PTR ", "STRUCT holder", "STRUCT node"];
    for (const parts of [
      [declaredHolder, definedHolder],
      [definedHolder, declaredHolder],
    ]) {
      const result = deduplicated(built(...parts));
      expect(kinds(result).sort()).toEqual(expected);
      const holder = result.findByName("holder", BtfKind.Struct)!;
      expect(result.name(result.target(result.memberType(holder, 0)))).toBe("node");
    }
  });

  test("a forward declaration stays where definitions differ", () => {
    expect(kinds(deduplicated(built(declaredNode, smallNode, largeNode)))).toEqual([
      "FWD node",
      "PTR ",
      "STRUCT node",
      "STRUCT node",
    ]);
  });

  test("a union is not the struct of its name", () => {
    expect(kinds(deduplicated(built(declaredUnion, list)))).toContain("FWD node");
  });

  test("variables and data sections stay apart", () => {
    expect(kinds(deduplicated(built(data, data)))).toEqual([
      "INT int",
      "VAR v",
      "DATASEC .bss",
      "VAR v",
      "DATASEC .bss",
    ]);
  });

  test("a type twice or once: the result is the same, and it is at its end", () => {
    const step = tuple(
      constantFrom("int", "ptr", "const", "struct", "typedef", "array", "fwd"),
      nat(12),
      nat(2),
    );
    check(
      property(array(step, { maxLength: 20 }), (steps) => {
        const part: Build = (builder) => {
          const base = builder.nextId - 1;
          const reference = (to: number): number => (steps.length === 0 ? 0 : base + 1 + (to % steps.length));
          for (const [kind, to, name] of steps) {
            const text = `n${name}`;
            if (kind === "int") builder.signedInt(text, 4);
            else if (kind === "ptr") builder.pointer(reference(to));
            else if (kind === "const") builder.modifier(BtfKind.Const, reference(to));
            else if (kind === "struct") builder.struct(text, 8, [member("m", reference(to))]);
            else if (kind === "typedef") builder.typedef(text, reference(to));
            else if (kind === "array") builder.array(reference(to), reference(to), name);
            else builder.forward(text);
          }
        };
        const once = deduplicated(built(part));
        const twice = deduplicated(built(part, part));
        expect(twice.bytes).toEqual(once.bytes);
        expect(deduplicated(once).bytes).toEqual(once.bytes);
      }),
    );
  });
});
