/** include/uapi/linux/ptrace.h */
export const PTRACE = {
  POKEDATA: 5,
  CONT: 7,
  SINGLESTEP: 9,
  DETACH: 17,
  SYSCALL: 24,
  SETOPTIONS: 0x4200,
  GETEVENTMSG: 0x4201,
  GETSIGINFO: 0x4202,
  GETREGSET: 0x4204,
  SETREGSET: 0x4205,
  SEIZE: 0x4206,
  INTERRUPT: 0x4207,
  LISTEN: 0x4208,
  GET_SYSCALL_INFO: 0x420e,
} as const;

export const PTRACE_O = {
  TRACESYSGOOD: 1,
  TRACEFORK: 0x2,
  TRACEVFORK: 0x4,
  TRACECLONE: 0x8,
  TRACEEXEC: 0x10,
  TRACEEXIT: 0x40,
  TRACESECCOMP: 0x80,
  EXITKILL: 0x100000,
} as const;

export const PTRACE_EVENT = {
  FORK: 1,
  VFORK: 2,
  CLONE: 3,
  EXEC: 4,
  VFORK_DONE: 5,
  EXIT: 6,
  SECCOMP: 7,
  STOP: 128,
} as const;

/** struct ptrace_syscall_info (Linux 5.3): offsets. */
export const SYSCALL_INFO = {
  size: 88,
  op: 0,
  arch: 4,
  entryNumber: 24,
  entryArguments: 32,
  exitResult: 24,
  exitFailed: 32,
} as const;

export const SYSCALL_INFO_OP = { ENTRY: 1, EXIT: 2, SECCOMP: 3 } as const;

/** include/uapi/linux/wait.h */
export const WAIT = { NOHANG: 1, UNTRACED: 2, NOTHREAD: 0x2000_0000, ALL: 0x4000_0000 } as const;

export const SIGNAL = {
  KILL: 9,
  TRAP: 5,
  ALRM: 14,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
} as const;

/** Signals that stop whole processes. */
export const STOPPING: ReadonlySet<number> = new Set([SIGNAL.STOP, SIGNAL.TSTP, SIGNAL.TTIN, SIGNAL.TTOU]);
