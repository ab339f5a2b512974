import { BtfBuilder, BtfKind, BtfLinkage } from "../../../btf/index.ts";
import type { BtfMember } from "../../../btf/index.ts";
import { ITERATOR_ARGUMENTS } from "../iterators/arguments.ts";
import { RAW_TRACEPOINTS } from "../processes/tracepoints.ts";
import { ENUMS, SCALARS, STRUCTS, STRUCT_TYPEDEFS, TYPEDEFS } from "./declarations.ts";
import type { StructDeclaration } from "./declarations.ts";

/** The embedded kernel's own types as BTF: structs, tracepoints and iterators that it has. */
export function ownBtf(): Uint8Array {
  const functions = [...Object.values(RAW_TRACEPOINTS), ...Object.values(ITERATOR_ARGUMENTS)];
  const writer = new TypeWriter(
    STRUCTS,
    functions.flat().map(([, type]) => type),
  );
  const { builder } = writer;
  for (const [event, args] of Object.entries(RAW_TRACEPOINTS)) {
    // The first parameter is the tracer's own: include/linux/tracepoint.h, __DECLARE_TRACE.
    const prototype = writer.prototype("void", [["__data", "void *"], ...args]);
    builder.func(`__traceiter_${event}`, prototype, BtfLinkage.Static);
    builder.typedef(`btf_trace_${event}`, builder.pointer(prototype));
  }
  for (const [target, args] of Object.entries(ITERATOR_ARGUMENTS)) {
    builder.func(`bpf_iter_${target}`, writer.prototype("int", args), BtfLinkage.Static);
    // struct bpf_iter__TARGET: each argument has eight bytes (__bpf_md_ptr).
    writer.struct(`bpf_iter__${target}`, args, 8);
  }
  return builder.encode();
}

interface Layout {
  readonly size: number;
  readonly alignment: number;
}

/** Writes types that are spelt as C does, without the word `struct`. */
class TypeWriter {
  readonly builder: BtfBuilder = new BtfBuilder();
  readonly #ids = new Map<string, number>([["void", 0]]);
  readonly #layouts = new Map<string, Layout>();

  /** All structs, whose members that are structs come first, and what else there will be pointers to. */
  constructor(structs: Readonly<Record<string, StructDeclaration>>, others: readonly string[]) {
    const { builder } = this;
    for (const [name, { size, encoding }] of Object.entries(SCALARS))
      this.#add(name, builder.int(name, size, encoding), { size, alignment: size });
    for (const [name, target] of Object.entries(TYPEDEFS))
      this.#add(name, builder.typedef(name, this.#id(target)), this.#layout(target));
    for (const [name, [prefix, values]] of Object.entries(ENUMS)) {
      const enumerators = Object.entries(values).map(([value, number]) => ({
        name: prefix + value,
        value: BigInt(number),
      }));
      this.#add(name, builder.enum(name, 4, false, enumerators), { size: 4, alignment: 4 });
    }
    const index = builder.int("__ARRAY_SIZE_TYPE__", 4);
    const spelt = [
      ...Object.values(structs).flatMap((members) => members.map(([, type]) => type)),
      ...others,
    ];
    const derived = [...new Set(["void *", ...spelt.flatMap(derivations)])];
    // Pointers refer to structs that are not there yet: ids are given out first.
    const first = builder.nextId + derived.length;
    for (const [position, name] of Object.keys(structs).entries()) this.#ids.set(name, first + position);
    for (const type of derived) this.#ids.set(type, this.#derive(type, index));
    for (const [name, members] of Object.entries(structs)) this.struct(name, members);
    for (const name of STRUCT_TYPEDEFS) builder.typedef(name, this.#id(name));
  }

  /** `alignment`: the least of each member. */
  struct(name: string, members: StructDeclaration, alignment = 1): void {
    let offset = 0;
    let widest = 1;
    const placed = members.map(([member, type]): BtfMember => {
      const layout = this.#layout(type);
      const step = Math.max(layout.alignment, alignment);
      const at = Math.ceil(offset / step) * step;
      offset = at + layout.size;
      widest = Math.max(widest, step);
      return { name: member, type: this.#id(type), bitOffset: at * 8, bitSize: 0 };
    });
    const size = Math.ceil(offset / widest) * widest;
    this.#add(name, this.builder.struct(name, size, placed), { size, alignment: widest });
  }

  prototype(result: string, params: StructDeclaration): number {
    return this.builder.prototype(
      this.#id(result),
      params.map(([name, type]) => ({ name, type: this.#id(type) })),
    );
  }

  #derive(type: string, index: number): number {
    const { base, length } = takeApart(type)!;
    if (type.endsWith("*")) return this.builder.pointer(this.#id(base));
    if (length === undefined) return this.builder.modifier(BtfKind.Const, this.#id(base));
    return this.builder.array(this.#id(base), index, length);
  }

  #add(name: string, id: number, layout: Layout): void {
    this.#ids.set(name, id);
    this.#layouts.set(name, layout);
  }

  #id(type: string): number {
    const id = this.#ids.get(type);
    if (id === undefined) throw new Error(`No type ${type}`);
    return id;
  }

  #layout(type: string): Layout {
    if (type.endsWith("*")) return { size: 8, alignment: 8 };
    const known = this.#layouts.get(type);
    if (known) return known;
    const parts = takeApart(type);
    if (!parts) throw new Error(`No struct ${type} before its use`);
    const { size, alignment } = this.#layout(parts.base);
    return { size: size * (parts.length ?? 1), alignment };
  }
}

/** Types that are made from others: `const char *` is of `const char`, which is of `char`. Bases come first. */
function derivations(type: string): string[] {
  const parts = takeApart(type);
  return parts ? [...derivations(parts.base), type] : [];
}

function takeApart(type: string): { readonly base: string; readonly length?: number } | undefined {
  if (type.endsWith("*")) return { base: type.slice(0, -1).trimEnd() };
  const [, element, length] = /^(.*)\[(\d+)\]$/.exec(type) ?? [];
  if (element !== undefined) return { base: element, length: Number(length) };
  return type.startsWith("const ") ? { base: type.slice("const ".length) } : undefined;
}
