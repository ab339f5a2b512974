import { type Btf, type BtfExtSection, BtfKind, BtfLinkage, decodeBtfExt, parseBtf } from "../btf/index.ts";
import {
  ElfFile,
  ElfMachine,
  type ElfSection,
  type ElfSymbol,
  SectionType,
  SymbolBinding,
} from "../elf/index.ts";
import { BPF_F, BPF_MAP_TYPE } from "../uapi/index.ts";
import { decodeFixedString, lazy } from "../util/index.ts";
import { type CodeFunction, type CodeSection, readCode } from "./code-section.ts";
import { ObjectError } from "./error.ts";
import { kconfigVariables } from "./kconfig.ts";
import { legacyMaps } from "./legacy-maps.ts";
import { type MapDefinition, readMapDefinition } from "./map-definition.ts";
import { KCONFIG, KSYMS, loadableBtf } from "./object-btf.ts";
import type { TracePlan } from "./plan.ts";
import {
  decodeExtraRelocations,
  decodePlan,
  type ExtraRelocation,
  PLAN_SECTION,
  RELOCATION_SECTION,
} from "./plan-section.ts";
import { type LinkContext, linkProgram, type ProvidedSymbol } from "./program-linker.ts";
import { sectionKind } from "./section-name.ts";
import type { KconfigVariable, MapSpec, ObjectSpec, ProgramSpec } from "./spec.ts";
import { structOpsVariables } from "./struct-ops.ts";

export interface ObjectFile {
  readonly spec: ObjectSpec;
  /** In objects that `bpfkit build` wrote. */
  readonly plan?: TracePlan;
}

/**
 * Reads a BPF object file, of our own or of any compiler.
 * @throws ElfError, BtfError, ObjectError where the bytes do not hold together.
 */
export function fromElf(bytes: Uint8Array): ObjectFile {
  return new ObjectReader(new ElfFile(bytes)).read();
}

const JUMP_TABLES = ".jumptables";
/** Declaration tag of a program: what bpf_throw() ends in (kernel/bpf/verifier.c, add_subprog). */
const EXCEPTION_CALLBACK = "exception_callback:";

/** Variables that clang's address space 1 puts into an arena. */
const ARENA = ".addr_space.1";

/** A variable in section .maps. */
interface DefinedMap extends MapDefinition {
  readonly section: number;
  readonly offset: number;
  readonly size: number;
}

class ObjectReader implements LinkContext {
  readonly code: ReadonlyMap<number, CodeSection>;
  readonly #elf: ElfFile;
  readonly #symbols: readonly ElfSymbol[];
  readonly #btf: Btf | undefined;
  readonly #maps: readonly DefinedMap[];
  readonly #dataSections: ReadonlyMap<number, ElfSection>;
  readonly #kconfig: readonly KconfigVariable[];
  readonly #extra = new Map<string, Map<number, ExtraRelocation>>();
  /** Names, by the id of the function that is tagged. */
  readonly #exceptionCallbacks = lazy(() => exceptionCallbacks(this.#btf));

  constructor(elf: ElfFile) {
    if (elf.machine !== ElfMachine.Bpf || !elf.is64)
      throw new ObjectError("object/bad-elf", "The ELF file is no BPF object", [
        "Compile with clang -target bpf",
      ]);
    if (!elf.littleEndian)
      throw new ObjectError("object/unsupported", "Big-endian BPF objects cannot be loaded", [
        "Compile with clang -target bpfel",
      ]);
    this.#elf = elf;
    const table = elf.sections.find(({ type }) => type === SectionType.Symtab);
    this.#symbols = table ? elf.symbols(table) : [];
    const types = elf.section(".BTF");
    this.#btf = types && parseBtf(elf.data(types));
    this.code = readCode(elf, this.#symbols, this.#readExt());
    this.#dataSections = new Map(
      elf.sections.filter(isDataSection).map((section) => [section.index, section]),
    );
    this.#maps = [
      ...this.#readMaps(),
      ...legacyMaps(elf, this.#symbols),
      ...structOpsVariables(elf, this.#symbols, this.#btf),
    ];
    this.#kconfig = this.#readKconfig();
    this.#readExtra();
  }

  read(): ObjectFile {
    const plan = this.#elf.section(PLAN_SECTION);
    const license = this.#elf.section("license");
    const spec: ObjectSpec = {
      license: license ? decodeFixedString(this.#elf.data(license)) : "",
      maps: [...this.#definedMaps(), ...this.#dataMaps(), ...this.#kconfigMap()],
      programs: this.#programs(),
      ...(this.#btf && { btf: loadableBtf(this.#btf, this.#elf, this.#symbols, this.#kconfig) }),
      ...(this.#kconfig.length > 0 && { kconfig: this.#kconfig }),
    };
    return { spec, ...(plan && { plan: decodePlan(this.#elf.data(plan)) }) };
  }

  map(section: number, offset: number): string | undefined {
    return this.#maps.find((map) => map.section === section && map.offset === offset)?.spec.name;
  }

  dataSection(section: number): string | undefined {
    if (section === this.#elf.section(ARENA)?.index) return this.#arena()?.spec.name;
    return this.#dataSections.get(section)?.name;
  }

  provided(name: string): ProvidedSymbol | undefined {
    const btf = this.#btf;
    if (!btf) return undefined;
    if (this.#kconfig.some((variable) => variable.name === name)) return { kind: "kconfig" };
    for (const section of btf.findAllByName(KSYMS, BtfKind.Datasec)) {
      const found = btf.sectionVariables(section).find(({ type }) => btf.name(type) === name);
      if (!found) continue;
      const typeId = btf.resolve(btf.target(found.type));
      return typeId === 0 ? { kind: "untyped" } : { kind: "typed", typeId };
    }
    return undefined;
  }

  jumpTable({ section, value, size }: ElfSymbol): readonly number[] | undefined {
    const tables = this.#elf.section(JUMP_TABLES);
    if (!tables || section !== tables.index) return undefined;
    const bytes = this.#elf.data(tables);
    if (size === 0 || size % 8 !== 0 || value % 8 !== 0 || value + size > bytes.length)
      throw new ObjectError("object/bad-elf", `A jump table does not lie within section ${JUMP_TABLES}`);
    const view = new DataView(bytes.buffer, bytes.byteOffset + value, size);
    return Array.from({ length: size / 8 }, (_, index) => Number(view.getBigUint64(index * 8, true)));
  }

  exceptionCallback(typeId: number): readonly [CodeFunction, CodeSection] | undefined {
    const name = this.#exceptionCallbacks().get(typeId);
    if (name === undefined) return undefined;
    for (const section of this.code.values()) {
      const fn = section.functions.find((other) => other.name === name && !other.local);
      if (fn) return [fn, section];
    }
    throw new ObjectError("object/bad-elf", `Exception callback ${name} is no global function`);
  }

  kconfigOffset(name: string): number {
    return this.#kconfig.find((variable) => variable.name === name)!.offset;
  }

  extra(section: string): ReadonlyMap<number, ExtraRelocation> {
    return this.#extra.get(section) ?? new Map();
  }

  #readExt(): ReadonlyMap<string, BtfExtSection> {
    const section = this.#elf.section(".BTF.ext");
    return section && this.#btf ? decodeBtfExt(this.#elf.data(section), this.#btf) : new Map();
  }

  #readExtra(): void {
    const section = this.#elf.section(RELOCATION_SECTION);
    if (!section) return;
    for (const relocation of decodeExtraRelocations(this.#elf.data(section))) {
      const slots = this.#extra.get(relocation.section) ?? new Map<number, ExtraRelocation>();
      this.#extra.set(relocation.section, slots.set(relocation.slot, relocation));
    }
  }

  #readKconfig(): KconfigVariable[] {
    const variables = this.#btf ? kconfigVariables(this.#btf) : [];
    const weak = new Set(
      this.#symbols.filter(({ binding }) => binding === SymbolBinding.Weak).map(({ name }) => name),
    );
    return variables.map((variable) => (weak.has(variable.name) ? { ...variable, weak: true } : variable));
  }

  #readMaps(): DefinedMap[] {
    const section = this.#elf.section(".maps");
    if (!section) return [];
    const btf = this.#btf;
    if (!btf)
      throw new ObjectError("object/bad-elf", "The object defines maps, but has no BTF", ["Compile with -g"]);
    return btf.findAllByName(".maps", BtfKind.Datasec).flatMap((id) =>
      btf.sectionVariables(id).map(({ type: variable }) => {
        const name = btf.name(variable);
        const symbol = this.#symbols.find((other) => other.section === section.index && other.name === name);
        if (!symbol) throw new ObjectError("object/bad-elf", `Map ${name} has no symbol`);
        const definition = readMapDefinition(btf, name, btf.target(variable));
        return { ...definition, section: section.index, offset: symbol.value, size: symbol.size };
      }),
    );
  }

  #definedMaps(): MapSpec[] {
    const slots = this.#mapSlots();
    const arena = this.#elf.section(ARENA);
    const arenaMap = arena && this.#arena();
    if (arena && arena.size > 0 && !arenaMap)
      throw new ObjectError("object/bad-elf", "The object has variables in an arena, but no arena", [
        "Define a map of type BPF_MAP_TYPE_ARENA",
      ]);
    return this.#maps.map((map) => {
      const own = slots.get(map.spec.name);
      return {
        ...map.spec,
        ...(own && { slots: own }),
        ...(arena && map === arenaMap && { contents: this.#elf.data(arena).slice() }),
      };
    });
  }

  /** Static initialisers: relocations of section .maps say which map or program goes into which slot. */
  #mapSlots(): Map<string, { index: number; name: string }[]> {
    const slots = new Map<string, { index: number; name: string }[]>();
    const section = this.#elf.section(".maps");
    for (const table of this.#elf.sections) {
      if (!section || table.info !== section.index || table.type !== SectionType.Rel) continue;
      for (const { offset, symbol } of this.#elf.relocations(table)) {
        const map = this.#maps.find((other) => offset >= other.offset && offset < other.offset + other.size);
        const name = this.#symbols[symbol]?.name;
        if (map?.valuesOffset === undefined || !name)
          throw new ObjectError("object/bad-elf", "A relocation of section .maps belongs to no map's values");
        const list = slots.get(map.spec.name) ?? [];
        list.push({ index: (offset - map.offset - map.valuesOffset) / 8, name });
        slots.set(map.spec.name, list);
      }
    }
    return slots;
  }

  /** The map that holds the variables of section .addr_space.1. */
  #arena(): DefinedMap | undefined {
    return this.#maps.find(({ spec }) => spec.type === BPF_MAP_TYPE.ARENA);
  }

  #dataMaps(): MapSpec[] {
    return [...this.#dataSections.values()].map((section) => {
      const readOnly = section.name.startsWith(".rodata");
      const types = this.#btf?.findByName(section.name, BtfKind.Datasec);
      const mappable = types !== undefined && this.#hasGlobal(types);
      return {
        name: section.name,
        type: BPF_MAP_TYPE.ARRAY,
        keySize: 4,
        valueSize: section.size,
        maxEntries: 1,
        flags: (readOnly ? BPF_F.RDONLY_PROG : 0) | (mappable ? BPF_F.MMAPABLE : 0),
        ...(types !== undefined && { btfValueTypeId: types }),
        ...(section.type === SectionType.Progbits && { contents: this.#elf.data(section).slice() }),
        ...(readOnly && { frozen: true }),
      };
    });
  }

  #hasGlobal(section: number): boolean {
    const btf = this.#btf!;
    return btf.sectionVariables(section).some(({ type }) => btf.linkage(type) !== BtfLinkage.Static);
  }

  #kconfigMap(): MapSpec[] {
    const last = this.#kconfig.at(-1);
    if (!last) return [];
    return [
      {
        name: KCONFIG,
        type: BPF_MAP_TYPE.ARRAY,
        keySize: 4,
        valueSize: last.offset + last.size,
        maxEntries: 1,
        flags: BPF_F.RDONLY_PROG,
        frozen: true,
      },
    ];
  }

  #programs(): ProgramSpec[] {
    return [...this.code.values()]
      .filter(({ name }) => name !== ".text")
      .flatMap((section) => section.functions.map((fn) => this.#program(section, fn)));
  }

  #program(section: CodeSection, fn: CodeFunction): ProgramSpec {
    const kind = sectionKind(section.name);
    if (!kind)
      throw new ObjectError(
        "object/unsupported",
        `Section ${section.name} of program ${fn.name} names no kind of program`,
        ['Name it as SEC("tracepoint/syscalls/sys_enter_execve") or another kind'],
      );
    const { insns, relocations, functions, lines } = linkProgram(fn, section, this);
    return {
      name: fn.name,
      section: kind.autoload === false ? section.name.slice(1) : section.name,
      type: kind.type,
      ...(kind.expectedAttachType !== undefined && { expectedAttachType: kind.expectedAttachType }),
      ...(kind.typed && kind.target !== undefined && { attachTarget: kind.target }),
      ...(kind.flags !== undefined && { flags: kind.flags }),
      ...(kind.autoload === false && { autoload: false }),
      insns,
      relocations,
      functions,
      lines,
    };
  }
}

function exceptionCallbacks(btf: Btf | undefined): Map<number, string> {
  const found = new Map<number, string>();
  if (!btf) return found;
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kind(id) !== BtfKind.DeclTag || btf.componentIndex(id) !== -1) continue;
    const tag = btf.name(id);
    if (!tag.startsWith(EXCEPTION_CALLBACK)) continue;
    const fn = btf.target(id);
    // Of a program with several the verifier says what is wrong; the object's others are not to suffer.
    if (!found.has(fn)) found.set(fn, tag.slice(EXCEPTION_CALLBACK.length));
  }
  return found;
}

function isDataSection({ name, type, size }: ElfSection): boolean {
  const held = type === SectionType.Progbits || type === SectionType.Nobits;
  return held && size > 0 && /^\.(data|rodata|bss)(\.|$)/.test(name);
}
