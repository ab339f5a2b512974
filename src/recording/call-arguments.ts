// What the arguments of system calls point to, told from how the kernel's tracepoints declare them.

/** How many elements or bytes: given, in another argument, or what the call returned. */
export type Extent =
  | { readonly from: "constant"; readonly value: number }
  | { readonly from: "argument"; readonly index: number }
  | { readonly from: "result"; readonly most: number };

export interface PointerRule {
  /** Of the argument that points there. */
  readonly index: number;
  readonly kind:
    | "text" /** Ended by a NUL. */
    | "texts" /** Addresses of texts, ended by a null one. */
    | "bytes"
    | "vectors" /** struct iovec, with what they point to. */
    | "message" /** struct user_msghdr, with what it points to. */;
  readonly extent: Extent;
  /** Bytes of an element. */
  readonly unit: number;
  /** There before the call; after it. */
  readonly when: readonly ("entry" | "exit")[];
}

/** Bytes of what kernel headers declare (64-bit). */
const SIZES: Readonly<Record<string, number>> = {
  int: 4,
  u32: 4,
  "unsigned int": 4,
  "unsigned long": 8,
  unsigned: 4,
  uid_t: 4,
  gid_t: 4,
  timer_t: 4,
  loff_t: 8,
  size_t: 8,
  aio_context_t: 8,
  __kernel_old_time_t: 8,
  sigset_t: 8,
  siginfo_t: 128,
  stack_t: 24,
  fd_set: 128,
  "struct siginfo": 128,
  "struct sigaction": 32,
  "struct sigevent": 64,
  "struct __kernel_timespec": 16,
  "struct __kernel_itimerspec": 32,
  "struct __kernel_old_timeval": 16,
  "struct __kernel_old_itimerval": 32,
  "struct __kernel_timex": 208,
  "struct timezone": 8,
  "struct tms": 32,
  "struct utimbuf": 16,
  "struct rlimit": 16,
  "struct rlimit64": 16,
  "struct rusage": 144,
  "struct sched_param": 4,
  "struct sched_attr": 56,
  "struct stat": 144,
  "struct statx": 256,
  "struct statfs": 120,
  "struct ustat": 32,
  "struct sysinfo": 112,
  "struct new_utsname": 390,
  "struct epoll_event": 12,
  "struct pollfd": 8,
  "struct futex_waitv": 24,
  "struct sembuf": 6,
  "struct io_event": 32,
  "struct iocb": 64,
  "struct io_uring_params": 120,
  "struct mq_attr": 64,
  "struct msqid_ds": 120,
  "struct shmid_ds": 112,
  "struct file_handle": 8,
  "struct perf_event_attr": 136,
  "struct rseq": 32,
  "struct mmsghdr": 64,
  "struct iovec": 16,
  "struct user_msghdr": 56,
  /** Of sockaddr_in6: the longest but for sockets with a path. */
  "struct sockaddr": 28,
};

/** Arrays by the number of elements in the argument behind. */
const COUNTS: ReadonlySet<string> = new Set([
  "nfds",
  "nsops",
  "vlen",
  "nr_futexes",
  "liovcnt",
  "riovcnt",
  "nr_segs",
]);
/** Sizes in bytes, in the argument behind. */
const LENGTHS =
  /^(len|length|count|size|sizemask|sigsetsize|usize|plen|bufsiz|buflen|msg_len|msgsz|nbytes|addrlen|optlen|argsz|bytecount|rseq_len)$/;

/** Arrays that the call fills, by the number that it returns. */
const RESULT_COUNTS: ReadonlySet<string> = new Set(["struct epoll_event", "struct io_event"]);

/**
 * Rules for the arguments of one call, each declared as `const char * filename`. Arguments that point nowhere have
 * none, nor has what the table above does not know.
 */
export function pointerRules(args: readonly string[]): PointerRule[] {
  return args.flatMap((text, index) => ruleOf(text, args[index + 1], index) ?? []);
}

function ruleOf(text: string, behind: string | undefined, index: number): PointerRule | undefined {
  const [type, name] = split(text);
  if (!type.endsWith("*") && !type.endsWith("*const")) return undefined;
  const constant = type.startsWith("const ");
  const target = type
    .replace(/^const /, "")
    .replace(/\s*\*(const)?$/, "")
    .trim();
  const [lengthType, length] = behind === undefined ? ["", ""] : split(behind);
  const counted = !lengthType.includes("*");
  const when = constant ? (["entry"] as const) : (["entry", "exit"] as const);
  const single: Extent = { from: "constant", value: 1 };
  // Environments hold what should not travel: keys, tokens, passwords.
  if (name === "envp") return undefined;
  if (type === "const char *const *") return { index, kind: "texts", extent: single, unit: 1, when };
  if (target === "struct iovec")
    return {
      index,
      kind: "vectors",
      extent: { from: "argument", index: index + 1 },
      unit: 16,
      when: ["entry", "exit"],
    };
  if (target === "struct user_msghdr") return { index, kind: "message", extent: single, unit: 56, when };
  if (counted && LENGTHS.test(length)) {
    // What the call fills is there behind it, and as long as its result says.
    const fills = (target === "char" || target === "void" || target.includes("dirent")) && !constant;
    const given = name === "buff" || name === "optval" || name === "msgp";
    if (fills && !given)
      return { index, kind: "bytes", extent: { from: "result", most: index + 1 }, unit: 1, when: ["exit"] };
    return { index, kind: "bytes", extent: { from: "argument", index: index + 1 }, unit: 1, when: ["entry"] };
  }
  if (target === "char") {
    const out = name === "value" || name === "list";
    return out ? undefined : { index, kind: "text", extent: single, unit: 1, when: ["entry"] };
  }
  const unit = SIZES[target];
  if (unit === undefined) return undefined;
  if (RESULT_COUNTS.has(target) && name === "events")
    return { index, kind: "bytes", extent: { from: "result", most: -1 }, unit, when: ["exit"] };
  if (counted && COUNTS.has(length))
    return { index, kind: "bytes", extent: { from: "argument", index: index + 1 }, unit, when };
  const pair = name === "fildes" || name === "usockvec" || name === "utimes";
  return { index, kind: "bytes", extent: { from: "constant", value: pair ? 2 : 1 }, unit, when };
}

function split(text: string): readonly [type: string, name: string] {
  const space = text.lastIndexOf(" ");
  return [text.slice(0, space), text.slice(space + 1)];
}
