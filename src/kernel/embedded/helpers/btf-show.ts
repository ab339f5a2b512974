import { BtfError } from "../../../btf/index.ts";
import { ERRNO } from "../../../uapi/index.ts";
import type { World } from "../world.ts";
import { SHOW, btfText } from "./btf-text.ts";
import { kernelError } from "./memory.ts";

const { EINVAL, ENOENT } = ERRNO;
/** struct btf_ptr: the pointer, u32 type_id, u32 flags. */
const BTF_PTR = { type: 8, size: 16 } as const;

/** What a struct btf_ptr points to, in the kernel's words; or an error (bpf_btf_printf_prepare, btf_type_show). */
export function shownText(world: World, pointer: number, size: number, flags: bigint): Buffer | number {
  const { memory } = world;
  if ((flags & ~BigInt(SHOW.ALL)) !== 0n || size !== BTF_PTR.size) return -EINVAL;
  const id = memory.u32(pointer + BTF_PTR.type) | 0;
  const types = world.kernelTypes();
  if (id === 0) return -EINVAL;
  if (id < 0 || !types.has(id)) return -ENOENT;
  try {
    const bytes = types.size(id);
    const from = memory.u64(pointer);
    const address = memory.address(from, bytes);
    if (address === undefined) return kernelError(from);
    return Buffer.from(btfText(types, id, memory.slice(address, bytes), Number(flags)), "latin1");
  } catch (error) {
    // A type without a size.
    if (error instanceof BtfError) return -EINVAL;
    throw error;
  }
}
