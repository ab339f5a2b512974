import type { SourceText, Span } from "../diagnostic.ts";
import type { Program } from "./ast.ts";
import { typeFromBtf } from "./btf-types.ts";
import type { Findings } from "./findings.ts";
import { Lexer, type Token } from "./lexer.ts";
import { readInteger } from "./literals.ts";
import { bitfieldPlace } from "./bitfield.ts";
import type { Declared } from "./type-resolver.ts";
import { cTypedefs, typeWords } from "./type-words.ts";
import {
  alignOf,
  type RecordField,
  type RecordType,
  type ScriptEnum,
  type ScriptRecord,
  sizeOf,
  type Type,
} from "./types.ts";
import type { BtfView } from "./world.ts";

/** Reads the C declarations of a script; layouts are those of 64-bit machines. */
export function declareTypes(program: Program, btfs: readonly BtfView[], findings: Findings): Declared {
  const declared: Declared = { records: new Map(), enums: new Map(), typedefs: new Map() };
  const started = new Map<string, ScriptRecord>();
  for (const item of program.prelude) {
    if (item.kind !== "c") continue;
    const reader = new DeclarationReader(item.span.source, item.span, declared, btfs, findings, started);
    try {
      reader.read();
    } catch (error) {
      if (!(error instanceof DeclarationFailure)) throw error;
      findings.error("c-declaration", error.message, error.span);
    }
  }
  return declared;
}

class DeclarationFailure extends Error {
  readonly span: Span;
  constructor(message: string, span: Span) {
    super(message);
    this.span = span;
  }
}

/** Words that say nothing about a type's layout. */
const qualifiers: ReadonlySet<string> = new Set([
  "const",
  "volatile",
  "restrict",
  "extern",
  "static",
  "register",
  "__user",
  "__rcu",
]);
const baseWords: ReadonlySet<string> = new Set(["unsigned", "signed", "long", "short", "char", "int"]);
const maxDepth = 32;

interface Declarator {
  readonly name: string;
  readonly type: Type;
  readonly bits?: number;
}

/** Fields, one behind the other (struct) or all at the start (union). */
class Layout {
  readonly union: boolean;
  readonly packed: boolean;
  readonly fields: RecordField[] = [];
  /** In bits. */
  #end = 0;
  align = 1;

  constructor(union: boolean, packed: boolean) {
    this.union = union;
    this.packed = packed;
  }

  get size(): number {
    return Math.ceil(this.#end / 8 / this.align) * this.align;
  }

  add({ name, type, bits }: Declarator): void {
    const align = this.packed ? 1 : alignOfC(type);
    this.align = Math.max(this.align, align);
    const start = this.union ? 0 : this.#end;
    if (bits !== undefined) return this.#addBits(name, type, bits, start);
    const offset = Math.ceil(start / 8 / align) * align;
    if (name === "" && type.kind === "record" && type.origin.kind === "script") {
      for (const field of type.origin.fields) this.fields.push({ ...field, offset: field.offset + offset });
    } else if (name !== "") this.fields.push({ name, type, offset, path: [] });
    this.#grow((offset + sizeOf(type)) * 8);
  }

  #addBits(name: string, type: Type, bits: number, start: number): void {
    const unit = sizeOf(type) * 8;
    // A bitfield does not cross the boundary of its type; width 0 moves on to the next.
    const crosses = Math.floor(start / unit) !== Math.floor((start + Math.max(bits, 1) - 1) / unit);
    const at = (crosses && !this.packed) || bits === 0 ? Math.ceil(start / unit) * unit : start;
    if (name !== "") this.fields.push({ name, type, path: [], ...bitfieldPlace(at, bits, type) });
    this.#grow(at + bits);
  }

  #grow(end: number): void {
    this.#end = this.union ? Math.max(this.#end, end) : end;
  }
}

function alignOfC(type: Type): number {
  if (type.kind === "record" && type.origin.kind === "script") return type.origin.align;
  if (type.kind === "array") return alignOfC(type.element);
  return alignOf(type);
}

class DeclarationReader {
  readonly #lexer: Lexer;
  readonly #declared: Declared;
  readonly #btfs: readonly BtfView[];
  readonly #findings: Findings;
  readonly #source: SourceText;
  readonly #started: Map<string, ScriptRecord>;
  #token: Token;

  constructor(
    source: SourceText,
    span: Span,
    declared: Declared,
    btfs: readonly BtfView[],
    findings: Findings,
    started: Map<string, ScriptRecord>,
  ) {
    this.#started = started;
    // Offsets stay those of the script.
    this.#source = source;
    this.#lexer = new Lexer({ name: source.name, text: source.text.slice(0, span.end) });
    this.#declared = declared;
    this.#btfs = btfs;
    this.#findings = findings;
    this.#token = this.#lexer.read(span.start);
  }

  read(): void {
    const isTypedef = this.#accept("typedef");
    const base = this.#base(0);
    while (this.#token.kind !== "end" && this.#token.text !== ";") {
      this.#attributes();
      const { name, type } = this.#declarator(base);
      if (isTypedef && name !== "") this.#declared.typedefs.set(name, type);
      if (!this.#accept(",")) break;
    }
  }

  #advance(): Token {
    const token = this.#token;
    this.#token = this.#lexer.read(token.end);
    return token;
  }
  #accept(text: string): boolean {
    if (this.#token.text !== text) return false;
    this.#advance();
    return true;
  }
  #expect(text: string): void {
    if (!this.#accept(text)) this.#fail(`Expected '${text}' in a C declaration`);
  }
  #fail(message: string): never {
    const { start, end } = this.#token;
    throw new DeclarationFailure(message, { source: this.#source, start, end: Math.max(end, start) });
  }

  #attributes(): boolean {
    let packed = false;
    while (this.#token.text === "__attribute__") {
      this.#advance();
      let depth = 0;
      do {
        const token = this.#advance();
        if (token.kind === "end") this.#fail("Attribute without an end");
        if (token.text === "(") depth++;
        else if (token.text === ")") depth--;
        else if (isPacked(token)) packed = true;
      } while (depth > 0);
    }
    return packed;
  }

  #base(depth: number): Type {
    if (depth > maxDepth) this.#fail("C types are nested too deeply");
    while (qualifiers.has(this.#token.text)) this.#advance();
    const { text } = this.#token;
    let type: Type;
    if (text === "struct" || text === "union") type = this.#record(text === "union", depth);
    else if (text === "enum") type = this.#enum();
    else type = this.#word();
    while (qualifiers.has(this.#token.text)) this.#advance();
    return type;
  }

  #word(): Type {
    if (this.#token.kind !== "identifier") this.#fail("Expected a type in a C declaration");
    const words: string[] = [];
    while (baseWords.has(this.#token.text)) words.push(this.#advance().text);
    if (words.length > 0) return this.#basic(words);
    const { text } = this.#token;
    const type =
      this.#declared.typedefs.get(text) ??
      cTypedefs.get(text) ??
      plainWord(text) ??
      this.#fromBtf(["typedef", "int"], text);
    if (!type) this.#fail(`Unknown type '${text}' in a C declaration`);
    this.#advance();
    return type;
  }

  /** `unsigned long int` in any order. */
  #basic(words: readonly string[]): Type {
    const signed = !words.includes("unsigned");
    const has = (word: string): boolean => words.includes(word);
    const size = has("char") ? 1 : has("short") ? 2 : has("long") ? 8 : 4;
    return { kind: "int", size, signed };
  }

  #fromBtf(
    kinds: readonly ("typedef" | "int" | "struct" | "union" | "enum")[],
    name: string,
  ): Type | undefined {
    for (const btf of this.#btfs)
      for (const kind of kinds) {
        const id = btf.find(kind, name);
        if (id !== undefined) return typeFromBtf(btf, id, "kernel");
      }
    return undefined;
  }

  #record(union: boolean, depth: number): Type {
    this.#advance();
    const before = this.#attributes();
    const name = this.#token.kind === "identifier" ? this.#advance().text : "";
    if (this.#token.text !== "{") {
      const known = this.#declared.records.get(name);
      if (known) return recordType(known);
      return this.#fromBtf([union ? "union" : "struct"], name) ?? recordType(this.#start(name, union));
    }
    if (name !== "") this.#start(name, union);
    const layout = new Layout(union, before || this.#packedBehind());
    this.#advance();
    while (!this.#accept("}")) {
      if (this.#token.kind === "end") this.#fail("Expected '}' in a C declaration");
      this.#members(layout, depth);
    }
    this.#attributes();
    const record = this.#started.get(name) ?? emptyRecord(name, union);
    Object.assign(record, { union, size: layout.size, align: layout.align, fields: layout.fields });
    if (name !== "") {
      if (this.#declared.records.has(name))
        this.#findings.error("duplicate-type", `'${name}' is declared already`, {
          source: this.#source,
          start: this.#token.start,
          end: this.#token.end,
        });
      this.#declared.records.set(name, record);
    }
    return recordType(record);
  }

  /** A record that pointers may name before it is whole. */
  #start(name: string, union: boolean): ScriptRecord {
    let record = this.#started.get(name);
    if (!record) {
      record = emptyRecord(name, union);
      this.#started.set(name, record);
    }
    return record;
  }

  /** `struct a { ... } __attribute__((packed))`: the attribute stands behind what it changes. */
  #packedBehind(): boolean {
    let depth = 0;
    for (let token = this.#token; token.kind !== "end"; token = this.#lexer.read(token.end)) {
      if (token.text === "{") depth++;
      else if (token.text === "}" && --depth === 0) {
        return this.#packedAt(this.#lexer.read(token.end));
      }
    }
    return false;
  }

  #packedAt(attribute: Token): boolean {
    if (attribute.text !== "__attribute__") return false;
    let token = this.#lexer.read(attribute.end);
    for (let depth = 0; token.kind !== "end"; token = this.#lexer.read(token.end)) {
      if (isPacked(token)) return true;
      if (token.text === "(") depth++;
      else if (token.text === ")" && --depth === 0) return this.#packedAt(this.#lexer.read(token.end));
    }
    return false;
  }

  #members(layout: Layout, depth: number): void {
    const base = this.#base(depth + 1);
    if (this.#token.text === "}" || this.#accept(";")) {
      if (base.kind === "record") layout.add({ name: "", type: base });
      return;
    }
    do {
      layout.add(this.#declarator(base));
      this.#attributes();
    } while (this.#accept(","));
    // The last semicolon may be left out.
    if (this.#token.text !== "}") this.#expect(";");
  }

  #declarator(base: Type): Declarator {
    let type = base;
    while (this.#accept("*")) {
      type = { kind: "pointer", target: type, space: "unknown" };
      while (qualifiers.has(this.#token.text)) this.#advance();
    }
    let name = "";
    if (this.#accept("(")) {
      // A pointer to a function or an array: an address is all that matters.
      this.#expect("*");
      if (this.#token.kind === "identifier") name = this.#advance().text;
      this.#expect(")");
      if (this.#token.text === "(") this.#skipParentheses();
      type = { kind: "pointer", target: { kind: "void" }, space: "unknown" };
    } else if (this.#token.kind === "identifier") name = this.#advance().text;
    const incomplete =
      type.kind === "record" &&
      type.origin.kind === "script" &&
      type.origin.size === 0 &&
      type.origin.fields.length === 0;
    if ((type.kind === "void" || incomplete) && name !== "" && type === base)
      this.#fail("The type of this field is not known here");
    type = this.#arrays(type);
    if (!this.#accept(":")) return { name, type };
    return { name, type, bits: this.#number() };
  }

  #arrays(element: Type): Type {
    const lengths: number[] = [];
    while (this.#accept("[")) {
      lengths.push(this.#token.text === "]" ? 0 : this.#number());
      this.#expect("]");
    }
    let type = element;
    for (const length of lengths.toReversed()) {
      const isChar = type.kind === "int" && type.size === 1 && type.signed && length > 0;
      type = isChar
        ? { kind: "string", size: length }
        : { kind: "array", element: type, length, space: "unknown" };
    }
    return type;
  }

  #skipParentheses(): void {
    let depth = 0;
    do {
      const token = this.#advance();
      if (token.kind === "end") this.#fail("Expected ')' in a C declaration");
      if (token.text === "(") depth++;
      else if (token.text === ")") depth--;
    } while (depth > 0);
  }

  #number(): number {
    const token = this.#advance();
    const read = token.kind === "integer" ? readInteger(token.text) : undefined;
    if (read !== undefined && typeof read !== "string" && read.value < 1n << 24n) return Number(read.value);
    const value = token.kind === "identifier" ? this.#enumerator(token.text) : undefined;
    if (value === undefined) this.#fail("Expected a number in a C declaration");
    return Number(value);
  }

  #enumerator(name: string): bigint | undefined {
    for (const { values } of this.#declared.enums.values()) {
      const found = values.find((value) => value.name === name);
      if (found) return found.value;
    }
    return undefined;
  }

  #enum(): Type {
    this.#advance();
    const name = this.#token.kind === "identifier" ? this.#advance().text : "";
    if (!this.#accept("{")) {
      const known = this.#declared.enums.get(name);
      if (known) return enumType(known);
      return this.#fromBtf(["enum"], name) ?? { kind: "int", size: 4, signed: false };
    }
    const values: { name: string; value: bigint }[] = [];
    let next = 0n;
    while (!this.#accept("}")) {
      if (this.#token.kind !== "identifier") this.#fail("Expected a name in an enum");
      const { text } = this.#advance();
      if (this.#accept("=")) next = this.#value(values);
      values.push({ name: text, value: next });
      next += 1n;
      if (!this.#accept(",") && this.#token.text !== "}") this.#fail("Expected ',' in an enum");
    }
    const declared: ScriptEnum = { kind: "script", name, values };
    this.#declared.enums.set(name === "" ? `(anonymous ${this.#declared.enums.size})` : name, declared);
    return enumType(declared);
  }

  #value(earlier: readonly { readonly name: string; readonly value: bigint }[]): bigint {
    const negative = this.#accept("-");
    const token = this.#advance();
    const read = token.kind === "integer" ? readInteger(token.text) : undefined;
    const named = earlier.find(({ name }) => name === token.text)?.value;
    const first = read !== undefined && typeof read !== "string" ? read.value : named;
    if (first === undefined) this.#fail("Expected a number in an enum");
    const value = negative ? -first : first;
    return this.#accept("<<") ? value << BigInt(this.#number() & 63) : value;
  }
}

function isPacked({ text }: Token): boolean {
  return /^(?:__)?packed(?:__)?$/.test(text);
}

function plainWord(text: string): Type | undefined {
  const type = typeWords.get(text);
  return type === "string" || type === "buffer" ? undefined : type;
}

function emptyRecord(name: string, union: boolean): ScriptRecord {
  return { kind: "script", name, union, size: 0, align: 1, fields: [] };
}

function recordType(record: ScriptRecord): RecordType {
  return {
    kind: "record",
    name: record.name,
    union: record.union,
    size: record.size,
    origin: record,
    space: "unknown",
  };
}

function enumType(origin: ScriptEnum): Type {
  return {
    kind: "enum",
    name: origin.name,
    size: 4,
    signed: origin.values.some(({ value }) => value < 0n),
    origin,
  };
}
