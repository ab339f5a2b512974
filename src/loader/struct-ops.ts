import { BtfKind, essentialName } from "../btf/index.ts";
import type { Btf, BtfMember } from "../btf/index.ts";
import { BpfkitError } from "../errors.ts";
import type { BpfAttr, Fd } from "../kernel/index.ts";
import type { MapSpec, StructOpsSpec } from "../object/index.ts";
import { BPF_F } from "../uapi/index.ts";
import type { KernelType, KernelTypes } from "./kernel-types.ts";

/** A struct_ops map as this kernel has the struct. */
export interface FittedStructOps {
  /** `contents` is the kernel's struct bpf_struct_ops_X, to be written when it is registered. */
  readonly spec: MapSpec & { readonly contents: Uint8Array };
  readonly attr: Partial<BpfAttr["MAP_CREATE"]>;
  /** What PROG_LOAD must know of each program, by name. */
  readonly programs: ReadonlyMap<string, StructOpsProgram>;
  /** Where in `contents` the descriptor of each program goes, as a u64. */
  readonly pointers: readonly { readonly offset: number; readonly program: string }[];
}

export interface StructOpsProgram {
  readonly attach_btf_id: number;
  readonly expected_attach_type: number;
  /** Descriptor of the module's BTF, in the same place of the union. */
  readonly attach_prog_fd: Fd | undefined;
}

/**
 * Moves the members of the object's struct to where the kernel has them.
 * @throws BpfkitError `loader/struct-ops` where the kernel has no such struct, or a member of another kind
 */
export function fitStructOps(
  spec: MapSpec,
  ops: StructOpsSpec,
  local: Btf,
  types: KernelTypes,
): FittedStructOps {
  const name = essentialName(local.name(ops.typeId));
  const wrapper = types.find(`bpf_struct_ops_${name}`, BtfKind.Struct);
  const struct = wrapper?.btf.findByName(name, BtfKind.Struct);
  if (!wrapper || struct === undefined)
    throw failure(spec, `The kernel knows no struct_ops ${name}`, [
      "It may be in a module that is not loaded",
    ]);
  const { btf } = wrapper;
  const data = btf.members(wrapper.id).find(({ type }) => btf.resolve(type) === struct);
  if (!data) throw failure(spec, `The kernel's bpf_struct_ops_${name} does not hold a ${name}`);
  const contents = new Uint8Array(btf.size(wrapper.id));
  const targets = btf.members(struct);
  const programs = new Map<string, StructOpsProgram>();
  const pointers: { offset: number; program: string }[] = [];
  for (const member of local.members(ops.typeId)) {
    const from = member.bitOffset / 8;
    const size = local.size(member.type);
    const bytes = ops.data.subarray(from, from + size);
    const program = ops.programs.find(({ offset }) => offset === from)?.name;
    const index = targets.findIndex((target) => target.name === member.name);
    const target = targets[index];
    if (!target) {
      // What an older kernel does not have may stay unset.
      if (program === undefined && bytes.every((byte) => byte === 0)) continue;
      throw failure(spec, `The kernel's ${name} has no member ${member.name}`);
    }
    checkAlike(spec, { btf: local, member }, { btf, member: target });
    const to = data.bitOffset / 8 + target.bitOffset / 8;
    if (program === undefined) {
      if (!isPointer(local, member)) contents.set(bytes, to);
      continue;
    }
    pointers.push({ offset: to, program });
    programs.set(program, programOf(wrapper, struct, index));
  }
  const module = wrapper.module === 0 ? undefined : wrapper.module;
  return {
    spec: { ...spec, valueSize: contents.length, contents },
    attr: {
      btf_vmlinux_value_type_id: wrapper.id,
      value_type_btf_obj_fd: module,
      map_flags: spec.flags | (module === undefined ? 0 : BPF_F.VTYPE_BTF_OBJ_FD),
    },
    programs,
    pointers,
  };
}

interface MemberOf {
  readonly btf: Btf;
  readonly member: BtfMember;
}

function checkAlike(spec: MapSpec, ours: MemberOf, theirs: MemberOf): void {
  const { name } = ours.member;
  if (ours.member.bitSize !== 0 || theirs.member.bitSize !== 0)
    throw failure(spec, `Member ${name} is a bit field, which struct_ops cannot set`);
  const [kind, target] = [ours, theirs].map(({ btf, member }) => btf.kind(btf.resolve(member.type)));
  const size = ours.btf.size(ours.member.type);
  if (kind !== target || size !== theirs.btf.size(theirs.member.type))
    throw failure(spec, `Member ${name} is of another type in the kernel`);
}

function isPointer(btf: Btf, { type }: BtfMember): boolean {
  return btf.kind(btf.resolve(type)) === BtfKind.Ptr;
}

function programOf(
  { module }: KernelType,
  attach_btf_id: number,
  expected_attach_type: number,
): StructOpsProgram {
  return { attach_btf_id, expected_attach_type, attach_prog_fd: module === 0 ? undefined : module };
}

function failure({ name }: MapSpec, why: string, hints: readonly string[] = []): BpfkitError {
  return new BpfkitError(`Map ${name}: ${why[0]!.toLowerCase()}${why.slice(1)}`, {
    code: "loader/struct-ops",
    hints,
  });
}
