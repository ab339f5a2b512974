import { BtfKind, BtfLinkage } from "../../btf/index.ts";
import type { Btf } from "../../btf/index.ts";
import { type ElfSymbol, SectionIndex, SymbolBinding, SymbolType } from "../../elf/index.ts";
import { ObjectError } from "../error.ts";
import { checkMapsMatch, checkTypesMatch } from "./global-types.ts";
import type { LinkObject } from "./input.ts";
import type { SectionLayout } from "./merged-sections.ts";

/** A symbol of the output. */
export interface MergedSymbol {
  readonly name: string;
  value: number;
  size: number;
  type: number;
  binding: number;
  visibility: number;
  /** Index of a merged section; -1: none, `special` says which section index it has. */
  section: number;
  special: number;
}

/** What a name that objects share stands for. */
export interface GlobalSymbol {
  /** Index into {@link SymbolTable.symbols}. */
  readonly symbol: number;
  /** Every VAR or FUNC that describes it. */
  readonly mentions: readonly GlobalType[];
  /** The one that counts: of the definition, or of the first declaration where there is none. */
  readonly type: GlobalType;
}

/** A VAR or FUNC in the BTF of one object. */
export interface GlobalType {
  readonly object: number;
  readonly id: number;
}

export interface SymbolTable {
  readonly symbols: readonly MergedSymbol[];
  /** For each input, by symbol index: its symbol in the output; absent for those that are left out. */
  readonly indices: readonly ReadonlyMap<number, number>[];
  readonly globals: ReadonlyMap<string, GlobalSymbol>;
}

interface OpenGlobal {
  readonly symbol: number;
  readonly mentions: GlobalType[];
  type: GlobalType;
  defined: boolean;
  weak: boolean;
}

const JUMP_TABLES = ".jumptables";

export function mergeSymbols(objects: readonly LinkObject[], layout: SectionLayout): SymbolTable {
  return new SymbolMerger(objects, layout).merge();
}

class SymbolMerger {
  readonly #objects: readonly LinkObject[];
  readonly #layout: SectionLayout;
  readonly #symbols: MergedSymbol[] = [];
  readonly #globals = new Map<string, OpenGlobal>();
  /** Definitions that no BTF describes. */
  readonly #untyped = new Set<string>();
  /** By merged section: its section symbol. */
  readonly #sectionSymbols = new Map<number, number>();

  constructor(objects: readonly LinkObject[], layout: SectionLayout) {
    this.#objects = objects;
    this.#layout = layout;
  }

  merge(): SymbolTable {
    const indices = this.#objects.map((object, at) => {
      const types = object.btf ? globalTypes(object.btf) : new Map<string, number>();
      const own = new Map<number, number>();
      object.symbols.forEach((symbol, index) => {
        const merged = index === 0 ? undefined : this.#add(at, symbol, types);
        if (merged !== undefined) own.set(index, merged);
      });
      return own;
    });
    return { symbols: this.#symbols, indices, globals: this.#globals };
  }

  #add(at: number, symbol: ElfSymbol, types: ReadonlyMap<string, number>): number | undefined {
    const object = this.#objects[at]!;
    const special = symbol.section === SectionIndex.Undefined || symbol.section >= SectionIndex.Absolute;
    const placement = this.#layout.placements[at]!.get(symbol.section);
    if (!special && !placement) return undefined;
    const placed: MergedSymbol = {
      ...symbol,
      value: (placement?.offset ?? 0) + symbol.value,
      section: placement?.merged ?? -1,
      special: special ? symbol.section : 0,
    };
    if (symbol.type === SymbolType.Section && placement) return this.#addSection(placed, placement.merged);
    const inJumpTable = placement && this.#layout.merged[placement.merged]!.name === JUMP_TABLES;
    if (symbol.binding === SymbolBinding.Local || inJumpTable) return this.#symbols.push(placed) - 1;
    if (symbol.binding !== SymbolBinding.Global && symbol.binding !== SymbolBinding.Weak)
      throw new ObjectError(
        "object/bad-elf",
        `Symbol ${symbol.name} of ${object.name} has binding ${symbol.binding}`,
      );
    const id = types.get(symbol.name);
    if (this.#untyped.has(symbol.name) || (id === undefined && (special || this.#globals.has(symbol.name))))
      throw new ObjectError(
        "object/link",
        `No BTF describes the global symbol ${symbol.name}, which ${object.name} shares`,
        ["Compile with -g"],
      );
    if (id === undefined) {
      // Nobody else may mean it: whether it would be the same cannot be told.
      this.#untyped.add(symbol.name);
      return this.#symbols.push(placed) - 1;
    }
    return this.#addGlobal(object, placed, { object: at, id });
  }

  /** One for each section of the output. */
  #addSection(symbol: MergedSymbol, merged: number): number {
    const known = this.#sectionSymbols.get(merged);
    if (known !== undefined) return known;
    const index = this.#symbols.push({ ...symbol, value: 0 }) - 1;
    this.#sectionSymbols.set(merged, index);
    return index;
  }

  #addGlobal(object: LinkObject, symbol: MergedSymbol, type: GlobalType): number {
    const defined = symbol.section >= 0 || symbol.special !== SectionIndex.Undefined;
    const weak = symbol.binding === SymbolBinding.Weak;
    const known = this.#globals.get(symbol.name);
    if (!known) {
      const index = this.#symbols.push(symbol) - 1;
      this.#globals.set(symbol.name, { symbol: index, mentions: [type], type, defined, weak });
      return index;
    }
    if (defined && known.defined && !weak && !known.weak)
      throw new ObjectError(
        "object/link",
        `${object.name} defines ${symbol.name}, as an object before it does`,
        ["Make one of them static, or weak: __attribute__((weak))"],
      );
    this.#checkTypes(symbol, known, type);
    known.mentions.push(type);
    this.#combine(known, symbol, type, defined, weak);
    return known.symbol;
  }

  /** Strong wins over weak, a definition over a declaration, and the stricter visibility over both. */
  #combine(known: OpenGlobal, symbol: MergedSymbol, type: GlobalType, defined: boolean, weak: boolean): void {
    const target = this.#symbols[known.symbol]!;
    const replaces = defined && (!known.defined || !weak);
    if (!weak) {
      target.binding = SymbolBinding.Global;
      known.weak = false;
    }
    target.visibility = Math.max(target.visibility, symbol.visibility);
    if (!replaces) return;
    const { value, size, type: symbolType, section, special } = symbol;
    Object.assign(target, { value, size, type: symbolType, section, special });
    known.type = type;
    known.defined = true;
  }

  #checkTypes({ name, section }: MergedSymbol, known: OpenGlobal, type: GlobalType): void {
    const [a, b] = [known.type, type].map(({ object, id }) => ({
      file: this.#objects[object]!.name,
      btf: this.#objects[object]!.btf!,
      id,
    }));
    const place = this.#symbols[known.symbol]!.section;
    const isMap = [place, section].some((index) => this.#layout.merged[index]?.name === ".maps");
    if (isMap) checkMapsMatch(name, a!, b!);
    else checkTypesMatch(name, a!, b!);
  }
}

/** VARs and FUNCs that are not static, by name: those of data sections before others. */
function globalTypes(btf: Btf): Map<string, number> {
  const types = new Map<string, number>();
  for (let id = 1; id < btf.typeCount; id++) {
    const kind = btf.kind(id);
    if (kind !== BtfKind.Var && kind !== BtfKind.Func) continue;
    if (btf.linkage(id) !== BtfLinkage.Static) types.set(btf.name(id), id);
  }
  return types;
}
