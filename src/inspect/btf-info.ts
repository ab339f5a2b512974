import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { ERRNO } from "../uapi/index.ts";
import { StructReader } from "./struct-reader.ts";

export interface BtfInfo {
  readonly id: number;
  /** Bytes. */
  readonly size: number;
  /** `vmlinux`, a module's name, or empty for a program's. */
  readonly name: string;
  readonly kernel: boolean;
}

const NAME_SIZE = 64;

export function btfInfo(kernel: Kernel, fd: Fd): BtfInfo {
  const info = new StructReader("bpf_btf_info");
  const name = new Uint8Array(NAME_SIZE);
  info.setNumber("name_len", NAME_SIZE);
  try {
    kernel.objectInfo(fd, info.bytes, [{ offset: info.offset("name"), buffer: name }]);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== ERRNO.E2BIG) throw error;
    // Before Linux 5.11 types have no names, and a kernel takes no field that it does not know.
    info.bytes.fill(0);
    kernel.objectInfo(fd, info.bytes);
  }
  return {
    id: info.number("id"),
    size: info.number("btf_size"),
    name: Buffer.from(name.subarray(0, Math.max(0, name.indexOf(0)))).toString(),
    kernel: info.number("kernel_btf") !== 0,
  };
}

/** The raw BTF of an object in the kernel. */
export function btfData(kernel: Kernel, fd: Fd): Uint8Array {
  const sizes = new StructReader("bpf_btf_info");
  kernel.objectInfo(fd, sizes.bytes);
  const buffer = new Uint8Array(sizes.number("btf_size"));
  const info = new StructReader("bpf_btf_info");
  info.setNumber("btf_size", buffer.length);
  kernel.objectInfo(fd, info.bytes, [{ offset: info.offset("btf"), buffer }]);
  return buffer;
}
