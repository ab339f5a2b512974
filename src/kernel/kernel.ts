import type { BpfAttr, BpfCommand, BpfResult } from "./attr.ts";
import type { Fd } from "./fd.ts";
import type { HostFiles } from "./host-files.ts";
import type { PerfEventAttr, PerfTarget } from "./perf-event.ts";

/**
 * The port: everything bpfkit asks of a kernel, one method a thing the kernel does. It is handed down as
 * a parameter, never kept in a module. Failing calls throw {@link SyscallError}.
 */
export interface Kernel extends Disposable {
  /** For people: `linux 6.12.107-amd64`, `embedded`. */
  readonly name: string;
  readonly release: KernelRelease;
  /** What its JIT makes of programs: the machine's own code, or WebAssembly modules. */
  readonly machineCode: "native" | "wasm";
  /** Bytes. */
  readonly pageSize: number;
  readonly files: HostFiles;

  /** bpf(2). A failed PROG_LOAD or BTF_LOAD with a log buffer carries the log in the error. */
  bpf<C extends BpfCommand>(command: C, attr: BpfAttr[C], common?: CommonAttr): BpfResult[C];
  /**
   * OBJ_GET_INFO_BY_FD with buffers: each is filled by the kernel through a pointer member of `info` at that
   * offset. Returns the bytes of `info` that the kernel knows.
   */
  objectInfo(fd: Fd, info: Uint8Array, pointers?: readonly InfoPointer[]): number;
  perfEventOpen(attr: PerfEventAttr, target: PerfTarget): Fd;
  /** `argument`: a plain number, or a buffer or text that the request points to. */
  ioctl(fd: Fd, request: number, argument?: number | bigint | string | Uint8Array): number;
  /** `address`: there and nowhere else; arenas may demand that. */
  mmap(
    fd: Fd,
    length: number,
    protection: "read" | "readWrite",
    offset?: number,
    address?: bigint,
  ): MappedRegion;
  /** Reads at most `buffer.length` bytes; 0 is the end of the file. */
  read(fd: Fd, buffer: Uint8Array): number;
  close(fd: Fd): void;
  /**
   * Sends one request over a netlink socket of its own (`protocol` 0 is rtnetlink, in this process's network
   * namespace) and returns the datagrams of the answer, up to the one that `isLast` finds to be its end.
   */
  netlink(protocol: number, request: Uint8Array, isLast: (datagram: Uint8Array) => boolean): Uint8Array[];
  /** Mounts a file system that needs no device, as `bpf`, on a directory. */
  mount(type: string, directory: string): void;
  /** setsockopt(2) of SOL_SOCKET, for options that take one number. */
  setSocketOption(socket: Fd, option: number, value: number): void;
  /** A descriptor of a process, which becomes readable when the process ends (pidfd, Linux 5.3). */
  openProcess(pid: number): Fd;

  /**
   * Calls `ready` from the event loop as long as `fd` is readable (level-triggered), without a timer and
   * without a thread. Keeps the process alive until disposed, unless `unref`.
   */
  watch(fd: Fd, ready: () => void): Watch;

  /** Nanoseconds of a clock. */
  clock(id: ClockId): bigint;
}

/** struct bpf_common_attr: a log for any command (Linux 7.x); ignored by kernels that lack it. */
export interface CommonAttr {
  readonly log: Uint8Array;
  readonly logLevel: number;
}

export interface InfoPointer {
  readonly offset: number;
  readonly buffer: Uint8Array;
}

export interface KernelRelease {
  /** As uname prints it. */
  readonly text: string;
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** `x64`, `arm64`: process.arch's names. */
  readonly arch: string;
}

/** Memory shared with the kernel. Nothing may touch `bytes` after disposal: the pages are gone. */
export interface MappedRegion extends Disposable {
  /** The region alone; its ArrayBuffer may hold more. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface Watch extends Disposable {
  ref(): void;
  unref(): void;
}

export type ClockId = "realtime" | "monotonic" | "boottime" | "tai";
