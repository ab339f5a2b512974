import { ElfFile, SectionFlag } from "../../src/elf/index.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import {
  createMap,
  type LoadedMap,
  MapCreateError,
  ProgramLoadError,
  TargetError,
  VerifierError,
} from "../../src/loader/index.ts";
import { fromElf } from "../../src/object/index.ts";
import { BPF_MAP_TYPE } from "../../src/uapi/index.ts";

// Many programs come with a loader of their own that gives maps a size and leaves programs out that this kernel
// cannot take. The same is done here for both loaders alike, so that the rest of such objects can be compared.

/** What an object is given with, beside its bytes. */
export interface Fit {
  readonly bytes: Uint8Array;
  /** Maps that were given a size, by name; they are closed by who made them. */
  readonly maps: ReadonlyMap<string, LoadedMap>;
  /** Sections of programs that were left out. */
  readonly without: readonly string[];
}

const ENTRIES = 10_240;
/** Of stack traces: PERF_MAX_STACK_DEPTH addresses. */
const STACK_BYTES = 127 * 8;

/** What the object lacks, by what the loader said of it; undefined where nothing can be done about it. */
export function refit(kernel: Kernel, fit: Fit, error: unknown): Fit | undefined {
  if (error instanceof MapCreateError) {
    const spec = fromElf(fit.bytes).spec.maps.find(({ name }) => name === error.map);
    if (!spec || spec.maxEntries !== 0 || fit.maps.has(spec.name)) return undefined;
    const valueSize =
      spec.type === BPF_MAP_TYPE.STACK_TRACE && spec.valueSize === 0 ? STACK_BYTES : spec.valueSize;
    const map = createMap(kernel, { ...spec, valueSize, maxEntries: ENTRIES }, undefined);
    return { ...fit, maps: new Map(fit.maps).set(spec.name, map) };
  }
  if (error instanceof TargetError || error instanceof VerifierError || error instanceof ProgramLoadError) {
    const section = fromElf(fit.bytes).spec.programs.find(({ name }) => name === error.program)?.section;
    const bytes = section === undefined ? undefined : withoutSection(fit.bytes, section);
    return bytes && { ...fit, bytes, without: [...fit.without, section!] };
  }
  return undefined;
}

const SECTION_HEADERS = 0x28;
const SECTION_HEADER_SIZE = 64;
const FLAGS = 8;

/** A section that is not executable holds no programs to any loader. */
function withoutSection(bytes: Uint8Array, name: string): Uint8Array | undefined {
  const section = new ElfFile(bytes).section(name);
  if (!section) return undefined;
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  const header = Number(view.getBigUint64(SECTION_HEADERS, true)) + section.index * SECTION_HEADER_SIZE;
  view.setBigUint64(header + FLAGS, BigInt(section.flags & ~SectionFlag.Execute), true);
  return copy;
}
