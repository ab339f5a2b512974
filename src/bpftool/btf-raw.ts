import { visitTypes } from "../btf/index.ts";
import type { Btf, RawVisitor } from "../btf/index.ts";
import type { Json } from "./json.ts";

type Members = { [label: string]: Json };

/** The types of `ids` as `bpftool -j btf dump` has them. */
export function rawJson(btf: Btf, ids: Uint32Array): Json {
  const visitor = new JsonVisitor(btf);
  visitTypes(btf, ids, visitor);
  return { types: visitor.types };
}

class JsonVisitor implements RawVisitor {
  readonly types: Members[] = [];
  readonly #btf: Btf;
  /** What takes the next members: a type, or an item of one. */
  #open: Members = {};
  #items: Members[] = [];

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  type(id: number, kind: string, name: number): void {
    this.#open = { id, kind, name: this.#name(name) };
    this.types.push(this.#open);
  }

  number(label: string, value: number): void {
    this.#open[label] = value;
  }

  word(label: string, text: string): void {
    this.#open[label] = text;
  }

  list(label: string): void {
    this.#items = [];
    this.#open[label] = this.#items;
  }

  item(name: number): void {
    this.#open = { name: this.#name(name) };
    this.#items.push(this.#open);
  }

  value(value: bigint): void {
    this.#open["val"] = value;
  }

  variable(type: number, offset: number, size: number): void {
    this.#items.push({ type_id: type, offset, size });
  }

  end(): void {}

  #name(offset: number): string {
    return offset === 0 ? "(anon)" : this.#btf.string(offset);
  }
}
