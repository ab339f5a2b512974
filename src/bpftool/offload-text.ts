import type { Json } from "./json.ts";

/** The network device that a program or map was moved to. */
interface Offloaded {
  /** 0: none, it is the kernel's. */
  readonly ifindex: number;
  readonly netnsDevice: bigint;
  readonly netnsInode: bigint;
}

export function offloadText({ ifindex, netnsDevice, netnsInode }: Offloaded): string {
  return ifindex === 0 ? "" : `  offloaded_to ifindex ${ifindex} ns_dev ${netnsDevice} ns_ino ${netnsInode}`;
}

export function offloadJson({ ifindex, netnsDevice, netnsInode }: Offloaded): Json | undefined {
  return ifindex === 0 ? undefined : { ifindex, ns_dev: netnsDevice, ns_inode: netnsInode };
}
