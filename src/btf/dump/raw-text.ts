import type { Btf } from "../btf.ts";
import { ByteSink } from "./byte-sink.ts";
import { rawKindName, visitType } from "./raw-types.ts";
import type { RawVisitor } from "./raw-types.ts";
import { nameOf, tabulate } from "./type-table.ts";
import type { TypeTable } from "./type-table.ts";

/** A kernel's types are 12 MB of text: pieces of this size go out as they are made, and stay in the caches. */
const PIECE = 1 << 16;

/**
 * Types as `bpftool btf dump` lists them, in UTF-8: all of `ids`, in pieces, each of which is overwritten by the next.
 * @throws BtfError for broken BTF, before the first piece
 */
export function* rawText(btf: Btf, ids: Uint32Array): Generator<Uint8Array, void> {
  const table = tabulate(btf);
  const writer = new RawWriter(table);
  for (let at = 0; at < ids.length;) {
    for (; at < ids.length && writer.out.length < PIECE; at++) visitType(table, ids[at]!, writer);
    yield writer.out.take();
  }
}

class RawWriter implements RawVisitor {
  readonly out = new ByteSink(PIECE + (PIECE >> 2));
  readonly #table: TypeTable;
  #separator = " ";

  constructor(table: TypeTable) {
    this.#table = table;
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
    out.text(value < 0 ? "=-" : "=");
    out.count(Math.abs(value));
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
    out.text(` (${rawKindName(this.#table.kinds[type]!)} '`);
    this.#name(nameOf(this.#table, type));
    out.text("')");
  }

  end(): void {
    this.out.text("\n");
  }

  #name(offset: number): void {
    if (offset === 0) this.out.text("(anon)");
    else this.out.copy(this.#table.strings, offset);
  }
}
