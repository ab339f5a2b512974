import type { Btf } from "../btf.ts";
import { essentialName } from "./relocation.ts";
import { kindsAreCompatible } from "./spec.ts";

/** Where relocations look for types. */
export interface CoreTargets {
  readonly kernel: Btf;
  /** Split BTF of the loaded modules; asked only for types that the kernel itself does not have. */
  modules?(): Iterable<Btf>;
}

export interface Candidate {
  readonly btf: Btf;
  readonly type: number;
}

/** Types of the local type's kind and essential name; those of modules only when the kernel has none. */
export function findCandidates(local: Btf, type: number, targets: CoreTargets): Candidate[] {
  const name = essentialName(local.name(type));
  const kind = local.kind(type);
  const inBtf = (btf: Btf): Candidate[] =>
    [...btf.findOwnByName(name), ...btf.ownFlavours(name)]
      .filter((id) => kindsAreCompatible(btf.kind(id), kind))
      .map((id) => ({ btf, type: id }));
  const inKernel = inBtf(targets.kernel);
  if (inKernel.length > 0 || !targets.modules) return inKernel;
  return [...targets.modules()].flatMap(inBtf);
}
