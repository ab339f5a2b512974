// The part of rtnetlink that bpfkit speaks: include/uapi/linux/{netlink,rtnetlink,if_link,pkt_sched,pkt_cls}.h and
// tc_act/tc_bpf.h.

export const NETLINK_ROUTE = 0;
/** Headers and attributes begin at multiples of this. */
export const NLMSG_ALIGN = 4;

export const NLMSG = { NOOP: 1, ERROR: 2, DONE: 3, OVERRUN: 4, MIN_TYPE: 16 } as const;

export const NLM_F = {
  REQUEST: 0x1,
  MULTI: 0x2,
  ACK: 0x4,
  ECHO: 0x8,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  DUMP: 0x300,
  /** Of answers: the request is not repeated in it, attributes follow. */
  CAPPED: 0x100,
  ACK_TLVS: 0x200,
} as const;

export const NLMSGERR_ATTR_MSG = 1;

/** Bits of an attribute's type that are no part of its number. */
export const NLA_TYPE_MASK = 0x3fff;
export const NLA_F_NESTED = 0x8000;

export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWQDISC: 36,
  DELQDISC: 37,
  GETQDISC: 38,
  NEWTCLASS: 40,
  GETTCLASS: 42,
  NEWTFILTER: 44,
  DELTFILTER: 45,
  GETTFILTER: 46,
} as const;

export const AF_PACKET = 17;
export const IFF_UP = 1;

export const IFLA = { IFNAME: 3, MTU: 4, LINKINFO: 18, XDP: 43 } as const;
export const IFLA_INFO = { KIND: 1, DATA: 2 } as const;

export const IFLA_XDP = {
  FD: 1,
  ATTACHED: 2,
  FLAGS: 3,
  PROG_ID: 4,
  DRV_PROG_ID: 5,
  SKB_PROG_ID: 6,
  HW_PROG_ID: 7,
  EXPECTED_FD: 8,
} as const;

export const XDP_ATTACHED = { NONE: 0, DRV: 1, SKB: 2, HW: 3, MULTI: 4 } as const;

export const XDP_FLAGS = {
  UPDATE_IF_NOEXIST: 0x1,
  SKB_MODE: 0x2,
  DRV_MODE: 0x4,
  HW_MODE: 0x8,
  REPLACE: 0x10,
} as const;

export const TCA = { KIND: 1, OPTIONS: 2 } as const;
export const TCA_BPF = { ACT: 1, FD: 6, NAME: 7, FLAGS: 8, FLAGS_GEN: 9, TAG: 10, ID: 11 } as const;
/** The program's result is the verdict; there are no actions behind it. */
export const TCA_BPF_FLAG_ACT_DIRECT = 1;
export const TCA_ACT = { KIND: 1, OPTIONS: 2 } as const;
export const TCA_ACT_BPF = { NAME: 6, ID: 9 } as const;

/** Handles and parents: major number in the upper half. */
export const TC_HANDLE = {
  ROOT: 0xffff_ffff,
  CLSACT: 0xffff_fff1,
  CLSACT_QDISC: 0xffff_0000,
  INGRESS: 0xffff_fff2,
  EGRESS: 0xffff_fff3,
} as const;

export const ETH_P_ALL = 0x0003;
