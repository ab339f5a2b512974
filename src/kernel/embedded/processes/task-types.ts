import { BtfBuilder, BtfIntEncoding, BtfLinkage } from "../../../btf/index.ts";
import { RAW_TRACEPOINTS } from "./tracepoints.ts";

// The world that programs see behind curtask: the structs of include/linux/sched.h and its neighbours, with the
// members that /proc tells. Names are the kernel's; offsets are ours, which programs learn from this BTF.

/** Member by member: name, then its type as C writes it: a scalar, a struct, `struct *`, `char[N]`. */
type StructDeclaration = readonly (readonly [name: string, type: string])[];

export const STRUCTS: Readonly<Record<string, StructDeclaration>> = {
  kuid_t: [["val", "uid_t"]],
  kgid_t: [["val", "gid_t"]],
  ns_common: [["inum", "unsigned int"]],
  new_utsname: [
    ["sysname", "char[65]"],
    ["nodename", "char[65]"],
    ["release", "char[65]"],
    ["version", "char[65]"],
    ["machine", "char[65]"],
    ["domainname", "char[65]"],
  ],
  uts_namespace: [
    ["name", "new_utsname"],
    ["ns", "ns_common"],
  ],
  ipc_namespace: [["ns", "ns_common"]],
  mnt_namespace: [["ns", "ns_common"]],
  pid_namespace: [
    ["level", "unsigned int"],
    ["ns", "ns_common"],
  ],
  net: [["ns", "ns_common"]],
  time_namespace: [["ns", "ns_common"]],
  cgroup_namespace: [["ns", "ns_common"]],
  user_namespace: [["ns", "ns_common"]],
  nsproxy: [
    ["uts_ns", "uts_namespace *"],
    ["ipc_ns", "ipc_namespace *"],
    ["mnt_ns", "mnt_namespace *"],
    ["pid_ns_for_children", "pid_namespace *"],
    ["net_ns", "net *"],
    ["time_ns", "time_namespace *"],
    ["cgroup_ns", "cgroup_namespace *"],
  ],
  kernel_cap_t: [["val", "u64"]],
  cred: [
    ["uid", "kuid_t"],
    ["gid", "kgid_t"],
    ["suid", "kuid_t"],
    ["sgid", "kgid_t"],
    ["euid", "kuid_t"],
    ["egid", "kgid_t"],
    ["fsuid", "kuid_t"],
    ["fsgid", "kgid_t"],
    ["cap_inheritable", "kernel_cap_t"],
    ["cap_permitted", "kernel_cap_t"],
    ["cap_effective", "kernel_cap_t"],
    ["cap_bset", "kernel_cap_t"],
    ["cap_ambient", "kernel_cap_t"],
    ["user_ns", "user_namespace *"],
  ],
  kernfs_node: [
    ["name", "const char *"],
    ["id", "u64"],
  ],
  cgroup: [
    ["level", "int"],
    ["kn", "kernfs_node *"],
  ],
  css_set: [["dfl_cgrp", "cgroup *"]],
  fdtable: [["max_fds", "unsigned int"]],
  files_struct: [
    ["count", "int"],
    ["fdt", "fdtable *"],
  ],
  mm_struct: [
    ["start_code", "unsigned long"],
    ["end_code", "unsigned long"],
    ["start_stack", "unsigned long"],
    ["start_data", "unsigned long"],
    ["end_data", "unsigned long"],
    ["start_brk", "unsigned long"],
    ["arg_start", "unsigned long"],
    ["arg_end", "unsigned long"],
    ["env_start", "unsigned long"],
    ["env_end", "unsigned long"],
    ["total_vm", "unsigned long"],
  ],
  linux_binprm: [["filename", "const char *"]],
  // x86-64's; arm64 has other names.
  pt_regs: "r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp ss"
    .split(" ")
    .map((name) => [name, "unsigned long"] as const),
  task_struct: [
    ["__state", "unsigned int"],
    ["flags", "unsigned int"],
    ["on_cpu", "int"],
    ["prio", "int"],
    ["static_prio", "int"],
    ["normal_prio", "int"],
    ["exit_signal", "int"],
    ["pid", "pid_t"],
    ["tgid", "pid_t"],
    ["real_parent", "task_struct *"],
    ["parent", "task_struct *"],
    ["group_leader", "task_struct *"],
    ["utime", "u64"],
    ["stime", "u64"],
    ["nvcsw", "unsigned long"],
    ["nivcsw", "unsigned long"],
    ["start_time", "u64"],
    ["start_boottime", "u64"],
    ["min_flt", "unsigned long"],
    ["maj_flt", "unsigned long"],
    ["real_cred", "const cred *"],
    ["cred", "const cred *"],
    ["comm", "char[16]"],
    ["mm", "mm_struct *"],
    ["files", "files_struct *"],
    ["nsproxy", "nsproxy *"],
    ["cgroups", "css_set *"],
  ],
};

/** Where a member lies, bytes. Members of members by a path: `uid.val`. */
export interface MemberPlace {
  readonly offset: number;
  readonly size: number;
}

export interface StructPlace {
  readonly size: number;
  readonly members: ReadonlyMap<string, MemberPlace>;
}

const SCALARS: Readonly<Record<string, { readonly size: number; readonly encoding: number }>> = {
  "unsigned int": { size: 4, encoding: 0 },
  int: { size: 4, encoding: BtfIntEncoding.Signed },
  "unsigned long": { size: 8, encoding: 0 },
  long: { size: 8, encoding: BtfIntEncoding.Signed },
  char: { size: 1, encoding: BtfIntEncoding.Signed },
  bool: { size: 1, encoding: BtfIntEncoding.Bool },
};
const TYPEDEFS: Readonly<Record<string, string>> = {
  u32: "unsigned int",
  u64: "unsigned long",
  pid_t: "int",
  uid_t: "unsigned int",
  gid_t: "unsigned int",
};
/** Typedefs of structs without a name, in C; here the struct has it, and the typedef too. */
const STRUCT_TYPEDEFS: ReadonlySet<string> = new Set(["kuid_t", "kgid_t", "kernel_cap_t"]);

/** Sizes and places of all structs, in the order of their declaration: members that are structs come first. */
export function placeStructs(): ReadonlyMap<string, StructPlace> {
  const places = new Map<string, StructPlace>();
  for (const [name, members] of Object.entries(STRUCTS)) {
    const found = new Map<string, MemberPlace>();
    let offset = 0;
    let widest = 1;
    for (const [member, type] of members) {
      const { size, alignment } = sizeOf(type, places);
      offset = Math.ceil(offset / alignment) * alignment;
      found.set(member, { offset, size });
      for (const [inner, place] of places.get(type)?.members ?? [])
        found.set(`${member}.${inner}`, { offset: offset + place.offset, size: place.size });
      offset += size;
      widest = Math.max(widest, alignment);
    }
    places.set(name, { size: Math.ceil(offset / widest) * widest, members: found });
  }
  return places;
}

function sizeOf(
  type: string,
  places: ReadonlyMap<string, StructPlace>,
): { readonly size: number; readonly alignment: number } {
  if (type.endsWith("*")) return { size: 8, alignment: 8 };
  const [, length] = /^char\[(\d+)\]$/.exec(type) ?? [];
  if (length !== undefined) return { size: Number(length), alignment: 1 };
  const scalar = SCALARS[TYPEDEFS[type] ?? type];
  if (scalar) return { size: scalar.size, alignment: scalar.size };
  const struct = places.get(type);
  if (!struct) throw new Error(`No type ${type}`);
  return { size: struct.size, alignment: 8 };
}

/** The types as BTF. */
export function taskBtf(): Uint8Array {
  const builder = new BtfBuilder();
  const scalars = new Map<string, number>();
  for (const [name, { size, encoding }] of Object.entries(SCALARS))
    scalars.set(name, builder.int(name, size, encoding));
  for (const [name, target] of Object.entries(TYPEDEFS))
    scalars.set(name, builder.typedef(name, scalars.get(target)!));
  const places = placeStructs();
  // Pointers refer to structs that are not there yet: ids are given out first.
  const names = Object.keys(STRUCTS);
  const index = builder.int("__ARRAY_SIZE_TYPE__", 4);
  const pointers = new Map<string, number>();
  const arrays = new Map<string, number>();
  const types = [...Object.values(STRUCTS), ...Object.values(RAW_TRACEPOINTS)].flatMap((members) =>
    members.map(([, type]) => type),
  );
  const targets = [...new Set(types.filter((type) => type.endsWith("*")))];
  const lengths = [...new Set(types.filter((type) => type.startsWith("char[")))];
  const firstStruct = builder.nextId + lengths.length + targets.length;
  const structId = (name: string): number => firstStruct + names.indexOf(name);
  for (const type of lengths)
    arrays.set(type, builder.array(scalars.get("char")!, index, Number(/\d+/.exec(type)?.[0])));
  for (const type of targets) {
    const name = type.replace(/^const /, "").slice(0, -2);
    pointers.set(type, builder.pointer(scalars.get(name) ?? structId(name)));
  }
  for (const [name, members] of Object.entries(STRUCTS)) {
    const place = places.get(name)!;
    builder.struct(
      name,
      place.size,
      members.map(([member, type]) => ({
        name: member,
        type: pointers.get(type) ?? arrays.get(type) ?? scalars.get(type) ?? structId(type),
        bitOffset: place.members.get(member)!.offset * 8,
        bitSize: 0,
      })),
    );
  }
  const typeId = (type: string): number => pointers.get(type) ?? scalars.get(type) ?? 0;
  for (const [event, args] of Object.entries(RAW_TRACEPOINTS)) {
    // The first parameter is the tracer's own: include/linux/tracepoint.h, __DECLARE_TRACE.
    const params = [
      ["__data", builder.pointer(0)] as const,
      ...args.map(([name, type]) => [name, typeId(type)] as const),
    ];
    const prototype = builder.prototype(
      0,
      params.map(([name, type]) => ({ name, type })),
    );
    builder.func(`__traceiter_${event}`, prototype, BtfLinkage.Static);
    builder.typedef(`btf_trace_${event}`, builder.pointer(prototype));
  }
  for (const name of STRUCT_TYPEDEFS) builder.typedef(name, structId(name));
  return builder.encode();
}
