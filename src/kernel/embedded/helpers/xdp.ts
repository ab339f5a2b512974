import { ERRNO } from "../../../uapi/index.ts";
import type { PacketContext } from "../programs/packet.ts";
import type { World } from "../world.ts";
import { helper, wideHelper } from "./define.ts";
import type { HelperRow } from "./define.ts";

const { EINVAL } = ERRNO;
const ETH_HLEN = 14;
const PAGE_SIZE = 4096;
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
        if (packet.wholeLength + offset < ETH_HLEN) return -EINVAL;
        if (packet.rest.length === 0) return packet.resize(packet.length + offset) ? 0 : -EINVAL;
        if (offset >= 0) {
          // Up to the end of the last fragment's page.
          const last = packet.rest.length % PAGE_SIZE || PAGE_SIZE;
          if (offset > PAGE_SIZE - last) return -EINVAL;
          packet.rest = new Uint8Array(Buffer.concat([packet.rest, new Uint8Array(offset)]));
          return 0;
        }
        const kept = Math.max(0, packet.rest.length + offset);
        const more = packet.rest.length + offset;
        packet.rest = packet.rest.subarray(0, kept);
        return more >= 0 || packet.resize(packet.length + more) ? 0 : -EINVAL;
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
    wideHelper("xdp_get_buff_len", ["address"], () => BigInt(world.run?.packet?.packet.wholeLength ?? 0)),
    helper("xdp_load_bytes", ["address", "number", "address", "number"], (_xdp, offset, to, size) => {
      const bytes = offset >>> 0 > 0xffff ? undefined : world.run?.packet?.packet.read(offset, size);
      if (!bytes) return -EINVAL;
      memory.slice(to, size).set(bytes);
      return 0;
    }),
    helper("xdp_store_bytes", ["address", "number", "address", "number"], (_xdp, offset, from, size) => {
      const bytes = memory.slice(from, size);
      return offset >>> 0 <= 0xffff && world.run?.packet?.packet.write(offset, bytes) ? 0 : -EINVAL;
    }),
  ];
}
