import { BPF_F, BPF_MAP_TYPE, ERRNO, STRUCT } from "../../../uapi/index.ts";
import { ENOTSUPP } from "../maps/index.ts";
import type { PacketContext } from "../programs/packet.ts";
import type { World } from "../world.ts";
import { fold16, replaceChecksum, sub32, sumBytes } from "./checksum.ts";
import { helper, wideHelper } from "./define.ts";
import type { HelperRow } from "./define.ts";

const { EINVAL, EFAULT, ENOMEM } = ERRNO;
const ETH_HLEN = 14;
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const VLAN_Q = 0x8100;
const VLAN_AD = 0x88a8;
const VLAN_HLEN = 4;
const VLAN_ETH_HLEN = 18;
const isTag = (protocol: number): boolean => protocol === VLAN_Q || protocol === VLAN_AD;
/** SKB_MAX_ALLOC: four pages without struct skb_shared_info. */
const MAX_PACKET = 16_064;
const MAX_OFFSET = 0xffff;
const SKB = STRUCT.__sk_buff.fields;
/** What redirects answer: TC_ACT_REDIRECT and XDP_REDIRECT, or their like for what cannot be. */
const TC_REDIRECT = 7;
const TC_SHOT = 2;
const XDP_REDIRECT = 4;
const XDP_ABORTED = 0;
/** The lower bits of a redirect's flags are its answer where the map has no such element. */
const REDIRECT_DEFAULT = 3n;
const REDIRECT_ALL = BigInt(BPF_F.BROADCAST | BPF_F.EXCLUDE_INGRESS);
const DEVICES: ReadonlySet<number> = new Set([BPF_MAP_TYPE.DEVMAP, BPF_MAP_TYPE.DEVMAP_HASH]);

function changed(context: PacketContext): number {
  context.sync();
  return 0;
}

function insert(context: PacketContext, at: number, size: number): number {
  context.packet.insert(at, size);
  return changed(context);
}

/** Packets of socket filters, tc and their kin (net/core/filter.c). */
export function packetHelpers(world: World): HelperRow[] {
  const { memory } = world;
  const current = (): PacketContext | undefined => world.run?.packet;
  const get = (field: keyof typeof SKB): number => {
    const context = current();
    return context ? memory.u32(context.address + SKB[field].offset) : 0;
  };
  const set = (field: keyof typeof SKB, value: number): void => {
    const context = current();
    if (context) memory.setU32(context.address + SKB[field].offset, value);
  };
  const protocol = (): number => swap16(get("protocol"));

  const loadBytes = (start: number, offset: number, to: number, size: number): number => {
    const out = memory.slice(to, size);
    const packet = current()?.packet;
    const at = start + offset;
    if (packet && offset >= 0 && offset <= MAX_OFFSET && at + size <= packet.length) {
      out.set(memory.slice(packet.data + at, size));
      return 0;
    }
    out.fill(0);
    return -EFAULT;
  };

  const storeBytes = (offset: number, from: number, size: number): number => {
    const packet = current()?.packet;
    if (!packet || offset < 0 || offset > MAX_OFFSET || offset + size > packet.length) return -EFAULT;
    memory.copy(packet.data + offset, from, size);
    return 0;
  };

  /** A checksum's field in the packet, changed; an error where it is not all there. */
  const replaceAt = (
    offset: number,
    from: number,
    to: number,
    size: number,
    keep: (field: number) => boolean,
    mangle: boolean,
  ): number => {
    const packet = current()?.packet;
    if (offset < 0 || offset > 0xffff || (offset & 1) !== 0) return -EFAULT;
    if (!packet || offset + 2 > packet.length) return -EFAULT;
    const at = packet.data + offset;
    const field = memory.view.getUint16(at, true);
    if (keep(field)) return 0;
    if ((size !== 0 && size !== 2 && size !== 4) || (size === 0 && from !== 0)) return -EINVAL;
    const next = replaceChecksum(field, size, from, to);
    memory.view.setUint16(at, mangle && next === 0 ? 0xffff : next, true);
    return 0;
  };

  const resize = (length: number, least: number): number => {
    const context = current();
    if (!context || length < least || length > MAX_PACKET) return -EINVAL;
    const missing = length - context.packet.length - context.packet.tailroom;
    if (missing > 0) context.packet.enlarge(0, missing);
    context.packet.resize(length);
    return changed(context);
  };

  const setProtocol = (value: number): void => set("protocol", swap16(value));

  /** Takes the tag out of the data; what it held, undefined where the header is not all there. */
  const popTag = (context: PacketContext): number | undefined => {
    const { packet } = context;
    if (packet.length < VLAN_ETH_HLEN) return undefined;
    const tag = memory.view.getUint16(packet.data + ETH_HLEN);
    const inner = memory.view.getUint16(packet.data + ETH_HLEN + 2);
    packet.remove(12, VLAN_HLEN);
    context.network = Math.max(context.network - VLAN_HLEN, ETH_HLEN);
    setProtocol(inner);
    return tag;
  };

  const pushTagIntoData = (context: PacketContext): number => {
    const error = insert(context, 12, VLAN_HLEN);
    if (error < 0) return error;
    memory.view.setUint16(context.packet.data + 12, swap16(get("vlan_proto")));
    memory.view.setUint16(context.packet.data + 14, get("vlan_tci"));
    setProtocol(swap16(get("vlan_proto")));
    context.network += VLAN_HLEN;
    return 0;
  };

  return [
    helper("skb_load_bytes", ["address", "number", "address", "number"], (_skb, offset, to, size) =>
      loadBytes(0, offset, to, size),
    ),
    helper(
      "skb_load_bytes_relative",
      ["address", "number", "address", "number", "number"],
      (_skb, offset, to, size, from) => {
        if (from !== 0 && from !== 1) return loadBytes(0, -1, to, size);
        const context = current();
        return loadBytes((from === 0 ? context?.link : context?.network) ?? 0, offset, to, size);
      },
    ),
    helper(
      "skb_store_bytes",
      ["address", "number", "address", "number", "wide"],
      (_skb, offset, from, size, flags) =>
        (flags & ~BigInt(BPF_F.RECOMPUTE_CSUM | BPF_F.INVALIDATE_HASH)) === 0n
          ? storeBytes(offset, from, size)
          : -EINVAL,
    ),
    helper(
      "l3_csum_replace",
      ["address", "number", "number", "number", "wide"],
      (_skb, offset, from, to, flags) =>
        (flags & ~0xfn) === 0n ? replaceAt(offset, from, to, Number(flags), () => false, false) : -EINVAL,
    ),
    helper(
      "l4_csum_replace",
      ["address", "number", "number", "number", "wide"],
      (_skb, offset, from, to, flags) => {
        const known = 0xf | BPF_F.PSEUDO_HDR | BPF_F.MARK_MANGLED_0 | BPF_F.MARK_ENFORCE | BPF_F.IPV6;
        if ((flags & ~BigInt(known)) !== 0n) return -EINVAL;
        const mangle = (flags & BigInt(BPF_F.MARK_MANGLED_0)) !== 0n;
        const force = (flags & BigInt(BPF_F.MARK_ENFORCE)) !== 0n;
        // A UDP checksum of 0 says that there is none.
        const keep = (field: number): boolean => mangle && !force && field === 0;
        return replaceAt(offset, from, to, Number(flags & 0xfn), keep, mangle);
      },
    ),
    helper(
      "csum_diff",
      ["address", "number", "address", "number", "number"],
      (from, fromSize, to, toSize, seed) => {
        if (((fromSize | toSize) & 3) !== 0 || fromSize < 0 || toSize < 0) return -EINVAL;
        const added = toSize > 0 ? sumBytes(memory.slice(to, toSize), seed) : seed;
        if (fromSize === 0) return fold16(added);
        const removed = memory.slice(from, fromSize);
        return fold16(toSize > 0 ? sub32(added, sumBytes(removed, 0)) : ~sumBytes(removed, ~seed));
      },
    ),
    helper("csum_update", ["address", "number"], () => -ENOTSUPP),
    helper("csum_level", ["address", "number"], () => -ERRNO.EACCES),
    helper("skb_pull_data", ["address", "number"], (_skb, length) => {
      const packet = current()?.packet;
      return packet && length >>> 0 <= packet.length ? 0 : -ENOMEM;
    }),
    helper("skb_change_tail", ["address", "number", "wide"], (_skb, length, flags) =>
      flags === 0n ? resize(length >>> 0, current()?.network ?? 0) : -EINVAL,
    ),
    helper("skb_change_head", ["address", "number", "wide"], (_skb, size, flags) => {
      const context = current();
      if (!context || flags !== 0n || size < 0 || context.packet.length + size > MAX_PACKET) return -EINVAL;
      context.link = 0;
      context.network += size;
      return insert(context, 0, size);
    }),
    helper("skb_adjust_room", ["address", "number", "number", "wide"], (_skb, difference, mode, flags) => {
      const context = current();
      if (!context || flags >= 0x200n) return -EINVAL;
      if (Math.abs(difference) > 0xfff) return -EFAULT;
      if ((protocol() !== IPV4 && protocol() !== IPV6) || (mode !== 0 && mode !== 1)) return -ENOTSUPP;
      const header = protocol() === IPV6 ? 40 : 20;
      const { packet, network, link } = context;
      // BPF_ADJ_ROOM_NET is behind the network header, BPF_ADJ_ROOM_MAC in front of it.
      const at = network - link + (mode === 0 ? header : 0);
      if (difference >= 0)
        return packet.length + difference > MAX_PACKET ? -ENOTSUPP : insert(context, at, difference);
      const behind = packet.length - network;
      if (-difference >= behind || behind + difference < header) return -ENOTSUPP;
      if (at - difference > packet.length) return -ENOMEM;
      packet.remove(at, -difference);
      return changed(context);
    }),
    helper("skb_change_proto", ["address", "number", "wide"], (_skb, to, flags) => {
      const context = current();
      if (!context || flags !== 0n) return -EINVAL;
      const next = swap16(to & 0xffff);
      const from = protocol();
      if ((from !== IPV4 || next !== IPV6) && (from !== IPV6 || next !== IPV4)) return -ENOTSUPP;
      if (next === IPV6) {
        const error = insert(context, ETH_HLEN, 20);
        if (error < 0) return error;
      } else {
        if (context.packet.length < ETH_HLEN + 20) return -ENOMEM;
        context.packet.remove(ETH_HLEN, 20);
      }
      setProtocol(next);
      return changed(context);
    }),
    helper("skb_change_type", ["address", "number"], (_skb, type) => {
      // Only among those that a host may see.
      if (get("pkt_type") > 3 || type < 0 || type > 3) return -EINVAL;
      set("pkt_type", type);
      return 0;
    }),
    helper("skb_vlan_push", ["address", "number", "number"], (_skb, kind, tag) => {
      const context = current();
      if (!context) return -EINVAL;
      const wanted = swap16(kind & 0xffff);
      if (get("vlan_present") !== 0) {
        const error = pushTagIntoData(context);
        if (error < 0) return error;
      }
      set("vlan_present", 1);
      set("vlan_proto", swap16(wanted === VLAN_AD ? VLAN_AD : VLAN_Q));
      set("vlan_tci", tag & 0xffff);
      return changed(context);
    }),
    helper("skb_vlan_pop", ["address"], () => {
      const context = current();
      if (!context) return -EINVAL;
      const clear = (): void => {
        for (const field of ["vlan_present", "vlan_tci", "vlan_proto"] as const) set(field, 0);
      };
      if (get("vlan_present") !== 0) clear();
      else if (!isTag(protocol())) return 0;
      else if (popTag(context) === undefined) return -ENOMEM;
      // A tag that is the outermost now leaves the data too (skb_vlan_pop).
      const outer = protocol();
      if (!isTag(outer)) return changed(context);
      const tag = popTag(context);
      if (tag === undefined) return -ENOMEM;
      set("vlan_present", 1);
      set("vlan_proto", swap16(outer));
      set("vlan_tci", tag);
      return changed(context);
    }),
    wideHelper("get_hash_recalc", ["address"], () => BigInt(get("hash"))),
    helper("set_hash_invalid", ["address"], () => (set("hash", 0), 0)),
    helper("set_hash", ["address", "number"], (_skb, hash) => (set("hash", hash), 0)),
    helper("skb_set_tstamp", ["address", "wide", "number"], (_skb, time, type) => {
      const context = current();
      if (!context || type < 0 || type > 2) return -EINVAL;
      memory.setU64(context.address + SKB.tstamp.offset, BigInt.asUintN(64, time));
      memory.bytes[context.address + SKB.tstamp_type.offset] = type;
      return 0;
    }),
    helper("skb_ecn_set_ce", ["address"], () => {
      const context = current();
      if (!context || protocol() !== IPV4) return 0;
      const at = context.packet.data + context.network + 1;
      const bits = memory.view.getUint8(at) & 3;
      // Only what says that it can is marked.
      if (bits === 0) return 0;
      memory.bytes[at]! |= 3;
      return 1;
    }),
    // There are no tunnels, routes, sockets and other interfaces here.
    helper("skb_get_tunnel_key", ["address", "address", "number", "wide"], (_skb, to, size) => {
      memory.slice(to, size).fill(0);
      return -EINVAL;
    }),
    helper("skb_set_tunnel_key", ["address", "address", "number", "wide"], () => -EINVAL),
    helper("skb_get_tunnel_opt", ["address", "address", "number"], (_skb, to, size) => {
      memory.slice(to, size).fill(0);
      return -ERRNO.ENOENT;
    }),
    helper("skb_set_tunnel_opt", ["address", "address", "number"], () => -EINVAL),
    helper(
      "skb_get_xfrm_state",
      ["address", "number", "address", "number", "wide"],
      (_skb, _index, to, size) => {
        memory.slice(to, size).fill(0);
        return -EINVAL;
      },
    ),
    helper("get_route_realm", ["address"], () => 0),
    helper("get_cgroup_classid", ["address"], () => 0),
    helper("skb_under_cgroup", ["address", "address", "number"], () => -EINVAL),
    wideHelper("skb_cgroup_id", ["address"], () => 0n),
    wideHelper("skb_ancestor_cgroup_id", ["address", "number"], () => 0n),
    helper("clone_redirect", ["address", "number", "wide"], () => -EINVAL),
    helper("redirect", ["number", "wide"], (_ifindex, flags) => {
      if (current()?.kind === "xdp") return flags === 0n ? XDP_REDIRECT : XDP_ABORTED;
      return (flags & ~1n) === 0n ? TC_REDIRECT : TC_SHOT;
    }),
    helper("redirect_peer", ["number", "wide"], (_ifindex, flags) => (flags === 0n ? TC_REDIRECT : TC_SHOT)),
    helper("redirect_neigh", ["number", "address", "number", "wide"], (_ifindex, _params, _size, flags) =>
      flags === 0n ? TC_REDIRECT : TC_SHOT,
    ),
    // __bpf_xdp_redirect_map (include/linux/filter.h).
    helper("redirect_map", ["address", "wide", "wide"], (map, key, flags) => {
      const devices = DEVICES.has(world.mapAt(map)?.type ?? 0);
      if ((flags & ~(REDIRECT_DEFAULT | (devices ? REDIRECT_ALL : 0n))) !== 0n) return XDP_ABORTED;
      if ((flags & BigInt(BPF_F.BROADCAST)) !== 0n) return XDP_REDIRECT;
      const found = world.memory.with(
        new Uint8Array(Uint32Array.of(Number(key & 0xffffffffn)).buffer),
        (at) => world.mapAt(map)?.lookup(at),
      );
      return found ? XDP_REDIRECT : Number(flags & REDIRECT_DEFAULT);
    }),
    helper("fib_lookup", ["address", "address", "number", "number"], (_context, _params, size) =>
      size < STRUCT.bpf_fib_lookup.size ? -EINVAL : FIB_NOT_FORWARDED,
    ),
    helper(
      "check_mtu",
      ["address", "number", "address", "number", "wide"],
      (_context, _ifindex, length, difference) => {
        const packet = current()?.packet;
        if (!packet) return -EINVAL;
        const size = packet.length - ETH_HLEN + difference;
        memory.setU32(length, LOOPBACK_MTU);
        return size > LOOPBACK_MTU ? 1 : 0;
      },
    ),
  ];
}

const FIB_NOT_FORWARDED = 4;
const LOOPBACK_MTU = 65_536;

function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}
