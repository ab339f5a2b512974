import type { Btf } from "../btf.ts";
import { BtfError } from "../error.ts";
import { BtfIntEncoding, BtfKind, isEnum } from "../kind.ts";
import { type Candidate, type CoreTargets, findCandidates } from "./candidates.ts";
import {
  CoreKind,
  type CoreRelocation,
  type CoreResolution,
  coreSubject,
  essentialName,
} from "./relocation.ts";
import {
  type AccessSpec,
  localEnumerator,
  localField,
  matchEnumerator,
  matchField,
  parseAccess,
  typeSpec,
} from "./spec.ts";
import { typesAreCompatible, typesMatch } from "./types-match.ts";

/** One side of a relocation: what its question comes to by the local or by the target's types. */
interface Answer {
  /** Undefined: no answer, the instruction is poisoned. */
  readonly value: bigint | undefined;
  readonly validate: boolean;
  /** Bytes and type of the field, where a load or store of it can change its width. */
  readonly size?: number;
  readonly type?: number;
}

/** Answers the CO-RE relocations of one object against one kernel; candidates are searched once per type. */
export class CoreResolver {
  readonly #local: Btf;
  readonly #targets: CoreTargets;
  readonly #candidates = new Map<number, Candidate[]>();

  constructor(local: Btf, targets: CoreTargets) {
    this.#local = local;
    this.#targets = targets;
  }

  /** @throws BtfError `btf/core` when the record is broken or candidates disagree. */
  resolve(relocation: CoreRelocation): CoreResolution {
    const local = localSpec(this.#local, relocation);
    if (relocation.kind === CoreKind.TypeIdLocal) return unchanged(BigInt(relocation.typeId));
    const matches = this.matches(relocation);
    const resolutions = matches.map((target) => decide(relocation, local, target));
    const [first] = resolutions;
    if (!first) return decide(relocation, local, undefined);
    resolutions.forEach((other, index) => {
      if (
        other.poison !== first.poison ||
        other.value !== first.value ||
        matches[index]!.bitOffset !== matches[0]!.bitOffset
      )
        throw new BtfError("btf/core", `${describeRelocation(this.#local, relocation)} is ambiguous`, [
          "Several types of that name exist in the kernel's BTF and give different answers",
        ]);
    });
    return first;
  }

  /** The target's types that the relocation applies to, with the access resolved in each. */
  matches(relocation: CoreRelocation): AccessSpec[] {
    const local = localSpec(this.#local, relocation);
    const found: AccessSpec[] = [];
    for (const candidate of this.#find(relocation)) {
      const spec = matchCandidate(relocation, local, candidate);
      if (spec) found.push(spec);
    }
    return found;
  }

  #find(relocation: CoreRelocation): Candidate[] {
    if (this.#local.name(relocation.typeId) === "")
      throw new BtfError(
        "btf/core",
        `${describeRelocation(this.#local, relocation)} is about a type without name`,
      );
    let candidates = this.#candidates.get(relocation.typeId);
    if (!candidates) {
      candidates = findCandidates(this.#local, relocation.typeId, this.#targets);
      this.#candidates.set(relocation.typeId, candidates);
    }
    return candidates;
  }
}

/** `field offset of struct task_struct (0:12)`: for messages. */
export function describeRelocation(local: Btf, relocation: CoreRelocation): string {
  const kind =
    Object.entries(CoreKind).find(([, number]) => number === relocation.kind)?.[0] ?? relocation.kind;
  const type = local.has(relocation.typeId)
    ? `${local.kindName(relocation.typeId).toLowerCase()} ${local.name(relocation.typeId)}`
    : `type ${relocation.typeId}`;
  return `CO-RE relocation ${kind} of ${type} (${relocation.access})`;
}

/** What a relocation asks for, in C's words: `field struct task_struct.pid`, `type struct file`, `enumerator X`. */
export function relocationSubject(local: Btf, relocation: CoreRelocation): string {
  const { rootType, accessors } = localSpec(local, relocation);
  const kind = local.kind(rootType);
  const keyword = kind === BtfKind.Typedef ? "" : `${local.kindName(rootType).toLowerCase()} `;
  const type = `${keyword}${essentialName(local.name(rootType)) || "(anonymous)"}`;
  const subject = coreSubject(relocation.kind);
  if (subject === "type") return `type ${type}`;
  if (subject === "enumerator") return `enumerator ${accessors[0]?.name ?? "?"} of ${type}`;
  const path = accessors
    .slice(1)
    .map(({ name, index }) => (name === undefined ? `[${index}]` : name === "" ? "" : `.${name}`));
  return `field ${type}${path.join("")}`;
}

export function localSpec(btf: Btf, relocation: CoreRelocation): AccessSpec {
  const subject = coreSubject(relocation.kind);
  if (relocation.kind > CoreKind.TypeMatches)
    throw new BtfError("btf/core", `CO-RE relocation kind ${relocation.kind} is not known`);
  if (subject === "type") return typeSpec(btf, relocation.typeId);
  const steps = parseAccess(relocation.access);
  return subject === "field"
    ? localField(btf, relocation.typeId, steps)
    : localEnumerator(btf, relocation.typeId, steps);
}

function matchCandidate(
  { kind }: CoreRelocation,
  local: AccessSpec,
  { btf, type }: Candidate,
): AccessSpec | undefined {
  switch (coreSubject(kind)) {
    case "field":
      return matchField(local, btf, type);
    case "enumerator":
      return matchEnumerator(local, btf, type);
    case "type": {
      const pair = { localBtf: local.btf, local: local.rootType, btf, target: type };
      const accepted = kind === CoreKind.TypeMatches ? typesMatch(pair) : typesAreCompatible(pair);
      return accepted ? typeSpec(btf, type) : undefined;
    }
  }
}

function decide(
  relocation: CoreRelocation,
  local: AccessSpec,
  target: AccessSpec | undefined,
): CoreResolution {
  const before = answer(relocation, local);
  const after = answer(relocation, target);
  const originalSize = before.size ?? 0;
  const size = after.size ?? 0;
  return {
    original: before.value ?? 0n,
    value: after.value ?? 0n,
    poison: before.value === undefined || after.value === undefined,
    validate: before.validate,
    originalSize,
    size,
    sizeMismatch:
      originalSize !== size &&
      before.type !== undefined &&
      after.type !== undefined &&
      !canChangeWidth(local.btf, before.type, target!.btf, after.type),
  };
}

/** Reading fewer or more bytes of a pointer or an unsigned integer gives the same number. */
function canChangeWidth(localBtf: Btf, local: number, btf: Btf, target: number): boolean {
  const kind = localBtf.kind(local);
  if (kind !== btf.kind(target)) return false;
  if (kind === BtfKind.Ptr) return true;
  return kind === BtfKind.Int && !isSigned(localBtf, local) && !isSigned(btf, target);
}

function answer(relocation: CoreRelocation, spec: AccessSpec | undefined): Answer {
  switch (relocation.kind) {
    case CoreKind.FieldExists:
    case CoreKind.EnumvalExists:
    case CoreKind.TypeExists:
    case CoreKind.TypeMatches:
      return { value: spec ? 1n : 0n, validate: true };
    case CoreKind.TypeSize:
      return { value: spec ? BigInt(spec.btf.size(spec.rootType)) : 0n, validate: true };
    case CoreKind.TypeIdTarget:
      // The id in the instruction may have changed when objects were linked.
      return { value: spec ? BigInt(spec.rootType) : 0n, validate: false };
    case CoreKind.EnumvalValue: {
      if (!spec) return { value: undefined, validate: true };
      return { value: enumeratorValue(spec), validate: true };
    }
    default:
      return spec ? fieldAnswer(relocation.kind, spec) : { value: undefined, validate: true };
  }
}

/** 32-bit values are taken as signed, whatever the enum says: BTF of old compilers does not tell. */
function enumeratorValue({ btf, accessors }: AccessSpec): bigint {
  const { type, index } = accessors[0]!;
  const { value } = btf.enumerators(type)[index]!;
  return BigInt.asUintN(64, btf.kind(type) === BtfKind.Enum ? BigInt.asIntN(32, value) : value);
}

function fieldAnswer(kind: number, spec: AccessSpec): Answer {
  const last = spec.accessors.at(-1)!;
  if (last.name === undefined) return elementAnswer(kind, spec, last.type);
  const { btf, bitOffset } = spec;
  const member = btf.member(last.type, last.index);
  const type = btf.resolve(member.type);
  const bitfield = member.bitSize > 0;
  const place = bitfield
    ? bitfieldPlace(btf.size(type), bitOffset, member.bitSize)
    : { offset: Math.floor(bitOffset / 8), size: btf.size(type) };
  const bits = bitfield ? member.bitSize : place.size * 8;
  // Compilers may place a bitfield's load otherwise, so what the instruction holds is not checked.
  const validate = !bitfield;
  switch (kind) {
    case CoreKind.FieldByteOffset:
      if (bitfield) return { value: BigInt(place.offset), validate };
      return { value: BigInt(place.offset), validate, size: elementSize(btf, type), type };
    case CoreKind.FieldByteSize:
      return { value: BigInt(place.size), validate };
    case CoreKind.FieldSigned:
      return { value: isSigned(btf, type) ? 1n : 0n, validate: true };
    case CoreKind.FieldLshiftU64:
      return { value: BigInt(64 - (bitOffset + bits - place.offset * 8)), validate };
    default:
      return { value: BigInt(64 - bits), validate: true };
  }
}

function elementAnswer(kind: number, spec: AccessSpec, type: number): Answer {
  const { btf } = spec;
  if (kind === CoreKind.FieldByteOffset)
    return {
      value: BigInt(Math.floor(spec.bitOffset / 8)),
      validate: true,
      size: elementSize(btf, type),
      type,
    };
  if (kind === CoreKind.FieldByteSize) return { value: BigInt(btf.size(type)), validate: true };
  throw new BtfError("btf/core", "The relocation asks for bits or signedness of an array element");
}

/** The aligned 1 to 8 bytes that hold the whole bitfield. */
function bitfieldPlace(typeSize: number, bitOffset: number, bits: number): { offset: number; size: number } {
  for (let size = typeSize; size > 0 && size <= 8; size *= 2) {
    const offset = Math.floor(bitOffset / 8 / size) * size;
    if (bitOffset + bits - offset * 8 <= size * 8) return { offset, size };
  }
  throw new BtfError("btf/core", "The relocation's bitfield spans more than 8 bytes");
}

function elementSize(btf: Btf, type: number): number {
  let at = btf.resolve(type);
  for (let depth = 0; btf.kind(at) === BtfKind.Array; depth++) {
    if (depth > 32) throw new BtfError("btf/loop", `BTF type ${type} nests arrays without end`);
    at = btf.resolve(btf.array(at).element);
  }
  return btf.size(at);
}

function isSigned(btf: Btf, type: number): boolean {
  if (isEnum(btf.kind(type))) return btf.kindFlag(type);
  return btf.kind(type) === BtfKind.Int && (btf.int(type).encoding & BtfIntEncoding.Signed) !== 0;
}

function unchanged(value: bigint): CoreResolution {
  return {
    original: value,
    value,
    poison: false,
    validate: false,
    originalSize: 0,
    size: 0,
    sizeMismatch: false,
  };
}
