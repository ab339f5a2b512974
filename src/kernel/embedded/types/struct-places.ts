import { BtfKind, isComposite } from "../../../btf/index.ts";
import type { Btf } from "../../../btf/index.ts";

/** Where a member lies, bytes. */
export interface MemberPlace {
  readonly offset: number;
  readonly size: number;
}

/**
 * Where members of the kernel's structs lie, as the BTF says that programs see: the embedded kernel's own, or that of a
 * real kernel, which may lack what another one has.
 */
export class StructPlaces {
  readonly #types: Btf;
  readonly #structs = new Map<string, number | undefined>();
  readonly #members = new Map<string, Map<string, MemberPlace | undefined>>();

  constructor(types: Btf) {
    this.#types = types;
  }

  /** Bytes of a struct; 0 where there is none of that name. */
  size(struct: string): number {
    const id = this.#struct(struct);
    return id === undefined ? 0 : this.#types.size(id);
  }

  /** Members of members by a path: `uid.val`. Undefined where there is none, or one of bits. */
  member(struct: string, path: string): MemberPlace | undefined {
    let members = this.#members.get(struct);
    if (!members) this.#members.set(struct, (members = new Map()));
    if (members.has(path)) return members.get(path);
    const id = this.#struct(struct);
    const place = id === undefined ? undefined : this.#follow(id, path.split("."));
    members.set(path, place);
    return place;
  }

  #struct(name: string): number | undefined {
    if (!this.#structs.has(name)) {
      const types = this.#types;
      // Some structs have their name from a typedef alone.
      const typedef = types.findByName(name, BtfKind.Typedef);
      const id =
        types.findByName(name, BtfKind.Struct) ??
        (typedef === undefined ? undefined : types.resolve(typedef));
      this.#structs.set(name, id !== undefined && isComposite(types.kind(id)) ? id : undefined);
    }
    return this.#structs.get(name);
  }

  #follow(struct: number, path: readonly string[]): MemberPlace | undefined {
    let id = struct;
    let offset = 0;
    for (const name of path) {
      const found = this.#find(id, name);
      if (!found) return undefined;
      id = found.type;
      offset += found.offset;
    }
    return { offset, size: this.#types.size(id) };
  }

  /** In the struct itself or in its members without names. */
  #find(struct: number, name: string): { readonly type: number; readonly offset: number } | undefined {
    const types = this.#types;
    const id = types.resolve(struct);
    if (!isComposite(types.kind(id))) return undefined;
    for (const member of types.members(id)) {
      if (member.bitOffset % 8 !== 0 || member.bitSize !== 0) continue;
      const offset = member.bitOffset / 8;
      if (member.name === name) return { type: member.type, offset };
      const inner = member.name === "" ? this.#find(member.type, name) : undefined;
      if (inner) return { type: inner.type, offset: offset + inner.offset };
    }
    return undefined;
  }
}
