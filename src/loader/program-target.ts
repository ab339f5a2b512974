import { BtfKind, parseBtf } from "../btf/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { STRUCT } from "../uapi/index.ts";
import { TargetError } from "./target-error.ts";

/**
 * Id of a function in the types of a program that is in the kernel: what freplace replaces, and what fentry and
 * fexit of BPF programs attach to. `user` is the program that does.
 * @throws TargetError
 */
export function functionOf(kernel: Kernel, program: Fd, name: string, user: string): number {
  const { fields, size } = STRUCT.bpf_prog_info;
  const info = new Uint8Array(size);
  kernel.objectInfo(program, info);
  const btf_id = new DataView(info.buffer).getUint32(fields.btf_id.offset, true);
  const id = btf_id === 0 ? undefined : parseBtf(typesOf(kernel, btf_id)).findByName(name, BtfKind.Func);
  if (id !== undefined) return id;
  throw new TargetError(user, `The program that ${user} attaches to has no function ${name}`, [
    btf_id === 0
      ? "It was loaded without BTF: compile it with -g"
      : "Global functions keep their name in its BTF; static ones may have been inlined",
  ]);
}

function typesOf(kernel: Kernel, btf_id: number): Uint8Array {
  const fd = kernel.bpf("BTF_GET_FD_BY_ID", { btf_id });
  try {
    const { fields, size } = STRUCT.bpf_btf_info;
    const sizes = new Uint8Array(size);
    kernel.objectInfo(fd, sizes);
    const buffer = new Uint8Array(new DataView(sizes.buffer).getUint32(fields.btf_size.offset, true));
    const info = new Uint8Array(size);
    new DataView(info.buffer).setUint32(fields.btf_size.offset, buffer.length, true);
    kernel.objectInfo(fd, info, [{ offset: fields.btf.offset, buffer }]);
    return buffer;
  } finally {
    kernel.close(fd);
  }
}
