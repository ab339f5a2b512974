import type { LinkDetail } from "../inspect/index.ts";
import type { Json } from "./json.ts";

type Netfilter = Extract<LinkDetail, { kind: "netfilter" }>;

/** include/uapi/linux/netfilter.h: NFPROTO. */
const FAMILIES: Readonly<Record<number, string>> = {
  1: "inet",
  2: "ip",
  3: "arp",
  5: "netdev",
  7: "bridge",
  10: "ip6",
};

const INET_HOOKS = ["prerouting", "input", "forward", "output", "postrouting"] as const;

/** By family: the hooks in the order of their numbers. */
const HOOKS: Readonly<Record<number, readonly string[]>> = {
  1: INET_HOOKS,
  2: INET_HOOKS,
  3: ["input", "output"],
  7: INET_HOOKS,
  10: INET_HOOKS,
};

/** `\n\tip prerouting prio -128`. */
export function netfilterText({ family, hook, priority, flags }: Netfilter): string {
  const familyName = FAMILIES[family] ?? `pf: ${family}`;
  const hookName = HOOKS[family]?.[hook];
  const place = hookName === undefined ? `, hook ${hook},` : ` ${hookName}`;
  return `\n\t${familyName}${place} prio ${priority}${flags === 0 ? "" : ` flags 0x${flags.toString(16)}`}`;
}

export function netfilterJson({ family, hook, priority, flags }: Netfilter): {
  readonly [name: string]: Json;
} {
  return { pf: family, hook, prio: priority, flags };
}
