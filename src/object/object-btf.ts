import { type Btf, BtfBuilder, BtfIntEncoding, BtfKind, BtfLinkage } from "../btf/index.ts";
import type { KconfigVariable } from "./spec.ts";
import { type ElfFile, type ElfSymbol, SymbolBinding, SymbolVisibility } from "../elf/index.ts";

/** Section names under which BTF lists symbols that the kernel provides. */
export const KSYMS = ".ksyms";
export const KCONFIG = ".kconfig";

/**
 * An object's types as the kernel takes them. Compilers leave sizes and offsets of data sections to the
 * reader, and list symbols of the kernel in sections that the kernel's checker would refuse as they are.
 */
export function loadableBtf(
  btf: Btf,
  elf: ElfFile,
  symbols: readonly ElfSymbol[],
  kconfig: readonly KconfigVariable[],
): Uint8Array<ArrayBuffer> {
  const builder = new BtfBuilder();
  const hidden = new Set(
    symbols
      .filter(
        ({ visibility, binding }) =>
          binding !== SymbolBinding.Local &&
          (visibility === SymbolVisibility.Hidden || visibility === SymbolVisibility.Internal),
      )
      .map(({ name }) => name),
  );
  const provided = providedSymbols(btf);
  const prototypes = functionPrototypes(btf);
  // Both are appended where there are symbols of the kernel; their ids are known now.
  const dummyInt = btf.typeCount;
  const dummyVariable = btf.typeCount + 1;
  for (let id = 1; id < btf.typeCount; id++) {
    const kind = btf.kind(id);
    const name = btf.name(id);
    if (kind === BtfKind.Datasec && name === KSYMS) {
      const variables = btf.sectionVariables(id).map(({ type }, index) => ({
        type: btf.kind(type) === BtfKind.Func ? dummyVariable : type,
        offset: index * 4,
        size: 4,
      }));
      builder.dataSection(name, variables.length * 4, variables);
    } else if (kind === BtfKind.Datasec && name === KCONFIG) {
      fillKconfig(btf, id, kconfig, builder);
    } else if (kind === BtfKind.Datasec) {
      fillSection(btf, id, elf, symbols, builder);
    } else if (kind === BtfKind.Var && btf.linkage(id) === BtfLinkage.Extern && !provided.has(id)) {
      builder.variable(name, btf.target(id), BtfLinkage.Global);
    } else if (kind === BtfKind.Var && provided.has(id)) {
      builder.variable(name, dummyInt, BtfLinkage.Global);
    } else if (kind === BtfKind.Func && provided.has(id)) {
      builder.func(name, btf.target(id), BtfLinkage.Global);
    } else if (kind === BtfKind.FuncProto && prototypes.has(id)) {
      // C lets parameters go without names, which the kernel's checker demands of functions (btf_func_check).
      const params = btf.params(id).map((param) => ({ ...param, name: param.name || "_" }));
      builder.prototype(
        btf.target(id),
        params.map((param) => (param.type === 0 ? { name: "", type: 0 } : param)),
      );
    } else if (kind === BtfKind.Func && hidden.has(name) && btf.linkage(id) === BtfLinkage.Global) {
      builder.func(name, btf.target(id), BtfLinkage.Static);
    } else {
      builder.copy(btf, id);
    }
  }
  if (provided.size > 0) {
    builder.int("int", 4, BtfIntEncoding.Signed);
    builder.variable("dummy_ksym", dummyInt, BtfLinkage.Global);
  }
  return builder.encode();
}

function functionPrototypes(btf: Btf): Set<number> {
  const prototypes = new Set<number>();
  for (let id = 1; id < btf.typeCount; id++)
    if (btf.kind(id) === BtfKind.Func) prototypes.add(btf.target(id));
  return prototypes;
}

/** Variables and functions of the section of kernel symbols. */
export function providedSymbols(btf: Btf): Set<number> {
  const sections = btf.findAllByName(KSYMS, BtfKind.Datasec);
  return new Set(sections.flatMap((section) => btf.sectionVariables(section).map(({ type }) => type)));
}

function fillKconfig(btf: Btf, id: number, kconfig: readonly KconfigVariable[], builder: BtfBuilder): void {
  const types = new Map(btf.sectionVariables(id).map(({ type }) => [btf.name(type), type]));
  const variables = kconfig.map(({ name, offset, size }) => ({ type: types.get(name)!, offset, size }));
  const last = variables.at(-1);
  builder.dataSection(KCONFIG, last ? last.offset + last.size : 0, variables);
}

function fillSection(
  btf: Btf,
  id: number,
  elf: ElfFile,
  symbols: readonly ElfSymbol[],
  builder: BtfBuilder,
): void {
  const section = elf.section(btf.name(id));
  if (!section || btf.size(id) !== 0) {
    builder.copy(btf, id);
    return;
  }
  const places = new Map(
    symbols.filter((symbol) => symbol.section === section.index).map(({ name, value }) => [name, value]),
  );
  const variables = btf
    .sectionVariables(id)
    .map(({ type, offset, size }) => ({ type, offset: places.get(btf.name(type)) ?? offset, size }))
    .sort((a, b) => a.offset - b.offset);
  builder.dataSection(btf.name(id), section.size, variables);
}
