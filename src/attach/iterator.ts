import { BPF_ATTACH_TYPE, BPF_CGROUP_ITER } from "../uapi/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";
import type { IteratorScope } from "./hook.ts";
import { BpfLink, type Link } from "./link.ts";

const ORDERS = {
  self: BPF_CGROUP_ITER.SELF_ONLY,
  "descendants-pre": BPF_CGROUP_ITER.DESCENDANTS_PRE,
  "descendants-post": BPF_CGROUP_ITER.DESCENDANTS_POST,
  ancestors: BPF_CGROUP_ITER.ANCESTORS_UP,
} as const;

export const attachIterator: Attacher<"iterator"> = ({ kernel }, program, hook) => {
  const link = kernel.bpf("LINK_CREATE", {
    prog_fd: program.fd,
    attach_type: BPF_ATTACH_TYPE.TRACE_ITER,
    ...(hook.over && { iter_info: encodeScope(hook.over) }),
  });
  return new BpfLink(kernel, link);
};

/** union bpf_iter_link_info. */
function encodeScope(scope: IteratorScope): Uint8Array {
  const words = new Uint32Array(4);
  if (scope.kind === "map") words.set([scope.fd]);
  else if (scope.kind === "cgroup") words.set([ORDERS[scope.order], scope.fd]);
  else words.set([scope.tid ?? 0, scope.pid ?? 0]);
  return new Uint8Array(words.buffer);
}

/** Bytes of one read(2). */
const CHUNK = 64 * 1024;

/**
 * Runs an iterator from its start: chunks of what its program writes (text by bpf_seq_printf, or records by
 * bpf_seq_write).
 */
export function* readIterator(kernel: Kernel, link: Link): Generator<Uint8Array, void, undefined> {
  const [fd] = link.fds;
  if (fd === undefined) throw new AttachError("iterator", "the link is closed", { code: "failed" });
  const reader = kernel.bpf("ITER_CREATE", { link_fd: fd });
  try {
    const buffer = new Uint8Array(CHUNK);
    for (let count = kernel.read(reader, buffer); count > 0; count = kernel.read(reader, buffer))
      yield buffer.slice(0, count);
  } finally {
    kernel.close(reader);
  }
}
