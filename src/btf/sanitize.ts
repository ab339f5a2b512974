import type { Btf } from "./btf.ts";
import { BtfBuilder } from "./builder.ts";
import { BtfKind, BtfLinkage } from "./kind.ts";

/** What a kernel's BTF checker takes; each came with its own version, so each is probed. */
export interface BtfFeatures {
  /** FUNC and FUNC_PROTO (5.0). */
  readonly func: boolean;
  /** Linkage of FUNC other than static (5.6). */
  readonly funcGlobal: boolean;
  /** VAR and DATASEC (5.2). */
  readonly datasec: boolean;
  /** (5.13) */
  readonly float: boolean;
  /** (5.16) */
  readonly declTag: boolean;
  /** (5.17) */
  readonly typeTag: boolean;
  /** ENUM64 and the signedness of ENUM (6.0). */
  readonly enum64: boolean;
}

/**
 * The same types with the kinds that a kernel does not take replaced by ones of like layout. Ids stay as they
 * are; ENUM64 adds one type at the end. Only own types of BTF without base.
 */
export function sanitizeBtf(btf: Btf, features: BtfFeatures): Uint8Array<ArrayBuffer> {
  const builder = new BtfBuilder();
  const placeholder = btf.typeCount;
  let needsPlaceholder = false;
  for (let id = 1; id < btf.typeCount; id++) {
    if (replaceType(btf, id, features, builder)) continue;
    if (btf.kind(id) === BtfKind.Enum64 && !features.enum64) {
      needsPlaceholder = true;
      const members = btf
        .enumerators(id)
        .map(({ name }) => ({ name, type: placeholder, bitOffset: 0, bitSize: 0 }));
      builder.union(btf.name(id), btf.size(id), members);
    } else {
      builder.copy(btf, id);
    }
  }
  if (needsPlaceholder) builder.signedInt("enum64_placeholder", 1);
  return builder.encode();
}

/** Newest first: a kernel that lacks one may lack those before it, but has those behind it. */
const ages = [
  "enum64",
  "typeTag",
  "declTag",
  "float",
  "funcGlobal",
  "datasec",
  "func",
] as const satisfies (keyof BtfFeatures)[];

export interface OlderBtf {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What is left in it. */
  readonly features: BtfFeatures;
}

/** The types as older and older kernels take them, to be tried until one is taken; what stays equal is left out. */
export function* olderBtf(btf: Btf): Generator<OlderBtf> {
  let features: BtfFeatures = {
    enum64: true,
    typeTag: true,
    declTag: true,
    float: true,
    funcGlobal: true,
    datasec: true,
    func: true,
  };
  let previous = sanitizeBtf(btf, features);
  for (const age of ages) {
    features = { ...features, [age]: false };
    const bytes = sanitizeBtf(btf, features);
    if (Buffer.compare(bytes, previous) !== 0) yield { bytes, features };
    previous = bytes;
  }
}

/** True when the type was replaced. */
function replaceType(btf: Btf, id: number, features: BtfFeatures, builder: BtfBuilder): boolean {
  const name = btf.name(id);
  switch (btf.kind(id)) {
    case BtfKind.Func:
      if (!features.func) builder.typedef(name, btf.target(id));
      else if (!features.funcGlobal && btf.linkage(id) !== BtfLinkage.Static)
        builder.func(name, btf.target(id), BtfLinkage.Static);
      else return false;
      return true;
    case BtfKind.FuncProto:
      if (features.func) return false;
      builder.enum("", 4, false, []);
      return true;
    case BtfKind.Var:
      if (features.datasec) return false;
      // One byte is never larger than the variable was.
      builder.int(name, 1);
      return true;
    case BtfKind.Datasec:
      if (features.datasec) return false;
      builder.struct(
        name.replaceAll(/[.?]/g, "_"),
        btf.size(id),
        btf.sectionVariables(id).map(({ type, offset }) => ({
          name: btf.name(type),
          type,
          bitOffset: offset * 8,
          bitSize: 0,
        })),
      );
      return true;
    case BtfKind.Float:
      if (features.float) return false;
      builder.struct("", btf.size(id), []);
      return true;
    case BtfKind.DeclTag:
      if (features.declTag) return false;
      builder.int(name, 1);
      return true;
    case BtfKind.TypeTag:
      if (features.typeTag) return false;
      builder.modifier(BtfKind.Const, btf.target(id));
      return true;
    case BtfKind.Enum:
      if (features.enum64 || !btf.kindFlag(id)) return false;
      builder.enum(name, btf.size(id), false, btf.enumerators(id));
      return true;
    default:
      return false;
  }
}
