import type { Btf } from "../btf.ts";
import { ByteSink } from "./byte-sink.ts";
import { RawTypes } from "./raw-types.ts";
import type { RawVisitor } from "./raw-types.ts";

/** A kernel's types are 12 MB of text: pieces of this size go out as they are made, and stay in the caches. */
const PIECE = 1 << 16;

/**
 * Types as `bpftool btf dump` lists them, in UTF-8: all of `ids`, in pieces, each of which is overwritten by the next.
 * @throws BtfError for broken BTF, before the first piece
 */
export function* rawText(btf: Btf, ids: Uint32Array): Generator<Uint8Array, void> {
  const types = new RawTypes(btf);
  const writer = new RawWriter(types);
  for (const id of ids) {
    types.visit(id, writer);
    if (writer.out.length > PIECE) yield writer.out.take();
  }
  yield writer.out.take();
}

class RawWriter implements RawVisitor {
  readonly out = new ByteSink(PIECE + (PIECE >> 2));
  readonly #types: RawTypes;
  #separator = " ";

  constructor(types: RawTypes) {
    this.#types = types;
  }

  type(id: number, kind: string, name: number): void {
    const { out } = this;
    out.text("[");
    out.count(id);
    out.text("] ");
    out.text(kind);
    out.text(" '");
    this.#name(name);
    out.text("'");
    // Behind a variable's type alone stands a comma.
    this.#separator = kind === "VAR" ? ", " : " ";
  }

  number(label: string, value: number): void {
    const { out } = this;
    out.text(" ");
    out.text(label);
    out.text("=");
    out.integer(value);
  }

  word(label: string, text: string): void {
    const { out } = this;
    out.text(this.#separator);
    out.text(label);
    out.text("=");
    out.text(text);
  }

  list(): void {}

  item(name: number): void {
    this.out.text("\n\t'");
    this.#name(name);
    this.out.text("'");
  }

  value(value: bigint, signed: boolean): void {
    this.out.text(` val=${value}${signed ? "LL" : "ULL"}`);
  }

  variable(type: number, offset: number, size: number): void {
    const { out } = this;
    out.text("\n\ttype_id=");
    out.count(type);
    this.number("offset", offset);
    this.number("size", size);
    out.text(` (${this.#types.kindName(type)} '`);
    this.#name(this.#types.name(type));
    out.text("')");
  }

  end(): void {
    this.out.text("\n");
  }

  #name(offset: number): void {
    if (offset === 0) this.out.text("(anon)");
    else this.out.copy(this.#types.strings, offset);
  }
}
