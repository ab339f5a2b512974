import {
  type Btf,
  BtfBuilder,
  type BtfExtSection,
  BtfKind,
  BtfLinkage,
  encodeBtfExt,
  parseBtf,
} from "../btf/index.ts";
import {
  ElfBuilder,
  ElfMachine,
  type NewRelocation,
  SectionFlag,
  SectionType,
  SymbolBinding,
  SymbolType,
} from "../elf/index.ts";
import { CALL, encode, LDIMM64 } from "../isa/index.ts";
import type { Insn } from "../isa/index.ts";
import { encodeUtf8 } from "../util/index.ts";
import { ObjectError } from "./error.ts";
import { MapDefinitionWriter } from "./map-definition.ts";
import type { TracePlan } from "./plan.ts";
import {
  encodeExtraRelocations,
  encodePlan,
  type ExtraRelocation,
  PLAN_SECTION,
  RELOCATION_SECTION,
} from "./plan-section.ts";
import { sectionKind } from "./section-name.ts";
import type { MapSpec, ObjectSpec, ProgramSpec, Relocation } from "./spec.ts";

/** R_BPF_64_64 of ldimm64 and R_BPF_64_32 of calls. */
const relocationType = { wide: 1, call: 10 } as const;

/**
 * One relocatable ELF file that libbpf's tools can read too: programs in sections named by what they attach
 * to, their functions in .text, BTF-defined maps, BTF, .BTF.ext, and the plan in a section of its own.
 */
export function toElf(spec: ObjectSpec, plan?: TracePlan): Uint8Array<ArrayBuffer> {
  return new ObjectWriter(spec).write(plan);
}

/** Code of one section while it grows. */
interface Code {
  readonly name: string;
  readonly index: number;
  readonly insns: Insn[];
  readonly relocations: NewRelocation[];
  readonly ext: {
    functions: BtfExtSection["functions"][number][];
    lines: BtfExtSection["lines"][number][];
    relocations: BtfExtSection["relocations"][number][];
  };
}

/** A function of a program: slots [start, end) of it, put at `at` in `code`. */
interface PlacedFunction {
  readonly start: number;
  readonly end: number;
  readonly code: Code;
  readonly at: number;
  readonly symbol: number;
}

class ObjectWriter {
  readonly #spec: ObjectSpec;
  readonly #btf: Btf | undefined;
  readonly #types: BtfBuilder;
  readonly #elf = new ElfBuilder(ElfMachine.Bpf);
  readonly #code = new Map<string, Code>();
  readonly #extra: ExtraRelocation[] = [];
  /** Symbols of maps, and of data sections' starts. */
  readonly #maps = new Map<string, number>();
  readonly #kernelSymbols = new Map<string, number>();
  #sectionCount = 0;
  #mapBytes = 0;

  constructor(spec: ObjectSpec) {
    this.#spec = spec;
    this.#btf = spec.btf && parseBtf(spec.btf);
    this.#types = this.#btf ? BtfBuilder.from(this.#btf) : new BtfBuilder();
  }

  write(plan: TracePlan | undefined): Uint8Array<ArrayBuffer> {
    const { maps, programs, license, kconfig } = this.#spec;
    if (kconfig)
      throw new ObjectError(
        "object/unsupported",
        "Objects that read the kernel's options cannot be written yet",
      );
    // Section indices must be known before the bytes are: first all code sections, in the order of programs.
    this.#openCode(".text");
    for (const program of programs) this.#openCode(checkedSection(program));
    const codeCount = this.#sectionCount;
    const data = maps.filter(isDataSection);
    const licenseIndex = codeCount + 1;
    this.#writeData(data, licenseIndex + 1);
    this.#writeMaps(
      maps.filter((map) => !isDataSection(map)),
      licenseIndex + 1 + data.length,
    );
    for (const program of programs) this.#placeProgram(program);
    this.#emitCode();
    this.#section({
      name: "license",
      type: SectionType.Progbits,
      flags: SectionFlag.Alloc | SectionFlag.Write,
      bytes: encodeUtf8(`${license}\0`),
    });
    for (const { name, contents, valueSize, frozen } of data)
      this.#section({
        name,
        // Readers take .bss from its size alone, and no other section so.
        type: name.startsWith(".bss") && !contents?.some(Boolean) ? SectionType.Nobits : SectionType.Progbits,
        flags: SectionFlag.Alloc | (frozen ? 0 : SectionFlag.Write),
        bytes: contents ?? new Uint8Array(valueSize),
        alignment: 8,
      });
    if (this.#mapBytes > 0)
      this.#section({
        name: ".maps",
        type: SectionType.Progbits,
        flags: SectionFlag.Alloc | SectionFlag.Write,
        bytes: new Uint8Array(this.#mapBytes),
        alignment: 8,
      });
    this.#writeTypes();
    if (plan) this.#section({ name: PLAN_SECTION, type: SectionType.Progbits, bytes: encodePlan(plan) });
    if (this.#extra.length > 0)
      this.#section({
        name: RELOCATION_SECTION,
        type: SectionType.Progbits,
        bytes: encodeExtraRelocations(this.#extra),
      });
    return this.#elf.finish();
  }

  #section(section: Parameters<ElfBuilder["section"]>[0]): void {
    this.#elf.section(section);
  }

  #openCode(name: string): void {
    if (this.#code.has(name)) return;
    const ext = { functions: [], lines: [], relocations: [] };
    this.#code.set(name, { name, index: ++this.#sectionCount, insns: [], relocations: [], ext });
  }

  #emitCode(): void {
    for (const { name, index, insns, relocations } of this.#code.values()) {
      const flags = SectionFlag.Alloc | SectionFlag.Execute;
      this.#section({ name, type: SectionType.Progbits, flags, bytes: encode(insns), alignment: 8 });
      this.#elf.relocations(index, relocations);
    }
  }

  #writeData(maps: readonly MapSpec[], firstIndex: number): void {
    maps.forEach(({ name }, position) => {
      const symbol = this.#symbol("", { type: SymbolType.Section, section: firstIndex + position });
      this.#maps.set(name, symbol);
      this.#writeVariables(name, firstIndex + position);
    });
  }

  /** Symbols by which linkers and readers of objects find variables. */
  #writeVariables(name: string, section: number): void {
    const types = this.#btf;
    const id = types?.findByName(name, BtfKind.Datasec);
    if (!types || id === undefined) return;
    for (const { type, offset, size } of types.sectionVariables(id))
      this.#symbol(types.name(type), {
        type: SymbolType.Object,
        binding: types.linkage(type) === BtfLinkage.Static ? SymbolBinding.Local : SymbolBinding.Global,
        section,
        value: offset,
        size,
      });
  }

  #writeMaps(maps: readonly MapSpec[], section: number): void {
    if (maps.length === 0) return;
    const definitions = new MapDefinitionWriter(this.#types, this.#btf);
    for (const map of maps) {
      if (map.contents)
        throw new ObjectError(
          "object/unsupported",
          `Map ${map.name} has first contents, but is no data section`,
        );
      const { offset, size } = definitions.add(map);
      const symbol = this.#symbol(map.name, {
        type: SymbolType.Object,
        binding: SymbolBinding.Global,
        section,
        value: offset,
        size,
      });
      this.#maps.set(map.name, symbol);
    }
    definitions.finish();
    this.#mapBytes = definitions.size;
  }

  #placeProgram(program: ProgramSpec): void {
    const functions = this.#placeFunctions(program);
    for (const fn of functions) {
      fn.code.insns.push(...program.insns.slice(fn.start, fn.end));
      for (const relocation of program.relocations)
        if (relocation.insn >= fn.start && relocation.insn < fn.end)
          this.#relocate(program, relocation, fn, functions);
      this.#describe(program, fn);
    }
  }

  /** The main function into the program's own section, the others into .text. */
  #placeFunctions(program: ProgramSpec): PlacedFunction[] {
    const starts = functionStarts(program);
    const text = this.#code.get(".text")!;
    let textEnd = text.insns.length;
    return starts.map((start, index) => {
      const end = starts[index + 1] ?? program.insns.length;
      const code = index === 0 ? this.#code.get(elfSection(program))! : text;
      const at = index === 0 ? code.insns.length : textEnd;
      if (index > 0) textEnd += end - start;
      const symbol = this.#symbol(this.#functionName(program, start, index), {
        type: SymbolType.Function,
        binding: index === 0 ? SymbolBinding.Global : SymbolBinding.Local,
        section: code.index,
        value: at * 8,
        size: (end - start) * 8,
      });
      return { start, end, code, at, symbol };
    });
  }

  #functionName(program: ProgramSpec, start: number, index: number): string {
    if (index === 0) return program.name;
    const info = program.functions.find(({ insn }) => insn === start);
    return (info && this.#btf?.name(info.typeId)) || `${program.name}_${index}`;
  }

  #relocate(
    program: ProgramSpec,
    relocation: Relocation,
    { start, code, at }: PlacedFunction,
    functions: readonly PlacedFunction[],
  ): void {
    const slot = at + relocation.insn - start;
    const insn = code.insns[slot]!;
    const wide = insn.code === LDIMM64;
    const refer = (symbol: number, imm: number, src: number): void => {
      code.insns[slot] = { ...insn, src, imm };
      if (wide) code.insns[slot + 1] = { ...code.insns[slot + 1]!, imm: 0 };
      const type = wide ? relocationType.wide : relocationType.call;
      code.relocations.push({ offset: slot * 8, symbol, type });
    };
    switch (relocation.kind) {
      case "map": {
        const symbol = this.#maps.get(relocation.map);
        if (symbol === undefined) throw unknown(program, `map ${relocation.map}`);
        const isData = relocation.map.startsWith(".");
        refer(symbol, isData ? (relocation.offset ?? 0) : 0, 0);
        if (!isData && relocation.offset !== undefined)
          this.#extra.push({
            kind: "value",
            section: code.name,
            slot,
            map: relocation.map,
            offset: relocation.offset,
          });
        return;
      }
      case "function": {
        const target = functions.find((other) => other.start === relocation.target);
        if (!target) throw unknown(program, `function at ${relocation.target}`);
        return wide ? refer(target.symbol, 0, 0) : refer(target.symbol, -1, CALL.LOCAL);
      }
      case "core":
        code.ext.relocations.push({
          offset: slot * 8,
          typeId: relocation.typeId,
          access: relocation.access,
          kind: relocation.coreKind,
        });
        return;
      case "tracepoint":
        this.#extra.push({
          kind: "tracepoint",
          section: code.name,
          slot,
          tracepoint: relocation.tracepoint,
          field: relocation.field,
        });
        return;
      case "jumpTable":
        throw new ObjectError(
          "object/unsupported",
          `Program ${program.name} jumps through a table, which cannot be written yet`,
        );
      case "kfunc":
      case "ksym":
        return refer(this.#kernelSymbol(relocation), wide ? 0 : -1, wide ? 0 : CALL.LOCAL);
    }
  }

  #describe(program: ProgramSpec, { start, end, code, at }: PlacedFunction): void {
    const inside = ({ insn }: { readonly insn: number }): boolean => insn >= start && insn < end;
    const offset = (insn: number): number => (at + insn - start) * 8;
    for (const { insn, typeId } of program.functions.filter(inside))
      code.ext.functions.push({ offset: offset(insn), typeId });
    for (const { insn, file, text, line, column } of program.lines.filter(inside))
      code.ext.lines.push({ offset: offset(insn), file, text, line, column });
  }

  #writeTypes(): void {
    const sections = new Map([...this.#code.values()].map(({ name, ext }) => [name, ext]));
    const ext = encodeBtfExt(sections, this.#types);
    this.#section({ name: ".BTF", type: SectionType.Progbits, bytes: this.#types.encode(), alignment: 4 });
    this.#section({ name: ".BTF.ext", type: SectionType.Progbits, bytes: ext, alignment: 4 });
  }

  #kernelSymbol({ name, weak }: { readonly name: string; readonly weak?: boolean }): number {
    let symbol = this.#kernelSymbols.get(name);
    if (symbol === undefined) {
      symbol = this.#symbol(name, { binding: weak ? SymbolBinding.Weak : SymbolBinding.Global });
      this.#kernelSymbols.set(name, symbol);
    }
    return symbol;
  }

  #symbol(
    name: string,
    {
      type = SymbolType.None,
      binding = SymbolBinding.Local,
      section = 0,
      value = 0,
      size = 0,
    }: { type?: number; binding?: number; section?: number; value?: number; size?: number },
  ): number {
    return this.#elf.symbol({ name, type, binding, visibility: 0, section, value, size });
  }
}

function isDataSection({ name, contents }: MapSpec): boolean {
  return /^\.(data|rodata|bss)(\.|$)/.test(name) || (name.startsWith(".") && contents !== undefined);
}

/** Name in the file: programs that are not loaded by themselves have `?` in front. */
function elfSection({ section, autoload }: ProgramSpec): string {
  return autoload === false ? `?${section}` : section;
}

function checkedSection(program: ProgramSpec): string {
  const kind = sectionKind(program.section);
  if (kind?.type !== program.type || (kind.expectedAttachType ?? 0) !== (program.expectedAttachType ?? 0))
    throw new ObjectError(
      "object/unsupported",
      `Section ${program.section} does not stand for the type of program ${program.name}`,
    );
  return elfSection(program);
}

/** Slots where functions start: the program's own, those with type information, and targets of calls. */
function functionStarts({ insns, functions, relocations }: ProgramSpec): number[] {
  const targets = relocations.flatMap((relocation) =>
    relocation.kind === "function" ? [relocation.target] : [],
  );
  const starts = new Set([0, ...functions.map(({ insn }) => insn), ...targets]);
  return [...starts].filter((start) => start < insns.length).sort((a, b) => a - b);
}

function unknown(program: ProgramSpec, what: string): ObjectError {
  return new ObjectError(
    "object/relocation",
    `Program ${program.name} refers to ${what}, which does not exist`,
  );
}
