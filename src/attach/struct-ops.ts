import type { Kernel } from "../kernel/index.ts";
import type { LoadedMap } from "../loader/index.ts";
import { BPF_ATTACH_TYPE, BPF_F } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import { BpfLink, type Link, PlainHook } from "./link.ts";

const ONLY_KEY = new Uint8Array(4);

/**
 * Registers a struct_ops map: the kernel calls its programs from now on. Maps of section .struct_ops.link are held
 * by a link (Linux 6.4), others by the map itself until the element is deleted.
 * @throws AttachError for maps of another kind; SyscallError where the kernel refuses the struct
 */
export function attachStructOps(kernel: Kernel, map: LoadedMap): Link {
  const { structOps, contents, flags } = map.spec;
  if (!structOps || !contents)
    throw new AttachError(map.name, "the map holds no struct_ops", { code: "unsupported" });
  map.update(ONLY_KEY, contents);
  if ((flags & BPF_F.LINK) === 0) return new PlainHook(map.name, () => void map.delete(ONLY_KEY));
  const attr = { prog_fd: map.fd, target_fd: 0, attach_type: BPF_ATTACH_TYPE.STRUCT_OPS };
  return new BpfLink(kernel, kernel.bpf("LINK_CREATE", attr));
}
