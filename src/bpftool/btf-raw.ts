import { ByteSink, RawTypes } from "../btf/index.ts";
import type { Btf, RawVisitor } from "../btf/index.ts";
import { ESCAPES, JsonPieces } from "./json.ts";

/** As for the text: JSON of a kernel's types is 20 MB. */
const PIECE = 1 << 16;

/** The types of `ids` as `bpftool -j btf dump` has them. */
export function rawJson(btf: Btf, ids: Uint32Array): JsonPieces {
  return new JsonPieces((pretty, depth) => rawPieces(btf, ids, pretty, depth));
}

function* rawPieces(btf: Btf, ids: Uint32Array, pretty: boolean, depth: number): Generator<Uint8Array, void> {
  const types = new RawTypes(btf);
  const writer = new JsonWriter(types.strings, pretty, depth);
  writer.open("{");
  writer.name("types");
  writer.open("[");
  for (const id of ids) {
    types.visit(id, writer);
    if (writer.out.length > PIECE) yield writer.out.take();
  }
  writer.close("]");
  writer.close("}");
  yield writer.out.take();
}

/** JSON as formatJson words it, byte by byte. */
class JsonWriter implements RawVisitor {
  readonly out = new ByteSink(PIECE + (PIECE >> 2));
  readonly #strings: Uint8Array;
  readonly #pretty: boolean;
  #depth: number;
  /** Nothing is in the object or array yet. */
  #empty = true;
  /** Depth of the type that is open. */
  #base = 0;

  constructor(strings: Uint8Array, pretty: boolean, depth: number) {
    this.#strings = strings;
    this.#pretty = pretty;
    this.#depth = depth;
  }

  open(bracket: "{" | "["): void {
    this.out.text(bracket);
    this.#depth++;
    this.#empty = true;
  }

  close(bracket: "}" | "]"): void {
    this.#depth--;
    if (!this.#empty) this.#line();
    this.out.text(bracket);
    this.#empty = false;
  }

  name(label: string): void {
    this.#comma();
    this.#line();
    this.out.text('"');
    this.out.text(label);
    this.out.text(this.#pretty ? '": ' : '":');
  }

  type(id: number, kind: string, name: number): void {
    this.#comma();
    this.#base = this.#depth;
    this.open("{");
    this.number("id", id);
    this.word("kind", kind);
    this.#nameOf(name);
  }

  number(label: string, value: number): void {
    this.name(label);
    this.out.integer(value);
  }

  word(label: string, text: string): void {
    this.name(label);
    this.out.text('"');
    this.out.text(text);
    this.out.text('"');
  }

  list(label: string): void {
    this.name(label);
    this.open("[");
  }

  item(name: number): void {
    this.#nextItem();
    this.#nameOf(name);
  }

  value(value: bigint): void {
    this.name("val");
    this.out.text(String(value));
  }

  variable(type: number, offset: number, size: number): void {
    this.#nextItem();
    this.number("type_id", type);
    this.number("offset", offset);
    this.number("size", size);
  }

  end(): void {
    this.#closeItem();
    if (this.#depth > this.#base + 1) this.close("]");
    this.close("}");
  }

  #nextItem(): void {
    this.#closeItem();
    this.#comma();
    this.open("{");
  }

  /** An item's members lie below its type's and the list's. */
  #closeItem(): void {
    if (this.#depth === this.#base + ITEM_DEPTH) this.close("}");
  }

  #comma(): void {
    if (!this.#empty) this.out.text(",");
    this.#empty = false;
  }

  #line(): void {
    if (!this.#pretty) return;
    this.out.text("\n");
    for (let level = this.#depth; level > 0; level--) this.out.text("    ");
  }

  #nameOf(offset: number): void {
    this.name("name");
    const { out } = this;
    out.text('"');
    if (offset === 0) out.text("(anon)");
    else if (this.#isPlain(offset)) out.copy(this.#strings, offset);
    else this.#escape(offset);
    out.text('"');
  }

  #isPlain(offset: number): boolean {
    for (let at = offset, byte = this.#strings[at]!; byte !== 0; byte = this.#strings[++at]!)
      if (byte < 0x20 || byte === QUOTE || byte === BACKSLASH) return false;
    return true;
  }

  #escape(offset: number): void {
    for (let at = offset, byte = this.#strings[at]!; byte !== 0; byte = this.#strings[++at]!) {
      const escaped = ESCAPES[String.fromCharCode(byte)];
      if (escaped === undefined) this.out.byte(byte);
      else this.out.text(escaped);
    }
  }
}

const ITEM_DEPTH = 3;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
