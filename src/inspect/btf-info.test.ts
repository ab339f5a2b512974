import { expect, it } from "vitest";
import { asFd, SyscallError } from "../kernel/index.ts";
import type { Fd, InfoPointer, Kernel } from "../kernel/index.ts";
import { ERRNO, STRUCT } from "../uapi/index.ts";
import { btfInfo } from "./btf-info.ts";

const { fields } = STRUCT.bpf_btf_info;

/** Linux 5.10 as far as this: what lies behind the fields that it knows must be zero (bpf_check_uarg_tail_zero). */
function olderKernel(): Pick<Kernel, "objectInfo"> {
  const known = fields.name.offset;
  return {
    objectInfo(_: Fd, info: Uint8Array, pointers: readonly InfoPointer[] = []): number {
      if (pointers.length > 0 || info.subarray(known).some((byte) => byte !== 0))
        throw new SyscallError("bpf(OBJ_GET_INFO_BY_FD)", ERRNO.E2BIG);
      const view = new DataView(info.buffer, info.byteOffset);
      view.setUint32(fields.id.offset, 7, true);
      view.setUint32(fields.btf_size.offset, 99, true);
      return known;
    },
  };
}

it("types on kernels that know no names for them have an id and a size", () => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing else is asked for
  const kernel = olderKernel() as Kernel;
  expect(btfInfo(kernel, asFd(3))).toEqual({ id: 7, size: 99, name: "", kernel: false });
});
