import type { Insn } from "../isa/index.ts";

/**
 * The blueprint of what is to be loaded: programs, maps, BTF and relocations. It is a pure function of
 * its input (a script, an ELF file) and the same on every machine; everything that depends on the
 * running kernel (file descriptors, field offsets, features) is decided by `loader`.
 */
export interface ObjectSpec {
  readonly license: string;
  readonly maps: readonly MapSpec[];
  readonly programs: readonly ProgramSpec[];
  /** Raw BTF blob (header, types, strings) that program and map type ids refer to. */
  readonly btf?: Uint8Array;
  /** Kernel build options that the loader writes into the only value of map `.kconfig`. */
  readonly kconfig?: readonly KconfigVariable[];
}

export interface KconfigVariable {
  /** `CONFIG_HZ`, or `LINUX_KERNEL_VERSION` and the like, which are no options but facts about the kernel. */
  readonly name: string;
  /** Bytes. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  readonly type: "bool" | "tristate" | "char" | "signed" | "unsigned" | "string";
  /** 0 where the kernel does not say; otherwise not knowing is an error. */
  readonly weak?: boolean;
}

/** A map that is to be created. */
export interface MapSpec {
  readonly name: string;
  /** BPF_MAP_TYPE_* number. */
  readonly type: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes. */
  readonly valueSize: number;
  /** 0 means: one for each possible CPU (perf event arrays). */
  readonly maxEntries: number;
  readonly flags: number;
  readonly btfKeyTypeId?: number;
  readonly btfValueTypeId?: number;
  readonly extra?: bigint;
  /** Where the kernel takes the memory from, with the flag BPF_F.NUMA_NODE. */
  readonly numaNode?: number;
  /** First bytes of a global data section's only value; frozen after load when `frozen`. */
  readonly contents?: Uint8Array;
  readonly frozen?: boolean;
  /** LIBBPF_PIN_BY_NAME. */
  readonly pinByName?: boolean;
  readonly inner?: MapSpec;
  /** False: not made unless asked for, as `?.struct_ops`. */
  readonly autocreate?: boolean;
  /** BPF_MAP_TYPE_STRUCT_OPS: programs that take the places of a kernel struct's function pointers. */
  readonly structOps?: StructOpsSpec;
  /** Static initialisers of map-in-map and program arrays: slot to map or program name. */
  readonly slots?: readonly { readonly index: number; readonly name: string }[];
}

export interface StructOpsSpec {
  /** Struct in the object's BTF; the kernel's has its name without `___flavour`. */
  readonly typeId: number;
  /** First bytes of that struct. */
  readonly data: Uint8Array;
  /** Which program is called through the pointer at `offset`, in bytes. */
  readonly programs: readonly { readonly offset: number; readonly name: string }[];
}

/** A program that is to be loaded. */
export interface ProgramSpec {
  readonly name: string;
  /** ELF section it came from or goes to, as `tracepoint/syscalls/sys_enter_execve`. */
  readonly section: string;
  /** BPF_PROG_TYPE_* number. */
  readonly type: number;
  /** BPF_* attach type number. */
  readonly expectedAttachType?: number;
  /** What it attaches to, where the kernel must know at load: a BTF function or tracepoint name. */
  readonly attachTarget?: string;
  readonly flags?: number;
  readonly autoload?: boolean;
  /** One element per 8-byte slot; ldimm64 takes two. Subprograms follow the main function. */
  readonly insns: readonly Insn[];
  readonly relocations: readonly Relocation[];
  readonly functions: readonly FunctionInfo[];
  readonly lines: readonly LineInfo[];
}

/** `insn` is the slot index, counted in 8-byte slots from the program's start. */
export type Relocation =
  /** ldimm64 of a map's file descriptor, or (with `offset`) of an address in its first value. */
  | { readonly kind: "map"; readonly insn: number; readonly map: string; readonly offset?: number }
  /** bpf-to-bpf call or callback address within the same program. */
  | { readonly kind: "function"; readonly insn: number; readonly target: number }
  /** CO-RE: the instruction's offset or immediate depends on the kernel's types. */
  | {
      readonly kind: "core";
      readonly insn: number;
      /** Type id in the object's BTF. */
      readonly typeId: number;
      /** `0:1:2`, see bpf_core_relo in the kernel's uapi bpf.h. */
      readonly access: string;
      /** bpf_core_relo_kind number. */
      readonly coreKind: number;
    }
  /** Offset, size or sign of a tracepoint record's field, from the kernel's own format file. */
  | {
      readonly kind: "tracepoint";
      readonly insn: number;
      /** `syscalls:sys_enter_execve`. */
      readonly tracepoint: string;
      readonly field: string;
    }
  /** Kernel function called by BTF id. */
  | { readonly kind: "kfunc"; readonly insn: number; readonly name: string; readonly weak?: boolean }
  /** ldimm64 of a kernel symbol's address (untyped) or per-CPU variable (typed). */
  | {
      readonly kind: "ksym";
      readonly insn: number;
      readonly name: string;
      readonly typed: boolean;
      /** What the object declares the symbol as, in its own BTF; absent: any type will do. */
      readonly typeId?: number;
      readonly weak?: boolean;
    }
  /** ldimm64 of a table that `gotox` jumps through: slots of this program, by index. */
  | { readonly kind: "jumpTable"; readonly insn: number; readonly targets: readonly number[] };

/** struct bpf_func_info. */
export interface FunctionInfo {
  readonly insn: number;
  readonly typeId: number;
}

/** struct bpf_line_info, with strings in place of offsets. */
export interface LineInfo {
  readonly insn: number;
  readonly file: string;
  readonly text: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}
