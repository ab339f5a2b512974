import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { ERRNO } from "../uapi/index.ts";

/** Kinds of objects that the kernel numbers. */
export type ObjectKind = "prog" | "map" | "link" | "btf";

interface KindCalls {
  readonly next: (kernel: Kernel, start: number) => number | undefined;
  readonly open: (kernel: Kernel, id: number) => Fd;
}

const CALLS: Readonly<Record<ObjectKind, KindCalls>> = {
  prog: {
    next: (kernel, start_id) => kernel.bpf("PROG_GET_NEXT_ID", { start_id }),
    open: (kernel, prog_id) => kernel.bpf("PROG_GET_FD_BY_ID", { prog_id }),
  },
  map: {
    next: (kernel, start_id) => kernel.bpf("MAP_GET_NEXT_ID", { start_id }),
    open: (kernel, map_id) => kernel.bpf("MAP_GET_FD_BY_ID", { map_id }),
  },
  link: {
    next: (kernel, start_id) => kernel.bpf("LINK_GET_NEXT_ID", { start_id }),
    open: (kernel, link_id) => kernel.bpf("LINK_GET_FD_BY_ID", { link_id }),
  },
  btf: {
    next: (kernel, start_id) => kernel.bpf("BTF_GET_NEXT_ID", { start_id }),
    open: (kernel, btf_id) => kernel.bpf("BTF_GET_FD_BY_ID", { btf_id }),
  },
};

/** Ids of all objects of a kind, ascending. */
export function* objectIds(kernel: Kernel, kind: ObjectKind): Generator<number> {
  const { next } = CALLS[kind];
  for (let id = next(kernel, 0); id !== undefined; id = next(kernel, id)) yield id;
}

/** @throws SyscallError ENOENT if there is no such object (any more) */
export function openObject(kernel: Kernel, kind: ObjectKind, id: number): Fd {
  return CALLS[kind].open(kernel, id);
}

/** Calls `use` with a descriptor that is closed afterwards. */
export function withObject<T>(kernel: Kernel, kind: ObjectKind, id: number, use: (fd: Fd) => T): T {
  const fd = openObject(kernel, kind, id);
  try {
    return use(fd);
  } finally {
    kernel.close(fd);
  }
}

/** Every object of a kind, by `read`; those that go away under the walk are left out. */
export function* eachObject<T>(
  kernel: Kernel,
  kind: ObjectKind,
  read: (kernel: Kernel, fd: Fd) => T,
): Generator<T> {
  for (const id of objectIds(kernel, kind)) {
    let info: T;
    try {
      info = withObject(kernel, kind, id, (fd) => read(kernel, fd));
    } catch (error) {
      if (error instanceof SyscallError && error.errno === ERRNO.ENOENT) continue;
      throw error;
    }
    yield info;
  }
}

/** A field of /proc/self/fdinfo of a descriptor, as `memlock`; undefined if it is not there. */
export function fdInfo(kernel: Kernel, fd: Fd, field: string): string | undefined {
  const text = kernel.files.read(`/proc/self/fdinfo/${fd}`);
  return text && new RegExp(`^${field}:\\s*(.*)$`, "m").exec(Buffer.from(text).toString())?.[1];
}

/** The field of fdinfo that holds an object's id; a link's has its program's beside its own. */
const ID_FIELDS: readonly (readonly [string, ObjectKind])[] = [
  ["link_id", "link"],
  ["map_id", "map"],
  ["prog_id", "prog"],
  ["btf_id", "btf"],
];

/** What a descriptor of this process is; undefined for anything that the kernel does not number. */
export function objectKind(kernel: Kernel, fd: Fd): ObjectKind | undefined {
  return ID_FIELDS.find(([field]) => fdInfo(kernel, fd, field) !== undefined)?.[1];
}
