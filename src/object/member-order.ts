import { type Btf, BtfBuilder, BtfKind, CoreKind, isComposite, parseBtf } from "../btf/index.ts";
import type { ObjectSpec, ProgramSpec } from "./spec.ts";

/** From a struct's old member indices to the new ones. */
type Orders = ReadonlyMap<number, readonly number[]>;

/**
 * The same object with the members of its structs in the order of their offsets, which the kernel insists on
 * (btf_struct_check_meta in kernel/bpf/btf.c), and CO-RE accesses that name them by their new places.
 */
export function orderMembers(object: ObjectSpec): ObjectSpec {
  if (!object.btf) return object;
  const btf = parseBtf(object.btf);
  const orders = findOrders(btf);
  if (orders.size === 0) return object;
  return {
    ...object,
    btf: reorder(btf, orders),
    programs: object.programs.map((program) => renumber(btf, orders, program)),
  };
}

function findOrders(btf: Btf): Orders {
  const orders = new Map<number, number[]>();
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kind(id) !== BtfKind.Struct) continue;
    const places = btf.members(id).map(({ bitOffset }, index) => ({ bitOffset, index }));
    if (places.every(({ bitOffset }, index) => index === 0 || bitOffset >= places[index - 1]!.bitOffset))
      continue;
    places.sort((a, b) => a.bitOffset - b.bitOffset);
    const order: number[] = [];
    places.forEach(({ index }, place) => (order[index] = place));
    orders.set(id, order);
  }
  return orders;
}

function reorder(btf: Btf, orders: Orders): Uint8Array {
  const builder = new BtfBuilder();
  for (let id = 1; id < btf.typeCount; id++) {
    const members = orders.has(id) ? btf.members(id).sort((a, b) => a.bitOffset - b.bitOffset) : undefined;
    if (members) builder.struct(btf.name(id), btf.size(id), members);
    else builder.copy(btf, id);
  }
  return builder.encode();
}

function renumber(btf: Btf, orders: Orders, program: ProgramSpec): ProgramSpec {
  const relocations = program.relocations.map((relocation) =>
    relocation.kind === "core" && relocation.coreKind <= CoreKind.FieldRshiftU64
      ? { ...relocation, access: newAccess(btf, orders, relocation.typeId, relocation.access) }
      : relocation,
  );
  return { ...program, relocations };
}

function newAccess(btf: Btf, orders: Orders, root: number, access: string): string {
  const [first, ...steps] = access.split(":").map(Number);
  let type = btf.resolve(root);
  const renumbered = steps.map((step) => {
    const composite = isComposite(btf.kind(type));
    const place = composite ? (orders.get(type)?.[step] ?? step) : step;
    type = btf.resolve(composite ? btf.memberType(type, step) : btf.array(type).element);
    return place;
  });
  return [first, ...renumbered].join(":");
}
