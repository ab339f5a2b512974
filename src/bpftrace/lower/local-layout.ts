import { alignUp } from "../../util/index.ts";
import type { LocalType } from "./local-types.ts";

interface Measure {
  /** Bytes. */
  readonly size: number;
  readonly align: number;
}

/** Bytes of a pointer: eBPF is a 64-bit machine. */
const POINTER: Measure = { size: 8, align: 8 };

/**
 * The types with the records in `records` (ids from 1) laid out by their local members alone. Offsets of the
 * kernel that happened to lend its BTF would be replaced at load anyway, and without them the same script
 * gives the same bytes on every machine.
 */
export function layOutLocally(types: readonly LocalType[], records: ReadonlySet<number>): LocalType[] {
  const result = [...types];
  const begun = new Set<number>();

  function measure(id: number): Measure {
    const type = result[id - 1];
    switch (type?.kind) {
      case "int":
      case "enum":
        return { size: type.size, align: type.size };
      case "pointer":
        return POINTER;
      case "array": {
        const { size, align } = measure(type.element);
        return { size: size * type.length, align };
      }
      case "struct":
      case "union":
        return layOut(id);
      default:
        return { size: 0, align: 1 };
    }
  }

  function layOut(id: number): Measure {
    const type = result[id - 1];
    if (type?.kind !== "struct" && type?.kind !== "union") return { size: 0, align: 1 };
    if (!records.has(id) || begun.has(id)) return { size: type.size, align: 8 };
    begun.add(id);
    let end = 0;
    let align = 1;
    const members = type.members.map((member) => {
      const own = measure(member.type);
      const offset = type.kind === "union" ? 0 : alignUp(end, own.align);
      end = Math.max(end, offset + own.size);
      align = Math.max(align, own.align);
      return { ...member, bitOffset: offset * 8 };
    });
    const size = alignUp(end, align);
    result[id - 1] = { ...type, size, members };
    return { size, align };
  }

  for (const id of records) layOut(id);
  return result;
}
