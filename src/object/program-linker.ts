import type { ElfSymbol } from "../elf/index.ts";
import { SectionIndex, SymbolBinding, SymbolType } from "../elf/index.ts";
import { CALL, classOf, JUMP, LDIMM64, PSEUDO } from "../isa/index.ts";
import type { Insn } from "../isa/index.ts";
import type { CodeFunction, CodeSection } from "./code-section.ts";
import { ObjectError } from "./error.ts";
import type { ExtraRelocation } from "./plan-section.ts";
import type { FunctionInfo, LineInfo, Relocation } from "./spec.ts";

/** What kind of symbol the kernel provides; `typeId`: what the object declares it as, in its own BTF. */
export type ProvidedSymbol =
  | { readonly kind: "untyped" | "kconfig" }
  | { readonly kind: "typed"; readonly typeId: number };

/** What the functions of an object may refer to. */
export interface LinkContext {
  readonly code: ReadonlyMap<number, CodeSection>;
  /** The map defined at `offset` of section `section`; data sections are maps by themselves. */
  map(section: number, offset: number): string | undefined;
  dataSection(section: number): string | undefined;
  /** What BTF says about a symbol that the kernel provides. */
  provided(name: string): ProvidedSymbol | undefined;
  kconfigOffset(name: string): number;
  /** The table that a symbol of section .jumptables stands for: offsets of instructions, in bytes. */
  jumpTable(symbol: ElfSymbol): readonly number[] | undefined;
  /** The function that bpf_throw() of a program ends in, if the program names one. */
  exceptionCallback(typeId: number): readonly [CodeFunction, CodeSection] | undefined;
  /** Relocations that ELF has no words for, by section name and slot. */
  extra(section: string): ReadonlyMap<number, ExtraRelocation>;
}

export interface LinkedProgram {
  readonly insns: readonly Insn[];
  readonly relocations: readonly Relocation[];
  readonly functions: readonly FunctionInfo[];
  readonly lines: readonly LineInfo[];
}

/** The kernel takes 256 functions at most; this only stops files that are made to exhaust memory. */
const maxFunctions = 1024;

/**
 * A program with all functions that it calls: the main one first, each other one where it is first referred
 * to and followed by those that it refers to itself, which is the order of libbpf.
 */
export function linkProgram(main: CodeFunction, section: CodeSection, context: LinkContext): LinkedProgram {
  const linker = new Linker(context);
  linker.place(main, section);
  linker.placeCallback();
  return linker;
}

class Linker implements LinkedProgram {
  readonly insns: Insn[] = [];
  readonly relocations: Relocation[] = [];
  readonly functions: FunctionInfo[] = [];
  readonly lines: LineInfo[] = [];
  readonly #context: LinkContext;
  readonly #placed = new Map<CodeFunction, number>();

  constructor(context: LinkContext) {
    this.#context = context;
  }

  /** Gives the slot at which the function starts. */
  place(fn: CodeFunction, section: CodeSection): number {
    const known = this.#placed.get(fn);
    if (known !== undefined) return known;
    if (this.#placed.size >= maxFunctions)
      throw bad(section, `more than ${maxFunctions} functions call each other`);
    const base = this.insns.length;
    this.#placed.set(fn, base);
    for (let slot = fn.start; slot < fn.end; slot++) this.insns.push(section.insns[slot]!);
    this.#describe(fn, section, base - fn.start);
    const extra = this.#context.extra(section.name);
    for (let slot = fn.start; slot < fn.end; slot++)
      this.#refer(section, slot, base + slot - fn.start, extra.get(slot));
    return base;
  }

  /** The exception callback, which nothing calls: the kernel finds it by the main function's tag. */
  placeCallback(): void {
    const [main] = this.functions;
    const callback = main?.insn === 0 ? this.#context.exceptionCallback(main.typeId) : undefined;
    if (callback) this.place(...callback);
  }

  #describe({ start, end }: CodeFunction, { ext }: CodeSection, shift: number): void {
    if (!ext) return;
    const inside = ({ offset }: { readonly offset: number }): boolean =>
      offset >= start * 8 && offset < end * 8;
    const insn = (offset: number): number => offset / 8 + shift;
    for (const { offset, typeId } of ext.functions.filter(inside))
      this.functions.push({ insn: insn(offset), typeId });
    for (const { offset, ...line } of ext.lines.filter(inside))
      this.lines.push({ insn: insn(offset), ...line });
    for (const { offset, typeId, access, kind } of ext.relocations.filter(inside))
      this.relocations.push({ kind: "core", insn: insn(offset), typeId, access, coreKind: kind });
  }

  /** Resolves what the instruction at `slot` of the section, `at` of the program, refers to. */
  #refer(section: CodeSection, slot: number, at: number, extra: ExtraRelocation | undefined): void {
    const insn = section.insns[slot]!;
    if (extra) {
      this.relocations.push(
        extra.kind === "tracepoint"
          ? { kind: "tracepoint", insn: at, tracepoint: extra.tracepoint, field: extra.field }
          : { kind: "map", insn: at, map: extra.map, offset: extra.offset },
      );
      return;
    }
    const symbol = section.references.get(slot);
    if (isCall(insn)) {
      if (symbol && symbol.section === SectionIndex.Undefined) this.#kfunc(symbol, at);
      else if (symbol) this.#function(symbol.section, symbol.value / 8 + insn.imm + 1, at);
      else if (insn.src === CALL.LOCAL) this.#function(section.index, slot + insn.imm + 1, at);
    } else if (insn.code === LDIMM64) {
      const table = symbol && this.#context.jumpTable(symbol);
      if (table) this.#jumpTable(section, table, at - slot, at);
      else if (symbol) this.#address(section, symbol, insn, at);
      else if (insn.src === PSEUDO.FUNC) this.#function(section.index, slot + insn.imm + 1, at);
    } else if (symbol) {
      throw bad(section, `the instruction at slot ${slot} cannot refer to ${symbol.name || "a symbol"}`);
    }
  }

  #jumpTable(section: CodeSection, offsets: readonly number[], shift: number, at: number): void {
    if (offsets.some((offset) => !Number.isInteger(offset / 8) || offset / 8 >= section.insns.length))
      throw bad(section, "a jump table leads to no instruction");
    this.relocations.push({
      kind: "jumpTable",
      insn: at,
      targets: offsets.map((offset) => offset / 8 + shift),
    });
  }

  #function(index: number, slot: number, at: number): void {
    const section = this.#context.code.get(index);
    const fn = section?.functions.find(({ start }) => start === slot);
    if (!section || !fn) throw new ObjectError("object/bad-elf", "A call leads to no function");
    this.relocations.push({ kind: "function", insn: at, target: this.place(fn, section) });
  }

  #kfunc({ name, binding }: ElfSymbol, at: number): void {
    const weak = binding === SymbolBinding.Weak;
    this.relocations.push({ kind: "kfunc", insn: at, name, ...(weak && { weak }) });
  }

  #address(section: CodeSection, symbol: ElfSymbol, insn: Insn, at: number): void {
    const { code } = this.#context;
    const inSection = symbol.value + (symbol.type === SymbolType.Section ? insn.imm : 0);
    if (symbol.section === SectionIndex.Undefined) return this.#kernelSymbol(symbol, at);
    if (code.has(symbol.section)) return this.#function(symbol.section, (symbol.value + insn.imm) / 8, at);
    const data = this.#context.dataSection(symbol.section);
    const map = data ?? this.#context.map(symbol.section, inSection);
    if (map === undefined)
      throw bad(section, `${symbol.name || "a symbol"} is neither a map nor data nor a function`);
    const offset = data === undefined ? {} : { offset: symbol.value + insn.imm };
    this.relocations.push({ kind: "map", insn: at, map, ...offset });
  }

  #kernelSymbol({ name, binding }: ElfSymbol, at: number): void {
    const provided = this.#context.provided(name);
    if (provided?.kind === "kconfig") {
      this.relocations.push({
        kind: "map",
        insn: at,
        map: ".kconfig",
        offset: this.#context.kconfigOffset(name),
      });
      return;
    }
    const weak = binding === SymbolBinding.Weak;
    this.relocations.push({
      kind: "ksym",
      insn: at,
      name,
      typed: provided?.kind === "typed",
      ...(provided?.kind === "typed" && { typeId: provided.typeId }),
      ...(weak && { weak }),
    });
  }
}

function isCall(insn: Insn): boolean {
  return classOf(insn.code) === "JMP" && (insn.code & 0xf0) === JUMP.CALL;
}

function bad({ name }: CodeSection, why: string): ObjectError {
  return new ObjectError("object/bad-elf", `Section ${name}: ${why}`);
}
