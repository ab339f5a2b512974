import type { Btf } from "../btf.ts";
import { BtfBuilder } from "../builder.ts";
import { BtfError } from "../error.ts";
import { BtfKind, isComposite, isModifier } from "../kind.ts";
import { CoreKind, type CoreRelocation, coreSubject } from "./relocation.ts";
import { CoreResolver } from "./resolver.ts";
import type { AccessSpec } from "./spec.ts";

/** An object whose relocations are to be answered later, by the small BTF. */
export interface CoreUser {
  readonly btf: Btf;
  readonly relocations: Iterable<CoreRelocation>;
}

/**
 * The part of a kernel's BTF that objects need for their CO-RE relocations, with the same answers: of structs only
 * the members that are asked for, at their places. Kilobytes where the whole has megabytes; with it the objects
 * load on kernels of that build that have no BTF of their own.
 * @throws BtfError `btf/core` for a broken or ambiguous relocation
 *
 * @example
 * ```ts
 * import { readFileSync } from "node:fs";
 * import { btfFromFile, minimizeBtf, parseBtf } from "bpfkit";
 *
 * // Here the object's own types stand for a kernel's: of struct event its second member is asked for.
 * const types = btfFromFile(readFileSync("events.bpf.o"));
 * const event = types.findByName("event")!;
 * const relocations = [{ typeId: event, access: "0:1", kind: 0 }];
 * const small = parseBtf(minimizeBtf(types, [{ btf: types, relocations }]));
 * console.log(small.members(small.findByName("event")!).map(({ name }) => name));
 * // prints [ 'kind' ]
 * ```
 */
export function minimizeBtf(kernel: Btf, objects: Iterable<CoreUser>): Uint8Array<ArrayBuffer> {
  const used = new UsedTypes(kernel);
  for (const { btf, relocations } of objects) {
    const resolver = new CoreResolver(btf, { kernel });
    for (const relocation of relocations) {
      if (relocation.kind === CoreKind.TypeIdLocal) continue;
      // Throws where candidates disagree; if they agree the first one is enough.
      resolver.resolve(relocation);
      const [target] = resolver.matches(relocation);
      if (target) used.mark(relocation.kind, target);
    }
  }
  return used.encode();
}

/** Types nest; hostile BTF may nest without end. */
const MAX_DEPTH = 64;

class UsedTypes {
  readonly #btf: Btf;
  /** Types that are kept, with the members of structs and unions that are. */
  readonly #types = new Map<number, Set<number>>();

  constructor(btf: Btf) {
    this.#btf = btf;
  }

  mark(kind: number, { rootType, steps }: AccessSpec): void {
    switch (coreSubject(kind)) {
      case "field":
        this.#markField(rootType, steps);
        break;
      case "enumerator":
        this.#markType(rootType, false);
        break;
      case "type":
        if (kind === CoreKind.TypeMatches) this.#markWhole(rootType, false, new Set());
        else this.#markType(rootType, true);
    }
  }

  encode(): Uint8Array<ArrayBuffer> {
    const kept = [...this.#types.keys()].sort((a, b) => a - b);
    const ids = new Map(kept.map((id, index) => [id, index + 1]));
    // What is not kept is void: a pointer to it is still a pointer.
    const newId = (id: number): number => ids.get(id) ?? 0;
    const builder = new BtfBuilder();
    for (const id of kept) {
      const kind = this.#btf.kind(id);
      if (!isComposite(kind)) {
        builder.copy(this.#btf, id, newId);
        continue;
      }
      const used = this.#types.get(id)!;
      const members = this.#btf
        .members(id)
        .filter((_, index) => used.has(index))
        .map((member) => ({ ...member, type: newId(member.type) }));
      const [name, size] = [this.#btf.name(id), this.#btf.size(id)];
      if (kind === BtfKind.Struct) builder.struct(name, size, members);
      else builder.union(name, size, members);
    }
    return builder.encode();
  }

  #keep(id: number): Set<number> {
    let members = this.#types.get(id);
    if (!members) this.#types.set(id, (members = new Set()));
    return members;
  }

  /** A type and what it is made of, but no members; targets of pointers only where asked for. */
  #markType(id: number, throughPointers: boolean, depth = MAX_DEPTH): void {
    if (id === 0) return;
    if (depth === 0) throw new BtfError("btf/loop", `BTF type ${id} is nested without end`);
    this.#keep(id);
    const kind = this.#btf.kind(id);
    if (isComposite(kind) || (kind === BtfKind.Ptr && !throughPointers)) return;
    this.#btf.eachReference(id, (target) => this.#markType(target, throughPointers, depth - 1));
  }

  /** The members on the way to a field, with their types. */
  #markField(root: number, steps: readonly number[]): void {
    this.#markType(root, false);
    let type = root;
    for (const index of steps.slice(1)) {
      type = this.#btf.resolve(type);
      if (isComposite(this.#btf.kind(type))) {
        this.#keep(type).add(index);
        type = this.#btf.memberType(type, index);
        this.#markType(type, false);
      } else type = this.#btf.array(type).element;
    }
  }

  /** Everything that comparing whole types looks at: all members, those of structs behind pointers left out. */
  #markWhole(id: number, behindPointer: boolean, seen: Set<string>): void {
    if (id === 0) return;
    const key = `${id} ${behindPointer}`;
    if (seen.has(key)) return;
    seen.add(key);
    const members = this.#keep(id);
    const kind = this.#btf.kind(id);
    if (isComposite(kind)) {
      if (behindPointer) return;
      for (let index = this.#btf.vlen(id) - 1; index >= 0; index--) members.add(index);
    }
    const passes = kind === BtfKind.Typedef || isModifier(kind);
    const behind = kind === BtfKind.Ptr || (passes && behindPointer);
    this.#btf.eachReference(id, (target) => this.#markWhole(target, behind, seen));
  }
}
