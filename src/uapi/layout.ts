import type { BPF_ATTR, STRUCT } from "./generated/layouts.ts";

/** Where a member of an ABI struct lies. Offsets and sizes in bytes from the struct's start. */
export type FieldLayout =
  | {
      readonly offset: number;
      readonly size: number;
      /** `pointer`: a u64 that holds a user address. `bytes`: an array of any element. */
      readonly kind: "u8" | "s8" | "u16" | "s16" | "u32" | "s32" | "u64" | "s64" | "pointer" | "bytes";
    }
  /** `width` bits from `bit` (0 is the lowest) of the little-endian u64 at `offset`. */
  | {
      readonly offset: number;
      readonly size: 8;
      readonly kind: "bits";
      readonly bit: number;
      readonly width: number;
    };

/** Members of nested structs are named by their path, as `uprobe_multi.path`. */
export interface StructLayout {
  readonly size: number;
  readonly fields: Readonly<Record<string, FieldLayout>>;
}

export type BpfCommandName = keyof typeof BPF_ATTR;
export type StructName = keyof typeof STRUCT;
/** The member names of one command's part of union bpf_attr. */
export type BpfAttrField<C extends BpfCommandName> = keyof (typeof BPF_ATTR)[C]["fields"] & string;
/** The member names of an ABI struct. */
export type StructField<S extends StructName> = keyof (typeof STRUCT)[S]["fields"] & string;
