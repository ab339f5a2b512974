import { closeSync, constants, openSync } from "node:fs";
import { SyscallError } from "../kernel/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { BPF_ATTACH_TYPE, ERRNO } from "../uapi/index.ts";
import { readU32s } from "./struct-reader.ts";

/** A program attached to a cgroup. */
export interface CgroupProgram {
  readonly id: number;
  /** BPF_ATTACH_TYPE number. */
  readonly attachType: number;
  /** BPF_ATTACH_FLAG bits; 0 for effective lists. */
  readonly flags: number;
}

/** In the order in which they are shown. */
const CGROUP_TYPES: readonly number[] = [
  BPF_ATTACH_TYPE.CGROUP_INET_INGRESS,
  BPF_ATTACH_TYPE.CGROUP_INET_EGRESS,
  BPF_ATTACH_TYPE.CGROUP_INET_SOCK_CREATE,
  BPF_ATTACH_TYPE.CGROUP_INET_SOCK_RELEASE,
  BPF_ATTACH_TYPE.CGROUP_INET4_BIND,
  BPF_ATTACH_TYPE.CGROUP_INET6_BIND,
  BPF_ATTACH_TYPE.CGROUP_INET4_POST_BIND,
  BPF_ATTACH_TYPE.CGROUP_INET6_POST_BIND,
  BPF_ATTACH_TYPE.CGROUP_INET4_CONNECT,
  BPF_ATTACH_TYPE.CGROUP_INET6_CONNECT,
  BPF_ATTACH_TYPE.CGROUP_UNIX_CONNECT,
  BPF_ATTACH_TYPE.CGROUP_INET4_GETPEERNAME,
  BPF_ATTACH_TYPE.CGROUP_INET6_GETPEERNAME,
  BPF_ATTACH_TYPE.CGROUP_UNIX_GETPEERNAME,
  BPF_ATTACH_TYPE.CGROUP_INET4_GETSOCKNAME,
  BPF_ATTACH_TYPE.CGROUP_INET6_GETSOCKNAME,
  BPF_ATTACH_TYPE.CGROUP_UNIX_GETSOCKNAME,
  BPF_ATTACH_TYPE.CGROUP_UDP4_SENDMSG,
  BPF_ATTACH_TYPE.CGROUP_UDP6_SENDMSG,
  BPF_ATTACH_TYPE.CGROUP_UNIX_SENDMSG,
  BPF_ATTACH_TYPE.CGROUP_UDP4_RECVMSG,
  BPF_ATTACH_TYPE.CGROUP_UDP6_RECVMSG,
  BPF_ATTACH_TYPE.CGROUP_UNIX_RECVMSG,
  BPF_ATTACH_TYPE.CGROUP_SOCK_OPS,
  BPF_ATTACH_TYPE.CGROUP_DEVICE,
  BPF_ATTACH_TYPE.CGROUP_SYSCTL,
  BPF_ATTACH_TYPE.CGROUP_GETSOCKOPT,
  BPF_ATTACH_TYPE.CGROUP_SETSOCKOPT,
  BPF_ATTACH_TYPE.LSM_CGROUP,
];
/** BPF_F_QUERY_EFFECTIVE. */
const EFFECTIVE = 1;
const MOST_PROGRAMS = 1024;

/**
 * Programs of a cgroup's directory, by attach type; `effective` counts those of its ancestors in.
 * @throws SyscallError where no type may be asked for, as in directories that are no cgroup (EBADF)
 */
export function cgroupPrograms(kernel: Kernel, directory: string, effective: boolean): CgroupProgram[] {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const answers = CGROUP_TYPES.map((type) => queryType(kernel, fd, type, effective));
    if (answers.every((answer) => answer instanceof SyscallError)) throw answers[0];
    return answers.flatMap((answer) => (answer instanceof SyscallError ? [] : answer));
  } finally {
    closeSync(fd);
  }
}

/** A program at a hook that holds several: of an interface, a cgroup or a network namespace. */
export interface QueriedProgram {
  readonly id: number;
  /** BPF_ATTACH_FLAG bits of the program itself. */
  readonly flags: number;
  /** 0: attached without a link. */
  readonly linkId: number;
  readonly linkFlags: number;
}

/** `target`: a descriptor or an interface's index. The error, where the kernel refuses the question. */
export function queryPrograms(
  kernel: Kernel,
  target: number,
  attach_type: number,
): QueriedProgram[] | SyscallError {
  const size = MOST_QUERIED * 4;
  const prog_ids = new Uint8Array(size);
  const prog_attach_flags = new Uint8Array(size);
  const link_ids = new Uint8Array(size);
  const link_attach_flags = new Uint8Array(size);
  try {
    const multiple = MULTIPLE.has(attach_type);
    const { prog_cnt } = kernel.bpf("PROG_QUERY", {
      target_fd: target,
      attach_type,
      prog_ids,
      ...(multiple && { prog_attach_flags, link_ids, link_attach_flags }),
    });
    const [flags, links, linkFlags] = [prog_attach_flags, link_ids, link_attach_flags].map((bytes) =>
      readU32s(bytes, prog_cnt),
    );
    return readU32s(prog_ids, prog_cnt).map((id, index) => ({
      id,
      flags: flags![index]!,
      linkId: links![index]!,
      linkFlags: linkFlags![index]!,
    }));
  } catch (error) {
    if (error instanceof SyscallError) return error;
    throw error;
  }
}

const MOST_QUERIED = 64;
/** Hooks that tell of each program's flags and link (Linux 6.6). */
const MULTIPLE: ReadonlySet<number> = new Set([
  BPF_ATTACH_TYPE.TCX_INGRESS,
  BPF_ATTACH_TYPE.TCX_EGRESS,
  BPF_ATTACH_TYPE.NETKIT_PRIMARY,
  BPF_ATTACH_TYPE.NETKIT_PEER,
]);

/** The error, for types that this kernel does not know. */
function queryType(
  kernel: Kernel,
  cgroup: number,
  attach_type: number,
  effective: boolean,
): CgroupProgram[] | SyscallError {
  const prog_ids = new Uint8Array(MOST_PROGRAMS * 4);
  // Programs of lsm_cgroup hang at different hooks, and have flags of their own: the kernel insists on telling them.
  const prog_attach_flags =
    !effective && attach_type === BPF_ATTACH_TYPE.LSM_CGROUP ? new Uint8Array(MOST_PROGRAMS * 4) : undefined;
  try {
    const { prog_cnt, attach_flags } = kernel.bpf("PROG_QUERY", {
      target_fd: cgroup,
      attach_type,
      query_flags: effective ? EFFECTIVE : 0,
      prog_ids,
      ...(prog_attach_flags && { prog_attach_flags }),
    });
    const own = prog_attach_flags ? readU32s(prog_attach_flags, prog_cnt) : [];
    return readU32s(prog_ids, prog_cnt).map((id, index) => ({
      id,
      attachType: attach_type,
      flags: effective ? 0 : own[index] || attach_flags,
    }));
  } catch (error) {
    if (error instanceof SyscallError) return error;
    throw error;
  }
}

/** A descriptor of a process behind which a program runs: a perf event or a raw tracepoint. */
export interface TaskProgram {
  readonly pid: number;
  readonly fd: number;
  readonly programId: number;
  readonly type: "raw_tracepoint" | "tracepoint" | "kprobe" | "kretprobe" | "uprobe" | "uretprobe";
  /** Of a tracepoint, function or file; empty where a kprobe has an address alone. */
  readonly name: string;
  readonly offset: bigint;
  readonly address: bigint;
}

const NAME_SIZE = 4096;

/** All of them, of processes that may be looked into. */
export function* taskPrograms(kernel: Kernel): Generator<TaskProgram> {
  requirePrivilege(kernel);
  for (const pid of numbersIn(kernel, "/proc"))
    for (const fd of numbersIn(kernel, `/proc/${pid}/fd`)) {
      const found = queryDescriptor(kernel, pid, fd);
      if (found) yield found;
    }
}

/** Names in a directory that are numbers, ascending. */
function numbersIn({ files }: Kernel, directory: string): number[] {
  return files
    .directory(directory)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((one, other) => one - other);
}

/** Undefined for descriptors of anything else, and for those that were closed meanwhile. */
function queryDescriptor(kernel: Kernel, pid: number, fd: number): TaskProgram | undefined {
  const buf = new Uint8Array(NAME_SIZE);
  try {
    const { prog_id, fd_type, probe_offset, probe_addr } = kernel.bpf("TASK_FD_QUERY", { pid, fd, buf });
    return {
      pid,
      fd,
      programId: prog_id,
      type: TASK_TYPES[fd_type] ?? "tracepoint",
      name: Buffer.from(buf.subarray(0, Math.max(0, buf.indexOf(0)))).toString(),
      offset: probe_offset,
      address: probe_addr,
    };
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
}

/** The kernel looks at the caller's rights first, and refuses some descriptors with the same EPERM later. */
function requirePrivilege(kernel: Kernel): void {
  try {
    kernel.bpf("TASK_FD_QUERY", { pid: process.pid, fd: 0 });
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno === ERRNO.EPERM) throw error;
  }
}

/** In the order of enum bpf_task_fd_type. */
const TASK_TYPES = ["raw_tracepoint", "tracepoint", "kprobe", "kretprobe", "uprobe", "uretprobe"] as const;
