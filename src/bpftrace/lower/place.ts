import type { LoadTimeNumber, Value, ValueType, Width } from "../../ir/index.ts";
import { BPF_CORE } from "../../uapi/index.ts";
import { isInteger, type RecordField, type RecordType, type Type } from "../types.ts";
import type { BtfView } from "../world.ts";
import type { Body } from "./body.ts";
import type { KernelMember, Place } from "./memory.ts";
import { programKinds } from "./program-kind.ts";
import { isWide } from "./value-form.ts";
import { callReader } from "./failure.ts";
import type { HelperName } from "./helpers.ts";

/** What a pointer points to; `pointer` is its value. */
export function pointee(pointer: Value, target: Type, space: Place["space"]): Place {
  const place: Place = { base: pointer, offset: 0, space };
  return target.kind === "record" && target.origin.kind === "btf"
    ? { ...place, member: { btf: target.origin.btf, root: target.origin.id, path: [] } }
    : place;
}

/** A record's member. */
export function memberPlace(body: Body, record: Place, type: RecordType, field: RecordField): Place {
  const { origin } = type;
  switch (origin.kind) {
    case "btf": {
      const { btf, id } = origin;
      const outer = record.member ?? { btf, root: id, path: [] };
      return { ...record, member: { ...outer, path: [...outer.path, ...field.path] } };
    }
    case "tracepoint": {
      const tracepoint = `${origin.category}:${origin.event}`;
      const place = { ...record, field: { tracepoint, name: field.name, offset: field.offset } };
      return field.location === undefined ? place : locatedPlace(body, place, field);
    }
    case "script":
    case "parameters":
      return { ...record, offset: record.offset + field.offset };
  }
}

/** `__data_loc`: where the field says that its bytes are. */
function locatedPlace(body: Body, place: Place, field: RecordField): Place {
  const { b } = body;
  const word = loadWord(body, place, 4, "i32", false);
  const distance = b.convert("zext32", b.binary("and", word, b.i32(0xffff)));
  const from = field.location === "relative" ? b.add(fieldAddress(body, place), b.i64(4)) : place.base;
  return { base: b.add(from, distance), offset: 0, space: "kernel" };
}

/** An array's element; a constant index keeps the place readable by plain loads. */
export function elementPlace(array: Place, index: number, size: number): Place {
  const { member } = array;
  if (member !== undefined) return { ...array, member: { ...member, path: [...member.path, index] } };
  return { ...array, offset: array.offset + index * size };
}

/** The place's address as a number that helpers take. */
export function fieldAddress(body: Body, place: Place): Value {
  const { b } = body;
  const { fixed, reloc } = displacement(body, place);
  let address = place.base;
  if (reloc !== undefined) address = b.add(address, b.loadTime(reloc));
  return fixed === 0 ? address : b.add(address, b.i64(fixed));
}

interface Displacement {
  readonly fixed: number;
  readonly reloc?: LoadTimeNumber;
}

function displacement(body: Body, place: Place): Displacement {
  const { relocate } = body.unit.target;
  const { member, field, offset } = place;
  if (member !== undefined && member.path.length > 0) {
    if (!relocate) return { fixed: offset + memberOffset(member) };
    const access = body.unit.types.access(member.btf, member.root, member.path);
    return { fixed: offset, reloc: { kind: "core", ...access, coreKind: BPF_CORE.FIELD_BYTE_OFFSET } };
  }
  if (field !== undefined) {
    if (!relocate) return { fixed: offset + field.offset };
    return {
      fixed: offset,
      reloc: { kind: "tracepoint", tracepoint: field.tracepoint, field: field.name },
    };
  }
  return { fixed: offset };
}

/** Byte offset in the kernel's own BTF. */
function memberOffset(member: KernelMember): number {
  return memberBits(member).byteOffset;
}

interface MemberBits {
  readonly byteOffset: number;
  /** Bits of a bitfield that lie before it in the integer at byteOffset; 0 otherwise. */
  readonly bitOffset: number;
  readonly bitWidth: number;
}

function memberBits({ btf, root, path }: KernelMember): MemberBits {
  let byteOffset = 0;
  let bitOffset = 0;
  let bitWidth = 0;
  let current = root;
  for (const step of path) {
    const type = bare(btf, current);
    if (type.kind === "array") {
      byteOffset += step * kernelSize(btf, type.element);
      current = type.element;
      continue;
    }
    if (type.kind !== "struct" && type.kind !== "union") throw new RangeError("path leaves the record");
    const member = type.members[step]!;
    if (member.bitWidth === 0) byteOffset += member.bitOffset / 8;
    else {
      // As compilers do it: the aligned integer of the declared type that holds all bits.
      const unit = kernelSize(btf, member.type) * 8;
      const start = Math.floor(member.bitOffset / unit) * unit;
      byteOffset += start / 8;
      bitOffset = member.bitOffset - start;
      bitWidth = member.bitWidth;
    }
    current = member.type;
  }
  return { byteOffset, bitOffset, bitWidth };
}

function bare(btf: BtfView, id: number): ReturnType<BtfView["type"]> {
  let type = btf.type(id);
  while (type.kind === "modifier" || type.kind === "typedef") type = btf.type(type.target);
  return type;
}

function kernelSize(btf: BtfView, id: number): number {
  const type = bare(btf, id);
  switch (type.kind) {
    case "pointer":
      return 8;
    case "array":
      return type.length * kernelSize(btf, type.element);
    case "int":
    case "struct":
    case "union":
    case "enum":
    case "float":
      return type.size;
    default:
      return 0;
  }
}

/** Reads a value that fits a register; see {@link Body.scalar} for its form. */
export function loadScalar(body: Body, place: Place, type: Type, bits?: RecordField["bits"]): Value {
  if (place.nullable) return loadUnlessNull(body, place, type);
  const width = widthOf(type);
  const signed = isInteger(type) && "signed" in type && type.signed;
  if (bits !== undefined) return loadBits(body, place, type, bits, signed);
  const value = loadWord(body, place, width, isWide(type) ? "i64" : "i32", signed);
  const trust = body.typed.get(place.base) ?? (place.space === "context" ? argumentTrust(body) : undefined);
  if (trust !== undefined && type.kind === "pointer" && isKernelRecord(type.target)) {
    const { rdonlyCast } = body.unit.target.features;
    if (trust === "untrusted" || !rdonlyCast || !mayWantNullCheck(place.member)) body.typed.set(value, trust);
  }
  return value;
}

/**
 * Members whose pointers, walked to from a trusted one, count as possibly null: `__rcu` members where the
 * kernel's BTF has type tags, and the lists BTF_TYPE_SAFE_*_OR_NULL of kernel/bpf/verifier.c.
 */
function mayWantNullCheck(member: KernelMember | undefined): boolean {
  if (member === undefined) return false;
  const { btf, root, path } = member;
  let owner = bare(btf, root);
  let id = root;
  let name = "";
  for (const step of path) {
    owner = bare(btf, id);
    if (owner.kind === "array") id = owner.element;
    else if (owner.kind === "struct" || owner.kind === "union") {
      const found = owner.members[step]!;
      name = found.name;
      id = found.type;
    }
  }
  const pointer = bare(btf, id);
  const target = pointer.kind === "pointer" ? btf.type(pointer.target) : undefined;
  if (target?.kind === "modifier" && target.tag === "rcu") return true;
  return owner.kind === "struct" && POSSIBLY_NULL.has(`${owner.name}.${name}`);
}

const POSSIBLY_NULL: ReadonlySet<string> = new Set([
  "mm_struct.exe_file",
  "sk_buff.sk",
  "request_sock.sk",
  "socket.sk",
  "dentry.d_inode",
  "vm_area_struct.vm_mm",
  "vm_area_struct.vm_file",
  "bpf_iter__bpf_map_elem.key",
]);

/**
 * What the verifier thinks of pointers among the arguments. Those of tracepoints may be null on newer
 * kernels, which then want a comparison: they are left to the cast.
 */
function argumentTrust(body: Body): "untrusted" | undefined {
  const { kind } = body.probe;
  const { rdonlyCast } = body.unit.target.features;
  if (!programKinds[kind].slotted || (kind === "rawtracepoint" && rdonlyCast)) return undefined;
  return "untrusted";
}

export function isKernelRecord(target: Type): boolean {
  return target.kind === "record" && target.origin.kind === "btf";
}

export function widthOf(type: Type): Width {
  switch (type.kind) {
    case "int":
    case "enum":
      return type.size;
    case "bool":
      return 1;
    default:
      return 8;
  }
}

/** What plain loads may read. */
function isTyped(body: Body, place: Place): boolean {
  // Plain loads yield 0 for what is not there, and tell nobody.
  return body.typed.has(place.base) && !body.unit.countsFailedReads;
}

function loadUnlessNull(body: Body, place: Place, type: Type): Value {
  const { b, code } = body;
  const from = b.current;
  const load = code.block("present");
  const end = code.block("value");
  code.branch("ne", place.base, b.null(), load, end, { likely: true });
  code.at(load);
  const { nullable: _, ...present } = place;
  const value = loadScalar(body, present, type);
  const last = b.current;
  code.jump(end);
  code.at(end);
  return code.phi([
    [from, isWide(type) ? b.i64(0) : b.i32(0)],
    [last, value],
  ]);
}

/** One aligned integer of the place. */
function loadWord(body: Body, place: Place, width: Width, type: ValueType, signed: boolean): Value {
  const { b } = body;
  const readable = readablePlace(body, place);
  if (readable !== undefined) {
    const { fixed, reloc } = displacement(body, readable);
    // Contexts made of u64 slots (BTF-typed arguments) are read whole only.
    if (place.space === "context" && width < 8 && programKinds[body.probe.kind].slotted)
      return narrow(body, b.load("i64", 8, readable.base, { offset: fixed }), width, signed);
    const options = { offset: fixed, signed, ...(reloc && { reloc }) };
    return b.load(type, width, readable.base, options);
  }
  const slot = body.temporary(width, width, "read");
  readMemory(body, place, slot, width);
  return b.load(type, width, slot.base, { offset: slot.offset, signed });
}

/** The low bytes of a slot, as an i32 in normal form. */
function narrow(body: Body, value: Value, width: Width, signed: boolean): Value {
  const { b } = body;
  const low = b.convert("trunc", value);
  if (width === 4) return low;
  if (width === 2) return b.convert(signed ? "sext16" : "zext16", low);
  return b.convert(signed ? "sext8" : "zext8", low);
}

/** The same place where plain loads reach it; undefined when only helpers do. */
function readablePlace(body: Body, place: Place): Place | undefined {
  if (place.space === "direct" || place.space === "context" || isTyped(body, place)) return place;
  const { member } = place;
  if (place.space === "user" || member === undefined || place.offset !== 0) return undefined;
  if (!body.unit.target.features.rdonlyCast || body.unit.countsFailedReads) return undefined;
  return { ...place, base: typedPointer(body, place.base, member) };
}

/** The address as a pointer to a kernel record that the verifier lets programs read; faults yield 0. */
export function typedPointer(body: Body, address: Value, { btf, root }: KernelMember): Value {
  const { b, unit } = body;
  return body.once(`typed ${address.id} ${root}`, () => {
    const typeId = unit.target.relocate
      ? b.loadTime({
          kind: "core",
          typeId: unit.types.record(btf, root),
          access: "0",
          coreKind: BPF_CORE.TYPE_ID_TARGET,
        })
      : b.i32(root);
    const effects = { pure: true, reads: [], writes: [] };
    const callee = { kind: "kfunc", name: "bpf_rdonly_cast" } as const;
    const pointer = b.call(callee, [address, typeId], { effects });
    body.typed.set(pointer, "untrusted");
    return pointer;
  });
}

const READERS = {
  kernel: { bytes: "probe_read_kernel", string: "probe_read_kernel_str" },
  user: { bytes: "probe_read_user", string: "probe_read_user_str" },
} as const satisfies Record<string, { bytes: HelperName; string: HelperName }>;

function readers(place: Place): (typeof READERS)["kernel" | "user"] {
  return place.space === "user" ? READERS.user : READERS.kernel;
}

/** Copies bytes by a helper, which leaves zeros where it cannot read. */
export function readMemory(
  body: Body,
  place: Place,
  into: { readonly base: Value; readonly offset: number },
  size: number,
): void {
  const { b } = body;
  const to = addressOf(body, into);
  callReader(body, readers(place).bytes, to, b.i32(size), fieldAddress(body, place));
}

/** Copies a string with its NUL; `size` bytes at most, a constant or a bounded value. Yields the length with the NUL, or an error. */
export function readString(
  body: Body,
  place: Place,
  into: { readonly base: Value; readonly offset: number },
  size: Value,
): Value {
  return callReader(body, readers(place).string, addressOf(body, into), size, fieldAddress(body, place));
}

export function addressOf(body: Body, to: { readonly base: Value; readonly offset: number }): Value {
  return to.offset === 0 ? to.base : body.b.add(to.base, body.b.i64(to.offset));
}

function loadBits(
  body: Body,
  place: Place,
  type: Type,
  bits: NonNullable<RecordField["bits"]>,
  signed: boolean,
): Value {
  const { b, unit } = body;
  const width = widthOf(type);
  const { member } = place;
  let left: Value = b.i64(0);
  let right: Value = b.i64(64 - bits.width);
  let from = place;
  if (member !== undefined && unit.target.relocate) {
    const access = unit.types.access(member.btf, member.root, member.path);
    left = b.loadTime({ kind: "core", ...access, coreKind: BPF_CORE.FIELD_LSHIFT_U64 });
    right = b.loadTime({ kind: "core", ...access, coreKind: BPF_CORE.FIELD_RSHIFT_U64 });
  } else {
    const { byteOffset, bitOffset } = member ? memberBits(member) : { byteOffset: 0, bitOffset: bits.offset };
    if (member !== undefined)
      from = { ...place, offset: place.offset + byteOffset, member: { ...member, path: [] } };
    left = b.i64(64 - bitOffset - bits.width);
  }
  const word = loadWord(body, from, width, "i64", false);
  const value = b.binary(signed ? "ashr" : "lshr", b.binary("shl", word, left), right);
  return isWide(type) ? value : b.convert("trunc", value);
}
