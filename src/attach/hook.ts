import type { Fd } from "../kernel/index.ts";
import type { AttachTarget } from "../object/index.ts";

/** Hooks of the tracing language that the kernel fires; its others are run by {@link runProgram}. */
export type HookTarget = Exclude<AttachTarget, { readonly kind: "begin" | "end" | "signal" }>;

/** Entry, return, or one program for both (sessions: kprobes since Linux 6.10, uprobes since 6.13). */
export type ProbeMode = "entry" | "return" | "session";

/** What a program can be hooked into: as the tracing language says it, or as a C program's section does. */
export type Hook =
  | HookTarget
  /** Function, tracepoint or LSM hook that was fixed when the program was loaded. */
  | { readonly kind: "typed" }
  /** Many kernel functions at once, with BTF types (Linux 7.2): a pattern of * and ?, `module:` in front. */
  | { readonly kind: "typed-multi"; readonly pattern: string }
  /** Another program's function in place of the one given at load. */
  | { readonly kind: "freplace"; readonly program: Fd; readonly functionTypeId: number }
  /** Many kernel functions at once (Linux 5.18): names, or a pattern of * and ?. */
  | {
      readonly kind: "kprobe-multi";
      readonly functions: string | readonly string[];
      readonly mode: ProbeMode;
      /** One for each function of a list. */
      readonly cookies?: readonly bigint[];
    }
  /** A system call by its own name, as `openat`. */
  | { readonly kind: "ksyscall"; readonly syscall: string; readonly return: boolean }
  /** Many functions of one file at once (Linux 6.6). */
  | {
      readonly kind: "uprobe-multi";
      readonly path: string;
      readonly functions: string | readonly string[];
      readonly mode: ProbeMode;
      readonly cookies?: readonly bigint[];
    }
  | { readonly kind: "usdt"; readonly path: string; readonly provider: string; readonly name: string }
  | { readonly kind: "iterator"; readonly over?: IteratorScope }
  | { readonly kind: "cgroup"; readonly path: string }
  | {
      readonly kind: "xdp";
      readonly interface: string;
      /** Where it runs; absent: in the driver if that can, else generic. */
      readonly mode?: "driver" | "generic" | "offload";
      /** Not by a link (Linux 5.9) but by netlink, where drivers or other tools want it so. */
      readonly netlink?: boolean;
    }
  | { readonly kind: "tcx"; readonly interface: string; readonly anchor?: Anchor }
  | { readonly kind: "netkit"; readonly interface: string; readonly anchor?: Anchor }
  /** A filter at a clsact qdisc, by netlink: every kernel. */
  | {
      readonly kind: "tc";
      readonly interface: string;
      readonly direction: "ingress" | "egress";
      /** Absent: the kernel chooses. */
      readonly priority?: number;
    }
  | {
      readonly kind: "netfilter";
      readonly family: "ipv4" | "ipv6";
      readonly hook: NetfilterHook;
      readonly priority: number;
      readonly defragment?: boolean;
    }
  /** A network namespace (sk_lookup, flow_dissector), by its file; absent: this process's own. */
  | { readonly kind: "netns"; readonly path?: string }
  /** A sockmap or sockhash (sk_skb, sk_msg). */
  | { readonly kind: "sockmap"; readonly map: Fd }
  /** A socket (filters, and the groups of sk_reuseport), by its descriptor. */
  | { readonly kind: "socket"; readonly fd: Fd }
  /** A receiver of infrared, as /dev/lirc0. */
  | { readonly kind: "lirc"; readonly path: string };

export type NetfilterHook = "prerouting" | "input" | "forward" | "output" | "postrouting";

/** Place in an interface's list of programs, relative to another program. */
export interface Anchor {
  readonly place: "before" | "after";
  /** Absent: before or after all. */
  readonly program?: { readonly fd: Fd };
}

/** What an iterator goes over, where its kind takes a parameter. */
export type IteratorScope =
  | { readonly kind: "map"; readonly fd: Fd }
  | {
      readonly kind: "cgroup";
      readonly fd: Fd;
      readonly order: "self" | "descendants-pre" | "descendants-post" | "ancestors";
    }
  | { readonly kind: "task"; readonly pid?: number; readonly tid?: number };
