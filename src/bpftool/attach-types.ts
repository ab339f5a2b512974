import { BPF_ATTACH_TYPE } from "../uapi/index.ts";
import { attachTypeName } from "./names.ts";

/** Shorter names of older versions, by which attach types may still be given; any beginning of one will do. */
const OLDER_NAMES: readonly (readonly [name: string, type: number])[] = [
  ["ingress", BPF_ATTACH_TYPE.CGROUP_INET_INGRESS],
  ["egress", BPF_ATTACH_TYPE.CGROUP_INET_EGRESS],
  ["sock_create", BPF_ATTACH_TYPE.CGROUP_INET_SOCK_CREATE],
  ["sock_ops", BPF_ATTACH_TYPE.CGROUP_SOCK_OPS],
  ["device", BPF_ATTACH_TYPE.CGROUP_DEVICE],
  ["bind4", BPF_ATTACH_TYPE.CGROUP_INET4_BIND],
  ["bind6", BPF_ATTACH_TYPE.CGROUP_INET6_BIND],
  ["connect4", BPF_ATTACH_TYPE.CGROUP_INET4_CONNECT],
  ["connect6", BPF_ATTACH_TYPE.CGROUP_INET6_CONNECT],
  ["post_bind4", BPF_ATTACH_TYPE.CGROUP_INET4_POST_BIND],
  ["post_bind6", BPF_ATTACH_TYPE.CGROUP_INET6_POST_BIND],
  ["sendmsg4", BPF_ATTACH_TYPE.CGROUP_UDP4_SENDMSG],
  ["sendmsg6", BPF_ATTACH_TYPE.CGROUP_UDP6_SENDMSG],
  ["sysctl", BPF_ATTACH_TYPE.CGROUP_SYSCTL],
  ["recvmsg4", BPF_ATTACH_TYPE.CGROUP_UDP4_RECVMSG],
  ["recvmsg6", BPF_ATTACH_TYPE.CGROUP_UDP6_RECVMSG],
  ["getsockopt", BPF_ATTACH_TYPE.CGROUP_GETSOCKOPT],
  ["setsockopt", BPF_ATTACH_TYPE.CGROUP_SETSOCKOPT],
  ["getpeername4", BPF_ATTACH_TYPE.CGROUP_INET4_GETPEERNAME],
  ["getpeername6", BPF_ATTACH_TYPE.CGROUP_INET6_GETPEERNAME],
  ["getsockname4", BPF_ATTACH_TYPE.CGROUP_INET4_GETSOCKNAME],
  ["getsockname6", BPF_ATTACH_TYPE.CGROUP_INET6_GETSOCKNAME],
  ["sock_release", BPF_ATTACH_TYPE.CGROUP_INET_SOCK_RELEASE],
  ["stream_parser", BPF_ATTACH_TYPE.SK_SKB_STREAM_PARSER],
  ["stream_verdict", BPF_ATTACH_TYPE.SK_SKB_STREAM_VERDICT],
  ["skb_verdict", BPF_ATTACH_TYPE.SK_SKB_VERDICT],
  ["msg_verdict", BPF_ATTACH_TYPE.SK_MSG_VERDICT],
];

/** The BPF_ATTACH_TYPE number, of those `allowed`, that a word means; undefined if none. */
export function parseAttachType(word: string, allowed: (name: string) => boolean): number | undefined {
  const fits = (type: number): boolean => allowed(attachTypeName(type) ?? "");
  const exact = Object.values(BPF_ATTACH_TYPE).find((type) => attachTypeName(type) === word && fits(type));
  if (exact !== undefined || word === "") return exact;
  return OLDER_NAMES.find(([name, type]) => name.startsWith(word) && fits(type))?.[1];
}
