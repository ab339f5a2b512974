import { SyscallError, type Fd, type Kernel } from "../src/kernel/index.ts";
import { STRUCT, type StructField } from "../src/uapi/index.ts";

/** What the kernel says of one loaded program. */
export interface ProgramInfo {
  readonly id: number;
  readonly name: string;
  /** Instructions after the verifier's rewriting, in 8-byte slots. */
  readonly insns: number;
  /** Nanoseconds, while statistics are on. */
  readonly runTime: bigint;
  readonly runs: bigint;
}

const INFO = STRUCT.bpf_prog_info;

/** Every BPF program in the kernel. */
export function listPrograms(kernel: Kernel): ProgramInfo[] {
  const found: ProgramInfo[] = [];
  for (let id = nextId(kernel, 0); id !== undefined; id = nextId(kernel, id)) {
    const info = readProgram(kernel, id);
    if (info) found.push(info);
  }
  return found;
}

/** Programs that came since `before` was listed. */
export function newPrograms(kernel: Kernel, before: readonly ProgramInfo[]): ProgramInfo[] {
  const known = new Set(before.map(({ id }) => id));
  return listPrograms(kernel).filter(({ id }) => !known.has(id));
}

function nextId(kernel: Kernel, start: number): number | undefined {
  return unlessGone(() => kernel.bpf("PROG_GET_NEXT_ID", { start_id: start }));
}

function readProgram(kernel: Kernel, id: number): ProgramInfo | undefined {
  const fd: Fd | undefined = unlessGone(() => kernel.bpf("PROG_GET_FD_BY_ID", { prog_id: id }));
  if (fd === undefined) return undefined;
  const bytes = new Uint8Array(INFO.size);
  try {
    kernel.bpf("OBJ_GET_INFO_BY_FD", { bpf_fd: fd, info: bytes });
  } finally {
    kernel.close(fd);
  }
  const view = new DataView(bytes.buffer);
  const offset = (field: StructField<"bpf_prog_info">): number => INFO.fields[field].offset;
  return {
    id,
    name: Buffer.from(bytes.subarray(offset("name"), offset("name") + 16))
      .toString()
      .replace(/\0.*$/s, ""),
    insns: view.getUint32(offset("xlated_prog_len"), true) / 8,
    runTime: view.getBigUint64(offset("run_time_ns"), true),
    runs: view.getBigUint64(offset("run_cnt"), true),
  };
}

/** The kernel's answer, or undefined where the object went away (or the list ended). */
function unlessGone<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (error instanceof SyscallError && error.errnoName === "ENOENT") return undefined;
    throw error;
  }
}
