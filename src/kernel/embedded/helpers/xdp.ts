import { ERRNO } from "../../../uapi/index.ts";
import type { PacketContext } from "../programs/packet.ts";
import type { World } from "../world.ts";
import { helper, wideHelper } from "./define.ts";
import type { HelperRow } from "./define.ts";

const { EINVAL } = ERRNO;
const ETH_HLEN = 14;
/** Of the headroom, what the kernel keeps for itself (struct xdp_frame). */
const XDP_FRAME = 40;
/** Metadata: at most 255 bytes, by words. */
const MAX_META = 252;

export function xdpHelpers(world: World): HelperRow[] {
  const { memory } = world;
  const change = (act: (context: PacketContext) => number): number => {
    const context = world.run?.packet;
    if (!context || context.kind !== "xdp") return -EINVAL;
    const result = act(context);
    context.sync();
    return result;
  };
  return [
    helper("xdp_adjust_head", ["address", "number"], (_xdp, offset) =>
      change(({ packet }) => {
        const metaSize = packet.data - packet.meta;
        const data = packet.data + offset;
        const lowest = packet.data - packet.headroom + XDP_FRAME + metaSize;
        if (data < lowest || data > packet.dataEnd - ETH_HLEN) return -EINVAL;
        if (metaSize > 0) memory.bytes.copyWithin(packet.meta + offset, packet.meta, packet.data);
        packet.meta += offset;
        packet.data = data;
        return 0;
      }),
    ),
    helper("xdp_adjust_tail", ["address", "number"], (_xdp, offset) =>
      change(({ packet }) => {
        const length = packet.length + offset;
        return length >= ETH_HLEN && packet.resize(length) ? 0 : -EINVAL;
      }),
    ),
    helper("xdp_adjust_meta", ["address", "number"], (_xdp, offset) =>
      change(({ packet }) => {
        const meta = packet.meta + offset;
        const size = packet.data - meta;
        if (meta < packet.data - packet.headroom + XDP_FRAME || size < 0) return -EINVAL;
        if ((size & 3) !== 0 || size > MAX_META) return -ERRNO.EACCES;
        packet.meta = meta;
        return 0;
      }),
    ),
    wideHelper("xdp_get_buff_len", ["address"], () => BigInt(world.run?.packet?.packet.length ?? 0)),
    helper("xdp_load_bytes", ["address", "number", "address", "number"], (_xdp, offset, to, size) => {
      const packet = world.run?.packet?.packet;
      if (!packet || offset >>> 0 > 0xffff || size < 0 || offset + size > packet.length) return -EINVAL;
      memory.copy(to, packet.data + offset, size);
      return 0;
    }),
    helper("xdp_store_bytes", ["address", "number", "address", "number"], (_xdp, offset, from, size) => {
      const packet = world.run?.packet?.packet;
      if (!packet || offset >>> 0 > 0xffff || size < 0 || offset + size > packet.length) return -EINVAL;
      memory.copy(packet.data + offset, from, size);
      return 0;
    }),
  ];
}
