/** Numbers of the system calls that bpfkit makes: include/uapi/asm-generic/unistd.h and x86's own table. */
export interface SyscallNumbers {
  readonly read: number;
  readonly mmap: number;
  readonly munmap: number;
  readonly ioctl: number;
  readonly socket: number;
  readonly sendto: number;
  readonly recvfrom: number;
  readonly setsockopt: number;
  readonly mount: number;
  readonly clock_gettime: number;
  readonly perf_event_open: number;
  readonly prlimit64: number;
  readonly bpf: number;
  readonly fsopen: number;
  readonly fsconfig: number;
  readonly fsmount: number;
  readonly pidfd_open: number;
  readonly ptrace: number;
  readonly wait4: number;
  readonly kill: number;
  readonly setitimer: number;
  readonly rt_sigaction: number;
  readonly process_vm_readv: number;
  readonly prctl: number;
  readonly seccomp: number;
  readonly clone: number;
  readonly clone3: number;
  /** -1 where there is no such call. */
  readonly fork: number;
  readonly vfork: number;
}

// Calls newer than 2019 have one number everywhere.
const EVERYWHERE = { fsopen: 430, fsconfig: 431, fsmount: 432, pidfd_open: 434, clone3: 435 } as const;

export const SYSCALLS: Readonly<Record<string, SyscallNumbers>> = {
  x64: {
    ...EVERYWHERE,
    read: 0,
    mmap: 9,
    munmap: 11,
    ioctl: 16,
    socket: 41,
    sendto: 44,
    recvfrom: 45,
    setsockopt: 54,
    mount: 165,
    clock_gettime: 228,
    perf_event_open: 298,
    prlimit64: 302,
    bpf: 321,
    ptrace: 101,
    wait4: 61,
    kill: 62,
    setitimer: 38,
    rt_sigaction: 13,
    process_vm_readv: 310,
    prctl: 157,
    seccomp: 317,
    clone: 56,
    fork: 57,
    vfork: 58,
  },
  arm64: {
    ...EVERYWHERE,
    read: 63,
    mmap: 222,
    munmap: 215,
    ioctl: 29,
    socket: 198,
    sendto: 206,
    recvfrom: 207,
    setsockopt: 208,
    mount: 40,
    clock_gettime: 113,
    perf_event_open: 241,
    prlimit64: 261,
    bpf: 280,
    ptrace: 117,
    wait4: 260,
    kill: 129,
    setitimer: 103,
    rt_sigaction: 134,
    process_vm_readv: 270,
    prctl: 167,
    seccomp: 277,
    clone: 220,
    fork: -1,
    vfork: -1,
  },
};
