import type { BPF_ATTR, BpfAttrField, BpfCommandName } from "../uapi/index.ts";
import type { Fd } from "./fd.ts";

/**
 * What each bpf(2) command takes and answers, as data: the argument types of {@link Kernel.bpf} are derived
 * from these rows, and `kernel/linux` marshals by them. Field names are the kernel's own, verbatim
 * (include/uapi/linux/bpf.h); where they lie in union bpf_attr is `uapi`'s.
 */

/**
 * `u32`, `s32`, `u64`: a number. `fd`: a file descriptor. `name`: char[16], NUL-terminated. `string`: pointer
 * to a NUL-terminated text; `strings`: to an array of such pointers. `bytes`: pointer to a buffer, read or
 * filled by the kernel. `!` marks a field that must be given; `out` one that the kernel writes.
 */
type ScalarKind = "u32" | "s32" | "u64" | "fd" | "name" | "string" | "strings" | "bytes";

/**
 * A pair is never given by the caller: it is the length of that buffer in elements of that many bytes, so
 * that the kernel cannot be told to write behind a buffer.
 */
export type AttrFieldKind =
  | ScalarKind
  | `${ScalarKind}!`
  | "out"
  | readonly [buffer: string, elementSize: number];

export interface BpfCommandRow {
  readonly fields: Readonly<Record<string, AttrFieldKind>>;
  /**
   * `found`: false stands for ENOENT. `id`: the next id, undefined behind the last one. `batch`: how many
   * elements moved, and whether the map's end was met. `count`: the call's own result. `outputs`: the named
   * fields, read back.
   */
  readonly returns: "none" | "fd" | "found" | "id" | "batch" | "count" | "outputs";
  readonly outputs?: readonly string[];
}

export const bpfCommands = {
  MAP_CREATE: {
    returns: "fd",
    fields: {
      map_type: "u32!",
      key_size: "u32!",
      value_size: "u32!",
      max_entries: "u32!",
      map_flags: "u32",
      inner_map_fd: "fd",
      numa_node: "u32",
      map_name: "name",
      map_ifindex: "u32",
      btf_fd: "fd",
      btf_key_type_id: "u32",
      btf_value_type_id: "u32",
      btf_vmlinux_value_type_id: "u32",
      map_extra: "u64",
      value_type_btf_obj_fd: "fd",
      map_token_fd: "fd",
      excl_prog_hash: "bytes",
      excl_prog_hash_size: ["excl_prog_hash", 1],
    },
  },
  MAP_LOOKUP_ELEM: {
    returns: "found",
    fields: { map_fd: "fd!", key: "bytes", value: "bytes!", flags: "u64" },
  },
  MAP_UPDATE_ELEM: {
    returns: "none",
    fields: { map_fd: "fd!", key: "bytes", value: "bytes!", flags: "u64" },
  },
  MAP_DELETE_ELEM: {
    returns: "found",
    fields: { map_fd: "fd!", key: "bytes!" },
  },
  MAP_GET_NEXT_KEY: {
    returns: "found",
    fields: { map_fd: "fd!", key: "bytes", next_key: "bytes!" },
  },
  PROG_LOAD: {
    returns: "fd",
    fields: {
      prog_type: "u32!",
      insn_cnt: ["insns", 8],
      insns: "bytes!",
      license: "string!",
      log_level: "u32",
      log_size: ["log_buf", 1],
      log_buf: "bytes",
      kern_version: "u32",
      prog_flags: "u32",
      prog_name: "name",
      prog_ifindex: "u32",
      expected_attach_type: "u32",
      prog_btf_fd: "fd",
      func_info_rec_size: "u32",
      func_info: "bytes",
      func_info_cnt: "u32",
      line_info_rec_size: "u32",
      line_info: "bytes",
      line_info_cnt: "u32",
      attach_btf_id: "u32",
      /** Of a program (freplace, fentry of BPF) or of a module's BTF object. */
      attach_prog_fd: "fd",
      core_relo_cnt: "u32",
      fd_array: "bytes",
      core_relos: "bytes",
      core_relo_rec_size: "u32",
      log_true_size: "out",
      prog_token_fd: "fd",
      fd_array_cnt: "u32",
      signature: "bytes",
      signature_size: ["signature", 1],
      keyring_id: "s32",
    },
  },
  OBJ_PIN: {
    returns: "none",
    fields: { pathname: "string!", bpf_fd: "fd!", file_flags: "u32", path_fd: "fd" },
  },
  OBJ_GET: {
    returns: "fd",
    fields: { pathname: "string!", file_flags: "u32", path_fd: "fd" },
  },
  PROG_ATTACH: {
    returns: "none",
    fields: {
      /** Or an interface index. */
      target_fd: "u32!",
      attach_bpf_fd: "fd!",
      attach_type: "u32!",
      attach_flags: "u32",
      replace_bpf_fd: "fd",
      /** A file descriptor, or an id under BPF_F_ID. */
      relative_fd: "u32",
      expected_revision: "u64",
    },
  },
  PROG_DETACH: {
    returns: "none",
    fields: {
      target_fd: "u32!",
      attach_bpf_fd: "fd",
      attach_type: "u32!",
      attach_flags: "u32",
      relative_fd: "u32",
      expected_revision: "u64",
    },
  },
  PROG_TEST_RUN: {
    returns: "outputs",
    outputs: ["retval", "duration", "data_size_out", "ctx_size_out"],
    fields: {
      prog_fd: "fd!",
      retval: "out",
      data_size_in: ["data_in", 1],
      data_size_out: ["data_out", 1],
      data_in: "bytes",
      data_out: "bytes",
      repeat: "u32",
      duration: "out",
      ctx_size_in: ["ctx_in", 1],
      ctx_size_out: ["ctx_out", 1],
      ctx_in: "bytes",
      ctx_out: "bytes",
      flags: "u32",
      cpu: "u32",
      batch_size: "u32",
    },
  },
  PROG_GET_NEXT_ID: { returns: "id", fields: { start_id: "u32!", next_id: "out" } },
  MAP_GET_NEXT_ID: { returns: "id", fields: { start_id: "u32!", next_id: "out" } },
  PROG_GET_FD_BY_ID: {
    returns: "fd",
    fields: { prog_id: "u32!", open_flags: "u32", fd_by_id_token_fd: "fd" },
  },
  MAP_GET_FD_BY_ID: {
    returns: "fd",
    fields: { map_id: "u32!", open_flags: "u32", fd_by_id_token_fd: "fd" },
  },
  OBJ_GET_INFO_BY_FD: {
    returns: "outputs",
    outputs: ["info_len"],
    fields: { bpf_fd: "fd!", info_len: ["info", 1], info: "bytes!" },
  },
  PROG_QUERY: {
    returns: "outputs",
    outputs: ["attach_flags", "prog_cnt", "revision"],
    fields: {
      target_fd: "u32!",
      attach_type: "u32!",
      query_flags: "u32",
      attach_flags: "out",
      prog_ids: "bytes",
      prog_cnt: ["prog_ids", 4],
      prog_attach_flags: "bytes",
      link_ids: "bytes",
      link_attach_flags: "bytes",
      revision: "out",
    },
  },
  RAW_TRACEPOINT_OPEN: {
    returns: "fd",
    fields: { name: "string", prog_fd: "fd!", cookie: "u64" },
  },
  BTF_LOAD: {
    returns: "fd",
    fields: {
      btf: "bytes!",
      btf_log_buf: "bytes",
      btf_size: ["btf", 1],
      btf_log_size: ["btf_log_buf", 1],
      btf_log_level: "u32",
      btf_log_true_size: "out",
      btf_flags: "u32",
      btf_token_fd: "fd",
    },
  },
  BTF_GET_FD_BY_ID: {
    returns: "fd",
    fields: { btf_id: "u32!", fd_by_id_token_fd: "fd" },
  },
  TASK_FD_QUERY: {
    returns: "outputs",
    outputs: ["buf_len", "prog_id", "fd_type", "probe_offset", "probe_addr"],
    fields: {
      pid: "u32!",
      fd: "u32!",
      flags: "u32",
      buf_len: ["buf", 1],
      buf: "bytes",
      prog_id: "out",
      fd_type: "out",
      probe_offset: "out",
      probe_addr: "out",
    },
  },
  MAP_LOOKUP_AND_DELETE_ELEM: {
    returns: "found",
    fields: { map_fd: "fd!", key: "bytes", value: "bytes!", flags: "u64" },
  },
  MAP_FREEZE: { returns: "none", fields: { map_fd: "fd!" } },
  BTF_GET_NEXT_ID: { returns: "id", fields: { start_id: "u32!", next_id: "out" } },
  MAP_LOOKUP_BATCH: {
    returns: "batch",
    fields: {
      in_batch: "bytes",
      out_batch: "bytes!",
      keys: "bytes!",
      values: "bytes!",
      count: "u32!",
      map_fd: "fd!",
      elem_flags: "u64",
    },
  },
  MAP_LOOKUP_AND_DELETE_BATCH: {
    returns: "batch",
    fields: {
      in_batch: "bytes",
      out_batch: "bytes!",
      keys: "bytes!",
      values: "bytes!",
      count: "u32!",
      map_fd: "fd!",
      elem_flags: "u64",
    },
  },
  MAP_UPDATE_BATCH: {
    returns: "batch",
    fields: {
      keys: "bytes!",
      values: "bytes!",
      count: "u32!",
      map_fd: "fd!",
      elem_flags: "u64",
    },
  },
  MAP_DELETE_BATCH: {
    returns: "batch",
    fields: { keys: "bytes!", count: "u32!", map_fd: "fd!", elem_flags: "u64" },
  },
  LINK_CREATE: {
    returns: "fd",
    fields: {
      /** Of a program, or of a struct_ops map. */
      prog_fd: "fd!",
      /** A file descriptor or an interface index. */
      target_fd: "u32",
      attach_type: "u32!",
      flags: "u32",
      target_btf_id: "u32",
      "tracing.cookie": "u64",
      iter_info: "bytes",
      iter_info_len: ["iter_info", 1],
      "perf_event.bpf_cookie": "u64",
      "kprobe_multi.flags": "u32",
      "kprobe_multi.cnt": "u32",
      "kprobe_multi.syms": "strings",
      "kprobe_multi.addrs": "bytes",
      "kprobe_multi.cookies": "bytes",
      "netfilter.pf": "u32",
      "netfilter.hooknum": "u32",
      "netfilter.priority": "s32",
      "netfilter.flags": "u32",
      /** tcx, netkit and cgroup links lie alike: a file descriptor, or an id under BPF_F_ID. */
      "tcx.relative_fd": "u32",
      "tcx.expected_revision": "u64",
      "uprobe_multi.path": "string",
      "uprobe_multi.offsets": "bytes",
      "uprobe_multi.ref_ctr_offsets": "bytes",
      "uprobe_multi.cookies": "bytes",
      "uprobe_multi.cnt": "u32",
      "uprobe_multi.flags": "u32",
      "uprobe_multi.pid": "u32",
      /** u32 each. */
      "tracing_multi.ids": "bytes",
      "tracing_multi.cookies": "bytes",
      "tracing_multi.cnt": "u32",
    },
  },
  LINK_UPDATE: {
    returns: "none",
    fields: { link_fd: "fd!", new_prog_fd: "fd!", flags: "u32", old_prog_fd: "fd" },
  },
  LINK_GET_FD_BY_ID: {
    returns: "fd",
    fields: { link_id: "u32!", fd_by_id_token_fd: "fd" },
  },
  LINK_GET_NEXT_ID: { returns: "id", fields: { start_id: "u32!", next_id: "out" } },
  ENABLE_STATS: { returns: "fd", fields: { type: "u32!" } },
  ITER_CREATE: { returns: "fd", fields: { link_fd: "fd!", flags: "u32" } },
  LINK_DETACH: { returns: "none", fields: { link_fd: "fd!" } },
  PROG_BIND_MAP: {
    returns: "none",
    fields: { prog_fd: "fd!", map_fd: "fd!", flags: "u32" },
  },
  TOKEN_CREATE: { returns: "fd", fields: { flags: "u32", bpffs_fd: "fd!" } },
  PROG_STREAM_READ_BY_FD: {
    returns: "count",
    fields: {
      stream_buf: "bytes!",
      stream_buf_len: ["stream_buf", 1],
      stream_id: "u32!",
      prog_fd: "fd!",
    },
  },
  PROG_ASSOC_STRUCT_OPS: {
    returns: "none",
    fields: { map_fd: "fd!", prog_fd: "fd!", flags: "u32" },
  },
} as const;

// Rows name only what union bpf_attr has.
bpfCommands satisfies {
  readonly [C in BpfCommandName]: BpfCommandRow & {
    readonly fields: { readonly [F in BpfAttrField<C>]?: AttrFieldKind };
    readonly outputs?: readonly BpfAttrField<C>[];
  };
};

/**
 * Commands of bpf(2) by their names without BPF_.
 */
export type BpfCommand = BpfCommandName;

interface ValueOf {
  u32: number;
  s32: number;
  u64: bigint;
  fd: Fd;
  name: string;
  string: string;
  strings: readonly string[];
  bytes: Uint8Array;
}

type Fields<C extends BpfCommand> = (typeof bpfCommands)[C]["fields"];
type KeysOf<F, Kind> = { [K in keyof F]: F[K] extends Kind ? K : never }[keyof F];
type FieldValue<K> = K extends `${infer S extends ScalarKind}!`
  ? ValueOf[S]
  : K extends ScalarKind
    ? ValueOf[K]
    : never;

/** The argument of each command. */
export type BpfAttr = {
  readonly [C in BpfCommand]: {
    readonly [K in KeysOf<Fields<C>, `${ScalarKind}!`>]: FieldValue<Fields<C>[K]>;
  } & {
    readonly [K in KeysOf<Fields<C>, ScalarKind>]?: FieldValue<Fields<C>[K]> | undefined;
  };
};

type OutputOf<C extends BpfCommand> = (typeof bpfCommands)[C] extends {
  readonly outputs: readonly (infer N extends BpfAttrField<C>)[];
}
  ? {
      readonly [F in N]: (typeof BPF_ATTR)[C]["fields"][F] extends { readonly kind: "u64" } ? bigint : number;
    }
  : never;

interface ResultOf<C extends BpfCommand> {
  none: void;
  fd: Fd;
  found: boolean;
  id: number | undefined;
  batch: { readonly count: number; readonly end: boolean };
  count: number;
  outputs: OutputOf<C>;
}

/** What each command answers; see {@link BpfCommandRow.returns}. */
export type BpfResult = {
  readonly [C in BpfCommand]: ResultOf<C>[(typeof bpfCommands)[C]["returns"]];
};
