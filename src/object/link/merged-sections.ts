import { type ElfSection, SectionType } from "../../elf/index.ts";
import { alignUp } from "../../util/index.ts";
import { ObjectError } from "../error.ts";
import type { LinkObject } from "./input.ts";

/** A section of the output: the sections of that name, one behind the other. */
export interface MergedSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly entrySize: number;
  readonly alignment: number;
  /** All zero for NOBITS. */
  readonly bytes: Uint8Array;
}

/** Where a section of an input has gone. */
export interface Placement {
  /** Index into {@link SectionLayout.merged}. */
  readonly merged: number;
  readonly offset: number;
}

export interface SectionLayout {
  readonly merged: readonly MergedSection[];
  /** For each input, by section index; absent for sections that are not in the output. */
  readonly placements: readonly ReadonlyMap<number, Placement>[];
}

/** Sections that say something of the whole object: one copy, and all must agree. */
const SHARED: ReadonlySet<string> = new Set(["license", "version"]);

interface OpenSection {
  readonly first: ElfSection;
  readonly parts: { readonly object: LinkObject; readonly section: ElfSection; readonly offset: number }[];
  alignment: number;
  size: number;
}

export function mergeSections(objects: readonly LinkObject[]): SectionLayout {
  const open = new Map<string, OpenSection>();
  const order: string[] = [];
  const placements = objects.map((object) => {
    const placed = new Map<number, Placement>();
    for (const section of object.sections.values()) {
      const known = open.get(section.name);
      if (known && SHARED.has(section.name)) {
        checkShared(known, object, section);
        continue;
      }
      const target = known ?? { first: section, parts: [], alignment: 1, size: 0 };
      if (!known) {
        open.set(section.name, target);
        order.push(section.name);
      }
      checkSame(target.first, section, object.name);
      target.alignment = Math.max(target.alignment, section.alignment, 1);
      const offset = alignUp(target.size, target.alignment);
      target.parts.push({ object, section, offset });
      target.size = offset + section.size;
      placed.set(section.index, { merged: order.indexOf(section.name), offset });
    }
    return placed;
  });
  return { merged: order.map((name) => closed(open.get(name)!)), placements };
}

function closed({ first, parts, alignment, size }: OpenSection): MergedSection {
  const bytes = new Uint8Array(size);
  if (first.type !== SectionType.Nobits)
    for (const { object, section, offset } of parts) bytes.set(object.elf.data(section), offset);
  return {
    name: first.name,
    type: first.type,
    flags: first.flags,
    entrySize: first.entrySize,
    alignment,
    bytes,
  };
}

function checkSame(first: ElfSection, section: ElfSection, file: string): void {
  for (const field of ["type", "flags", "entrySize"] as const)
    if (first[field] !== section[field])
      throw new ObjectError(
        "object/link",
        `Section ${section.name} of ${file} has another ${field} than in the objects before it (${section[field]}, not ${first[field]})`,
      );
}

function checkShared({ parts, first }: OpenSection, object: LinkObject, section: ElfSection): void {
  checkSame(first, section, object.name);
  const [part] = parts;
  if (Buffer.compare(part!.object.elf.data(part!.section), object.elf.data(section)) !== 0)
    throw new ObjectError(
      "object/link",
      `${object.name} has another ${section.name} than ${part!.object.name}`,
      [`All objects of a link must have the same ${section.name}`],
    );
}
