import { type Btf, BtfKind } from "../btf/index.ts";
import { type ElfFile, type ElfSection, type ElfSymbol, SectionType } from "../elf/index.ts";
import { BPF_F, BPF_MAP_TYPE } from "../uapi/index.ts";
import { ObjectError } from "./error.ts";
import type { MapSpec } from "./spec.ts";

// A variable in section .struct_ops, or .struct_ops.link for one that a link registers, is a struct of the kernel's
// whose function pointers are programs: relocations of the section say which. `?` in front: not made unless asked.

const SECTION = /^\??\.struct_ops(\.link)?$/;

export interface StructOpsVariable {
  readonly spec: MapSpec;
  readonly section: number;
  readonly offset: number;
  readonly size: number;
}

/** @throws ObjectError where a variable has no symbol, or a pointer leads to no function */
export function structOpsVariables(
  elf: ElfFile,
  symbols: readonly ElfSymbol[],
  btf: Btf | undefined,
): StructOpsVariable[] {
  return elf.sections
    .filter(({ name, type }) => SECTION.test(name) && type === SectionType.Progbits)
    .flatMap((section) => {
      if (!btf) throw bad(section, "the object has no BTF");
      const pointers = programPointers(elf, section, symbols);
      return btf.findAllByName(section.name, BtfKind.Datasec).flatMap((id) =>
        btf.sectionVariables(id).map(({ type: variable }) => {
          const name = btf.name(variable);
          const symbol = symbols.find((other) => other.section === section.index && other.name === name);
          const type = btf.resolve(btf.target(variable));
          if (!symbol || btf.kind(type) !== BtfKind.Struct)
            throw bad(section, `${name} is no variable of a struct`);
          const [offset, size] = [symbol.value, btf.size(type)];
          if (offset + size > section.size) throw bad(section, `${name} does not lie within it`);
          const spec: MapSpec = {
            name,
            type: BPF_MAP_TYPE.STRUCT_OPS,
            keySize: 4,
            valueSize: size,
            maxEntries: 1,
            flags: section.name.endsWith(".link") ? BPF_F.LINK : 0,
            ...(section.name.startsWith("?") && { autocreate: false }),
            structOps: {
              typeId: type,
              data: elf.data(section).slice(offset, offset + size),
              programs: pointers
                .filter((pointer) => pointer.offset >= offset && pointer.offset < offset + size)
                .map((pointer) => ({ offset: pointer.offset - offset, name: pointer.name })),
            },
          };
          return { spec, section: section.index, offset, size };
        }),
      );
    });
}

function programPointers(
  elf: ElfFile,
  section: ElfSection,
  symbols: readonly ElfSymbol[],
): { readonly offset: number; readonly name: string }[] {
  return elf.sections
    .filter(({ type, info }) => type === SectionType.Rel && info === section.index)
    .flatMap((table) =>
      elf.relocations(table).map(({ offset, symbol }) => {
        const name = symbols[symbol]?.name;
        if (!name) throw bad(section, `the pointer at ${offset} leads to no function`);
        return { offset, name };
      }),
    );
}

function bad({ name }: ElfSection, why: string): ObjectError {
  return new ObjectError("object/bad-elf", `Section ${name}: ${why}`);
}
