/** enum bpf_core_relo_kind. */
export const CoreKind = {
  FieldByteOffset: 0,
  FieldByteSize: 1,
  FieldExists: 2,
  FieldSigned: 3,
  FieldLshiftU64: 4,
  FieldRshiftU64: 5,
  TypeIdLocal: 6,
  TypeIdTarget: 7,
  TypeExists: 8,
  TypeSize: 9,
  EnumvalExists: 10,
  EnumvalValue: 11,
  TypeMatches: 12,
} as const;

/** A question about the target's types, as the compiler recorded it. */
export interface CoreRelocation {
  /** In the local BTF. */
  readonly typeId: number;
  /** Indices separated by colons, see struct bpf_core_relo in the kernel's include/uapi/linux/bpf.h. */
  readonly access: string;
  /** CoreKind number. */
  readonly kind: number;
}

/** The answer, and what the instruction that asked must be changed to. */
export interface CoreResolution {
  /** What the compiler put into the instruction, by the local types. */
  readonly original: bigint;
  readonly value: bigint;
  /** The question has no answer here: executing the instruction must fail. */
  readonly poison: boolean;
  /** The instruction must hold `original`, else the object is broken. */
  readonly validate: boolean;
  /** Bytes that a load or store moves, local and target; equal when nothing changes. */
  readonly originalSize: number;
  readonly size: number;
  /** A load or store of another size would read something else (a signed or a composite field). */
  readonly sizeMismatch: boolean;
}

export type CoreSubject = "field" | "type" | "enumerator";

export function coreSubject(kind: number): CoreSubject {
  if (kind <= CoreKind.FieldRshiftU64) return "field";
  return kind === CoreKind.EnumvalExists || kind === CoreKind.EnumvalValue ? "enumerator" : "type";
}

/** `task_struct___old` is a flavour of `task_struct`: what follows three underscores is for the program only. */
export function essentialName(name: string): string {
  for (let at = name.lastIndexOf("___"); at > 0; at = name.lastIndexOf("___", at - 1)) {
    if (name[at - 1] !== "_" && at + 3 < name.length && name[at + 3] !== "_") return name.slice(0, at);
  }
  return name;
}
