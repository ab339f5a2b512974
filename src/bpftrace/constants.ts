/**
 * Macros of C headers that scripts use after `#include`: BTF keeps types and enumerators but no macros.
 * Values are those of Linux on every architecture this runs on.
 */
export const headerConstants: ReadonlyMap<string, bigint> = new Map<string, bigint>([
  // linux/socket.h
  ["AF_UNSPEC", 0n],
  ["AF_UNIX", 1n],
  ["AF_LOCAL", 1n],
  ["AF_INET", 2n],
  ["AF_INET6", 10n],
  ["AF_NETLINK", 16n],
  ["AF_PACKET", 17n],
  ["AF_VSOCK", 40n],
  // linux/in.h
  ["IPPROTO_IP", 0n],
  ["IPPROTO_ICMP", 1n],
  ["IPPROTO_TCP", 6n],
  ["IPPROTO_UDP", 17n],
  ["IPPROTO_ICMPV6", 58n],
  // linux/sched.h
  ["TASK_RUNNING", 0n],
  ["TASK_INTERRUPTIBLE", 1n],
  ["TASK_UNINTERRUPTIBLE", 2n],
  ["TASK_COMM_LEN", 16n],
  // linux/fcntl.h
  ["O_RDONLY", 0n],
  ["O_WRONLY", 1n],
  ["O_RDWR", 2n],
  ["O_CREAT", 0o100n],
  ["O_EXCL", 0o200n],
  ["O_TRUNC", 0o1000n],
  ["O_APPEND", 0o2000n],
  ["O_NONBLOCK", 0o4000n],
  ["O_CLOEXEC", 0o2000000n],
  ["AT_FDCWD", -100n],
  // linux/stat.h
  ["S_IFMT", 0o170000n],
  ["S_IFSOCK", 0o140000n],
  ["S_IFLNK", 0o120000n],
  ["S_IFREG", 0o100000n],
  ["S_IFBLK", 0o060000n],
  ["S_IFDIR", 0o040000n],
  ["S_IFCHR", 0o020000n],
  ["S_IFIFO", 0o010000n],
  // limits and sizes
  ["PATH_MAX", 4096n],
  ["NAME_MAX", 255n],
  ["HZ", 100n],
  ["NULL", 0n],
  ["INT_MAX", 0x7fffffffn],
  ["UINT_MAX", 0xffffffffn],
]);

/** Signals of asm-generic, by name without SIG. */
export const signals: ReadonlyMap<string, number> = new Map(
  (
    "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP " +
    "TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"
  )
    .split(" ")
    .map((name, index) => [name, index + 1]),
);
