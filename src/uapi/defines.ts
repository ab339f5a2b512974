// What the kernel's headers give by #define, so that no BTF has it: include/uapi/linux/{bpf,perf_event}.h.

/** Update flags: create or replace, only create, only replace. */
export const BPF_ANY = 0;
export const BPF_NOEXIST = 1;
export const BPF_EXIST = 2;

/** prog_flags of PROG_LOAD. */
export const BPF_PROG_FLAG = {
  STRICT_ALIGNMENT: 1,
  ANY_ALIGNMENT: 2,
  TEST_RND_HI32: 4,
  TEST_STATE_FREQ: 8,
  SLEEPABLE: 16,
  XDP_HAS_FRAGS: 32,
  XDP_DEV_BOUND_ONLY: 64,
  TEST_REG_INVARIANTS: 128,
} as const;

/** attach_flags of PROG_ATTACH and flags of multi-program links. */
export const BPF_ATTACH_FLAG = {
  ALLOW_OVERRIDE: 1,
  ALLOW_MULTI: 2,
  REPLACE: 4,
  BEFORE: 8,
  AFTER: 16,
  ID: 32,
  PREORDER: 64,
  LINK: 8192,
} as const;

/** flags of PROG_TEST_RUN. */
export const BPF_TEST_FLAG = {
  RUN_ON_CPU: 1,
  XDP_LIVE_FRAMES: 2,
  SKB_CHECKSUM_COMPLETE: 4,
} as const;

/** log_level of PROG_LOAD: bits. */
export const BPF_LOG = { LEVEL1: 1, LEVEL2: 2, STATS: 4, FIXED: 8 } as const;

/** src register of ldimm64: what the 64-bit immediate stands for. */
export const BPF_PSEUDO_LD = {
  MAP_FD: 1,
  MAP_VALUE: 2,
  BTF_ID: 3,
  FUNC: 4,
  MAP_IDX: 5,
  MAP_IDX_VALUE: 6,
} as const;

/** src register of a call; 0 calls a helper by id. */
export const BPF_PSEUDO_CALL = 1;
export const BPF_PSEUDO_KFUNC_CALL = 2;

/** Bytes of a name, with its NUL. */
export const BPF_OBJ_NAME_LEN = 16;
export const BPF_TAG_SIZE = 8;
export const BPF_BUILD_ID_SIZE = 20;
/** Bytes of a program's stack frame. */
export const MAX_BPF_STACK = 512;
export const MAX_TAIL_CALL_CNT = 33;

/** Second flag word of the bpf(2) command: the call has a fourth and fifth argument (bpf_common_attr). */
export const BPF_COMMON_ATTRS: number = 1 << 16;

/** ioctl(2) requests of perf events, x86 and arm64 encoding. */
export const PERF_EVENT_IOC = {
  ENABLE: 0x2400,
  DISABLE: 0x2401,
  REFRESH: 0x2402,
  RESET: 0x2403,
  PERIOD: 0x40082404,
  SET_OUTPUT: 0x2405,
  SET_FILTER: 0x40082406,
  ID: 0x80082407,
  SET_BPF: 0x40042408,
  PAUSE_OUTPUT: 0x40042409,
  QUERY_BPF: 0xc008240a,
  MODIFY_ATTRIBUTES: 0x4008240b,
} as const;

/** flags of perf_event_open(2). */
export const PERF_FLAG = { FD_NO_GROUP: 1, FD_OUTPUT: 2, PID_CGROUP: 4, FD_CLOEXEC: 8 } as const;

/** ELF and system constants that the BPF calls need. */
export const EM_BPF = 247;
