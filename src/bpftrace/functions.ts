import type { ProbeRow } from "./probes.ts";

/** Functions that `lower` emits; those folded by the checker never reach it. */
export type FunctionName =
  | "printf"
  | "errorf"
  | "warnf"
  | "debugf"
  | "print"
  | "time"
  | "cat"
  | "join"
  | "system"
  | "exit"
  | "fail"
  | "assert"
  | "static_assert"
  | "str"
  | "buf"
  | "strncmp"
  | "strlen"
  | "strcap"
  | "strstr"
  | "strcontains"
  | "str_concat"
  | "memcmp"
  | "strerror"
  | "signal_name"
  | "syscall_name"
  | "strftime"
  | "nsecs"
  | "pid"
  | "tid"
  | "comm"
  | "ppid"
  | "pcomm"
  | "leader_tid"
  | "leader_comm"
  | "kstack"
  | "ustack"
  | "dw_ustack"
  | "ksym"
  | "usym"
  | "kaddr"
  | "percpu_kaddr"
  | "uaddr"
  | "reg"
  | "ntop"
  | "pton"
  | "macaddr"
  | "bswap"
  | "socket_cookie"
  | "skboutput"
  | "path"
  | "cgroupid"
  | "cgroup_path"
  | "signal"
  | "signal_thread"
  | "override"
  | "write_user"
  | "unwatch"
  | "kptr"
  | "uptr"
  | "clear"
  | "zero"
  | "delete"
  | "has_key"
  | "find"
  | "len"
  | "getopt"
  | "typeinfo"
  | "is_ptr"
  | "is_str"
  | "is_array"
  | "is_integer"
  | "is_unsigned_integer"
  | "is_literal"
  | "is_err"
  | "container_of"
  | "kfunc_exist"
  | "kfunc_allowed";

export interface FunctionRow {
  readonly name: FunctionName;
  /** As shown in messages: `str(pointer[, length])`. */
  readonly signature: string;
  /** Least and most arguments. */
  readonly arity: readonly [least: number, most: number];
  /** sync: in the program; async: the session acts on a record; compile: folded by the checker. */
  readonly mode: "sync" | "async" | "compile";
  readonly unsafe: boolean;
  /** Absent: everywhere. */
  readonly allowed?: (probe: ProbeRow) => boolean;
  readonly status: "core" | "later";
  readonly doc: string;
}

type Arity = readonly [number, number];
/** printf's arguments are packed into one record. */
const most = 127;

function row(
  name: FunctionName,
  parameters: string,
  arity: Arity,
  mode: FunctionRow["mode"],
  doc: string,
  rest: Partial<FunctionRow> = {},
): FunctionRow {
  return {
    name,
    signature: `${name}(${parameters})`,
    arity,
    mode,
    doc,
    unsafe: false,
    status: "core",
    ...rest,
  };
}

const user = (probe: ProbeRow): boolean => probe.space === "user";
const later = { status: "later" } as const;

export const functionRows: readonly FunctionRow[] = [
  row("printf", "format, ...", [1, most], "async", "Prints, as C's printf does"),
  row("errorf", "format, ...", [1, most], "async", "Prints an error with its place in the script"),
  row("warnf", "format, ...", [1, most], "async", "Prints a warning with its place in the script"),
  row("debugf", "format, ...", [1, 4], "sync", "Prints to the kernel's trace pipe"),
  row("print", "value or @map[, top[, divisor]]", [1, 3], "async", "Prints a value or a map"),
  row("time", "[format]", [0, 1], "async", "Prints the time of day"),
  row("cat", "format, ...", [1, most], "async", "Prints a file"),
  row("join", "array[, separator]", [1, 2], "async", "Prints a NULL-ended array of strings"),
  row("system", "format, ...", [1, most], "async", "Runs a shell command", { unsafe: true }),
  row("exit", "[code]", [0, 1], "async", "Ends the script"),
  row("fail", "format, ...", [1, most], "compile", "Refuses to compile where it can be reached"),
  row(
    "assert",
    "condition, message",
    [2, 2],
    "async",
    "Ends the script with an error when the condition is false",
  ),
  row(
    "static_assert",
    "condition, message",
    [2, 2],
    "compile",
    "Refuses to compile when the condition is false",
  ),
  row("str", "pointer[, length]", [1, 2], "sync", "Reads a string"),
  row("buf", "data[, length]", [1, 2], "sync", "Reads bytes"),
  row("strncmp", "a, b, length", [3, 3], "sync", "0 when the first characters are the same"),
  row("strlen", "string", [1, 1], "sync", "Characters before the NUL"),
  row("strcap", "string", [1, 1], "compile", "Room of a string"),
  row("strstr", "haystack, needle", [2, 2], "sync", "Index of the needle, or -1"),
  row("strcontains", "haystack, needle", [2, 2], "sync", "True when the needle is there"),
  row("str_concat", "a, b", [2, 2], "sync", "Both strings as one", later),
  row("memcmp", "a, b, length", [3, 3], "sync", "Compares bytes", later),
  row("strerror", "error", [1, 1], "async", "Text of an errno", later),
  row("signal_name", "number", [1, 1], "async", "Name of a signal", later),
  row("syscall_name", "number", [1, 1], "async", "Name of a system call", later),
  row("strftime", "format, nsecs", [2, 2], "async", "A time stamp as text"),
  row("nsecs", "[clock]", [0, 1], "sync", "Nanoseconds of a clock: monotonic, boot, tai, sw_tai"),
  row("pid", "[namespace]", [0, 1], "sync", "Process id in a pid namespace: curr_ns or init"),
  row("tid", "[namespace]", [0, 1], "sync", "Thread id in a pid namespace: curr_ns or init"),
  row("comm", "[pid]", [0, 1], "sync", "Name of a task"),
  row("ppid", "[task]", [0, 1], "sync", "Pid of a task's parent"),
  row("pcomm", "[task]", [0, 1], "sync", "Name of a task's parent"),
  row("leader_tid", "[task]", [0, 1], "sync", "Thread id of a task's group leader"),
  row("leader_comm", "[task]", [0, 1], "sync", "Name of a task's group leader"),
  row("kstack", "[mode][, depth]", [0, 2], "sync", "The kernel stack"),
  row("ustack", "[mode][, depth]", [0, 2], "sync", "The user stack"),
  row("dw_ustack", "[mode][, depth]", [0, 2], "sync", "The user stack, unwound by DWARF", later),
  row("ksym", "address", [1, 1], "async", "Name of a kernel address"),
  row("usym", "address", [1, 1], "async", "Name of a user address"),
  row("kaddr", "name", [1, 1], "sync", "Address of a kernel symbol"),
  row("percpu_kaddr", "name[, cpu]", [1, 2], "sync", "Address of a per-CPU kernel variable", later),
  row("uaddr", "name", [1, 1], "sync", "Address of a user symbol", { allowed: user }),
  row("reg", "name", [1, 1], "sync", "A register", { allowed: (probe) => probe.registers }),
  row("ntop", "[family, ]address", [1, 2], "sync", "An IP address as text"),
  row("pton", "address", [1, 1], "compile", "Bytes of an IP address"),
  row("macaddr", "bytes", [1, 1], "sync", "A MAC address as text"),
  row("bswap", "number", [1, 1], "sync", "Bytes the other way round"),
  row("socket_cookie", "sock", [1, 1], "sync", "Cookie of a socket", later),
  row("skboutput", "path, skb, length, offset", [4, 4], "async", "Writes a packet to a pcap file", later),
  row("path", "path[, size]", [1, 2], "sync", "Name of a struct path", later),
  row("cgroupid", "path", [1, 1], "compile", "Id of a cgroup"),
  row("cgroup_path", "id[, filter]", [1, 2], "async", "Path of a cgroup"),
  row("signal", "signal", [1, 1], "sync", "Sends a signal to the current process", { unsafe: true }),
  row("signal_thread", "signal", [1, 1], "sync", "Sends a signal to the current thread", { unsafe: true }),
  row("override", "value", [1, 1], "sync", "Replaces the function's result", { unsafe: true, ...later }),
  row("write_user", "to, from, length", [3, 3], "sync", "Writes user memory", { unsafe: true, ...later }),
  row("unwatch", "address", [1, 1], "async", "Removes a watchpoint", later),
  row("kptr", "pointer", [1, 1], "compile", "The same pointer, into kernel memory"),
  row("uptr", "pointer", [1, 1], "compile", "The same pointer, into user memory"),
  row("clear", "@map", [1, 1], "async", "Empties a map"),
  row("zero", "@map", [1, 1], "async", "Sets every value of a map to zero"),
  row("delete", "@map[, key]", [1, 2], "sync", "Removes an entry; true when it was there"),
  row("has_key", "@map, key", [2, 2], "sync", "True when the entry is there"),
  row("find", "@map, key, $value", [3, 3], "sync", "Reads an entry when it is there"),
  row("len", "@map or stack", [1, 1], "sync", "Number of entries or frames"),
  row("getopt", "name[, default[, description]]", [1, 3], "compile", "An option given after --"),
  row("typeinfo", "value", [1, 1], "compile", "Type of an expression", later),
  row("is_ptr", "value", [1, 1], "compile", "True for pointers"),
  row("is_str", "value", [1, 1], "compile", "True for strings"),
  row("is_array", "value", [1, 1], "compile", "True for arrays"),
  row("is_integer", "value", [1, 1], "compile", "True for integers"),
  row("is_unsigned_integer", "value", [1, 1], "compile", "True for unsigned integers"),
  row("is_literal", "value", [1, 1], "compile", "True for literals"),
  row("is_err", "pointer", [1, 1], "compile", "True for the kernel's error pointers"),
  row("container_of", "pointer, type, member", [3, 3], "compile", "The record that a member lies in", later),
  row("kfunc_exist", "name", [1, 1], "compile", "True when the kernel has the kfunc"),
  row("kfunc_allowed", "name", [1, 1], "compile", "True when the probe may call the kfunc", later),
];

export function findFunction(name: string): FunctionRow | undefined {
  return functionRows.find((row) => row.name === name);
}
