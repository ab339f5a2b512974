import type { Insn } from "../../../isa/index.ts";

/**
 * What the shadow says of a byte of memory, a byte for each, so that an access of any size at any address is compared
 * at once. Where the highest bit is set a program may write; where all the others are, it may read.
 */
export const SHADOW = {
  /** Nothing lives there, or only the kernel's own: shadow that nobody touched says so. */
  nothing: 0,
  freed: 1,
  /** In front of a ring buffer's record that is being written. */
  record: 2,
  /** The first byte of a map that programs may not change, and of others. */
  readonlyMap: 4,
  map: 5,
  /** Stack that was never written; told apart from live memory where checks are strict. */
  unwritten: 0x80,
  /** A dynptr that a helper has made; what is written over it is none any more. */
  dynptr: 0x90,
  /** Keys that callbacks are given, and values of maps that programs may not write. */
  readonly: 0x7f,
  live: 0xff,
} as const;

/** The shadow of a memory whose programs are checked: it lies behind their part of the same linear memory. */
export interface ShadowPlace {
  /** Where the shadow of address 0 is. */
  readonly base: number;
  /** A power of two that no address reaches: all below it have a shadow. */
  readonly span: number;
}

const PAGE = 65_536;

/** Bytes of linear memory for `size` bytes of programs' memory and their shadow, with a gap around it that stays zero. */
export function layOutShadow(size: number): { readonly place: ShadowPlace; readonly end: number } {
  const span = 2 ** Math.ceil(Math.log2(size));
  // Offsets of accesses are 16 bits, and may lead below the shadow's start or behind its end.
  const base = (Math.ceil(size / PAGE) + 1) * PAGE;
  return { place: { base, span }, end: base + span + PAGE };
}

/** How many bytes an argument points to. */
export type ArgumentSize =
  | { readonly is: "fixed"; readonly bytes: number }
  /** As the low half of another argument says, as a signed number. */
  | { readonly is: "argument"; readonly register: number }
  /** As a u32 in the header of the map in a register says. */
  | { readonly is: "map"; readonly register: number; readonly field: number };

/** What must be at a helper's argument. */
export type ArgumentCheck =
  | {
      readonly is: "memory";
      readonly size: ArgumentSize;
      readonly writes: boolean;
      /** NULL will do as well. */
      readonly nullable: boolean;
    }
  | { readonly is: "map"; readonly writes: boolean }
  | { readonly is: "record" | "dynptr" };

/** An access that the shadow does not allow. */
export interface Refusal {
  /** As the program has it. */
  readonly pointer: bigint;
  readonly size: number;
  readonly insn: Insn;
  readonly slot: number;
  /** Register of the helper's argument that leads there; 0 where the instruction itself does. */
  readonly argument: number;
  /** The source line that an instruction belongs to, where that is known. */
  readonly lineAt: LineAt | undefined;
}

/** `file:line: text` of an instruction. */
export type LineAt = (slot: number) => string | undefined;

/** The checked mode, as the machine asks for it. */
export interface AccessChecks {
  readonly place: ShadowPlace;
  /** Whether stack that was never written may not be read. */
  readonly strict: boolean;
  /** By register less one; undefined for arguments that may be anything. */
  argumentsOf(helper: number): readonly (ArgumentCheck | undefined)[];
  /** Whether a map is at an address, and programs may change it. */
  isMap(address: number, writes: boolean): boolean;
  /** Whether all of these bytes may be read, or written, as long as the program is there. */
  isThere(address: number, size: number, writes: boolean): boolean;
  /** A u32 of a map's header that does not change. */
  headerField(map: number, field: number): number;
  /** Bytes behind what a lookup in the map at an address gives, and whether they may be written; none where that is no memory. */
  valueOf(map: number): { readonly size: number; readonly writable: boolean } | undefined;
  /** Throws what is to be said. */
  refuse(refusal: Refusal): never;
}
