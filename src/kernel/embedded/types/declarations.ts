import { BtfIntEncoding } from "../../../btf/index.ts";
import { BPF_ATTACH_TYPE, BPF_LINK_TYPE, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../../uapi/index.ts";

// The world that programs see behind pointers: the kernel's structs with the members that are filled in: of tasks
// (include/linux/sched.h and its neighbours) what /proc tells, and BPF's own objects. Names are the kernel's; offsets
// are ours, which programs learn from the BTF that is made of this.

/** Member by member: name, then its type as C writes it: a scalar, a struct, `struct *`, `char[N]`. */
export type StructDeclaration = readonly (readonly [name: string, type: string])[];

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
  qstr: [
    ["len", "u32"],
    ["name", "const unsigned char *"],
  ],
  super_block: [["s_dev", "u32"]],
  inode: [
    ["i_mode", "umode_t"],
    ["i_uid", "kuid_t"],
    ["i_gid", "kgid_t"],
    ["i_rdev", "u32"],
    ["i_sb", "super_block *"],
    ["i_ino", "unsigned long"],
    ["i_size", "s64"],
  ],
  dentry: [
    ["d_name", "qstr"],
    ["d_inode", "inode *"],
  ],
  path: [["dentry", "dentry *"]],
  file: [
    ["f_flags", "unsigned int"],
    ["f_pos", "s64"],
    ["f_inode", "inode *"],
    ["f_path", "path"],
  ],
  vm_area_struct: [
    ["vm_start", "unsigned long"],
    ["vm_end", "unsigned long"],
    ["vm_mm", "mm_struct *"],
    ["vm_flags", "unsigned long"],
    ["vm_pgoff", "unsigned long"],
    ["vm_file", "file *"],
  ],
  atomic64_t: [["counter", "s64"]],
  bpf_map: [
    ["map_type", "bpf_map_type"],
    ["key_size", "u32"],
    ["value_size", "u32"],
    ["max_entries", "u32"],
    ["map_extra", "u64"],
    ["map_flags", "u32"],
    ["id", "u32"],
    ["name", "char[16]"],
    ["refcnt", "atomic64_t"],
  ],
  bpf_prog_aux: [
    ["refcnt", "atomic64_t"],
    ["used_map_cnt", "u32"],
    ["attach_btf_id", "u32"],
    ["id", "u32"],
    ["load_time", "u64"],
    ["name", "char[16]"],
    ["attach_func_name", "const char *"],
    ["verified_insns", "u32"],
  ],
  bpf_prog: [
    ["type", "bpf_prog_type"],
    ["expected_attach_type", "bpf_attach_type"],
    ["len", "u32"],
    ["tag", "u8[8]"],
    ["aux", "bpf_prog_aux *"],
  ],
  bpf_link: [
    ["refcnt", "atomic64_t"],
    ["id", "u32"],
    ["type", "bpf_link_type"],
    ["prog", "bpf_prog *"],
  ],
  seq_file: [
    ["size", "size_t"],
    ["count", "size_t"],
  ],
  bpf_iter_meta: [
    ["seq", "seq_file *"],
    ["session_id", "u64"],
    ["seq_num", "u64"],
  ],
};

export const SCALARS: Readonly<Record<string, { readonly size: number; readonly encoding: number }>> = {
  "unsigned int": { size: 4, encoding: 0 },
  int: { size: 4, encoding: BtfIntEncoding.Signed },
  "unsigned long": { size: 8, encoding: 0 },
  long: { size: 8, encoding: BtfIntEncoding.Signed },
  char: { size: 1, encoding: BtfIntEncoding.Signed },
  "unsigned char": { size: 1, encoding: 0 },
  "unsigned short": { size: 2, encoding: 0 },
  bool: { size: 1, encoding: BtfIntEncoding.Bool },
};
/** Enumerations of the ABI, and how their enumerators' names begin. */
export const ENUMS: Readonly<
  Record<string, readonly [prefix: string, values: Readonly<Record<string, number>>]>
> = {
  bpf_map_type: ["BPF_MAP_TYPE_", BPF_MAP_TYPE],
  bpf_prog_type: ["BPF_PROG_TYPE_", BPF_PROG_TYPE],
  bpf_attach_type: ["BPF_", BPF_ATTACH_TYPE],
  bpf_link_type: ["BPF_LINK_TYPE_", BPF_LINK_TYPE],
};
/** Names for scalars. */
export const TYPEDEFS: Readonly<Record<string, string>> = {
  u8: "unsigned char",
  u32: "unsigned int",
  u64: "unsigned long",
  s64: "long",
  size_t: "unsigned long",
  umode_t: "unsigned short",
  pid_t: "int",
  uid_t: "unsigned int",
  gid_t: "unsigned int",
};
/** Typedefs of structs without a name, in C; here the struct has it, and the typedef too. */
export const STRUCT_TYPEDEFS: ReadonlySet<string> = new Set([
  "kuid_t",
  "kgid_t",
  "kernel_cap_t",
  "atomic64_t",
]);
