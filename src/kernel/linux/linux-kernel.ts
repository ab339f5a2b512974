import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { release as osRelease } from "node:os";
import { BpfkitError } from "../../errors.ts";
import { BPF_CMD, BPF_COMMON_ATTRS, ERRNO, PERF_FLAG } from "../../uapi/index.ts";
import { asFd, bpfCommands, permissionHints, SyscallError } from "../index.ts";
import type {
  BpfAttr,
  BpfCommand,
  BpfCommandRow,
  BpfResult,
  ClockId,
  CommonAttr,
  Fd,
  HostFiles,
  InfoPointer,
  Kernel,
  KernelRelease,
  MappedRegion,
  PerfEventAttr,
  PerfTarget,
  Watch,
} from "../index.ts";
import { AttrMarshaller } from "./attr-marshal.ts";
import { readCredentials } from "./credentials.ts";
import { LinuxFiles } from "./linux-files.ts";
import { loadNative } from "./native.ts";
import type { Native, SyscallArgument } from "./native.ts";
import { exchange } from "./netlink-socket.ts";
import { encodePerfEventAttr } from "./perf-event-attr.ts";
import { SYSCALLS } from "./syscalls.ts";
import type { SyscallNumbers } from "./syscalls.ts";
import { openTracefs } from "./tracefs.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const SOL_SOCKET = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED_NOREPLACE = 0x100000;
const RLIMIT_MEMLOCK = 8;
const CLOCKS: Readonly<Record<ClockId, number>> = { realtime: 0, monotonic: 1, boottime: 7, tai: 11 };
/** struct bpf_common_attr. */
const COMMON_ATTR_SIZE = 24;

export interface LinuxKernelOptions {
  /** A file with the kernel's BTF, raw or in an ELF's .BTF section, in place of the kernel's own. */
  readonly btf?: string;
}

/**
 * The running Linux kernel.
 * @throws BpfkitError if this is not Linux, or the FFI cannot be loaded
 */
export function openLinuxKernel(options: LinuxKernelOptions = {}): Kernel {
  const numbers = process.platform === "linux" ? SYSCALLS[process.arch] : undefined;
  if (!numbers)
    throw new BpfkitError(`There is no bpf(2) for bpfkit on ${process.platform}-${process.arch}`, {
      code: "kernel/no-linux",
      hints: ["bpfkit reaches the kernel on Linux on x86-64 and arm64; compiling works everywhere"],
    });
  return new LinuxKernel(loadNative(), numbers, options);
}

class LinuxKernel implements Kernel {
  readonly #native: Native;
  readonly #numbers: SyscallNumbers;
  readonly #attr: AttrMarshaller;
  readonly #tracefs: Disposable[] = [];
  /** Buffers that the kernel knows by address until the call returns. */
  readonly #pinned: Uint8Array[] = [];
  readonly release: KernelRelease;
  readonly machineCode = "native";
  readonly name: string;
  readonly pageSize: number;
  readonly files: HostFiles;

  constructor(native: Native, numbers: SyscallNumbers, options: LinuxKernelOptions) {
    this.#native = native;
    this.#numbers = numbers;
    this.#attr = new AttrMarshaller(native);
    this.release = parseRelease(osRelease(), process.arch);
    this.pageSize = readPageSize();
    this.name = `linux ${this.release.text}`;
    this.files = new LinuxFiles({
      release: this.release.text,
      ...(options.btf !== undefined && { btf: options.btf }),
      mapFile: (path) => this.#mapFile(path),
      openTracefs: () => {
        const mount = openTracefs({
          call: (call, ...args) => this.#call(call, numbers[call], ...args),
          pin: (buffer) => this.#pin(buffer),
        });
        this.#tracefs.push(mount);
        return mount.path;
      },
    });
    this.#liftMemlockLimit();
  }

  bpf<C extends BpfCommand>(command: C, attr: BpfAttr[C], common?: CommonAttr): BpfResult[C] {
    const size = this.#attr.write(command, attr);
    const result = common
      ? this.#bpfWithLog(BPF_CMD[command] | BPF_COMMON_ATTRS, size, common)
      : this.#native.syscall(this.#numbers.bpf, BPF_CMD[command], this.#attr.address, size);
    const errno = result < 0 ? this.#native.errno() : 0;
    // Which result belongs to which command is said by the table that both types are derived from.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return this.#answer(command, attr, result, errno, common) as BpfResult[C];
  }

  #bpfWithLog(command: number, size: number, { log, logLevel }: CommonAttr): number {
    const common = new Uint8Array(COMMON_ATTR_SIZE);
    const view = new DataView(common.buffer);
    view.setBigUint64(0, this.#pin(log), true);
    view.setUint32(8, log.byteLength, true);
    view.setUint32(12, logLevel, true);
    const { bpf } = this.#numbers;
    const pointer = this.#pin(common);
    const result = this.#native.syscall(bpf, command, this.#attr.address, size, pointer, COMMON_ATTR_SIZE);
    this.#pinned.length = 0;
    return result;
  }

  #answer(
    command: BpfCommand,
    attr: BpfAttr[BpfCommand],
    result: number,
    errno: number,
    common: CommonAttr | undefined,
  ): BpfResult[BpfCommand] | Readonly<Record<string, number | bigint>> {
    const row: BpfCommandRow = bpfCommands[command];
    const failed = errno !== 0;
    const missing = errno === ERRNO.ENOENT;
    if (failed && !(missing && (row.returns === "found" || row.returns === "id" || row.returns === "batch")))
      throw this.#bpfError(command, attr, errno, common);
    switch (row.returns) {
      case "none":
        return undefined;
      case "fd":
        return asFd(result);
      case "count":
        return result;
      case "found":
        return !missing;
      case "id":
        return missing ? undefined : Number(this.#attr.read(command, "next_id"));
      case "batch":
        return { count: Number(this.#attr.read(command, "count")), end: missing };
      case "outputs":
        return Object.fromEntries(
          (row.outputs ?? []).map((name) => [name, this.#attr.read(command, name)] as const),
        );
    }
  }

  #bpfError(
    command: BpfCommand,
    attr: BpfAttr[BpfCommand],
    errno: number,
    common: CommonAttr | undefined,
  ): SyscallError {
    const buffer = [common, attr]
      .flatMap((source) => Object.entries(source ?? {}))
      .find(([name, value]) => LOG_FIELDS.has(name) && value instanceof Uint8Array)?.[1];
    const type = "prog_type" in attr ? attr.prog_type : undefined;
    const log = buffer instanceof Uint8Array ? cString(buffer) : "";
    return this.#error(`bpf(${command})`, errno, { log, ...(type !== undefined && { programType: type }) });
  }

  objectInfo(fd: Fd, info: Uint8Array, pointers: readonly InfoPointer[] = []): number {
    const view = new DataView(info.buffer, info.byteOffset, info.byteLength);
    for (const { offset, buffer } of pointers) view.setBigUint64(offset, this.#native.address(buffer), true);
    try {
      return this.bpf("OBJ_GET_INFO_BY_FD", { bpf_fd: fd, info }).info_len;
    } finally {
      for (const { offset } of pointers) view.setBigUint64(offset, 0n, true);
    }
  }

  perfEventOpen(attr: PerfEventAttr, target: PerfTarget): Fd {
    const bytes = encodePerfEventAttr(attr, (buffer) => this.#pin(buffer));
    const { pid, cpu, group = -1, flags = 0 } = target;
    const fd = this.#call(
      "perf_event_open",
      this.#numbers.perf_event_open,
      this.#pin(bytes),
      pid,
      cpu,
      group,
      flags | PERF_FLAG.FD_CLOEXEC,
    );
    return asFd(fd);
  }

  ioctl(fd: Fd, request: number, argument: number | bigint | string | Uint8Array = 0): number {
    const buffer = typeof argument === "string" ? Buffer.from(`${argument}\0`) : argument;
    const value = buffer instanceof Uint8Array ? this.#pin(buffer) : buffer;
    return this.#call(`ioctl(0x${request.toString(16)})`, this.#numbers.ioctl, fd, request, value);
  }

  mmap(fd: Fd, length: number, protection: "read" | "readWrite", offset = 0, wanted = 0n): MappedRegion {
    const bits = protection === "read" ? PROT_READ : PROT_READ | PROT_WRITE;
    const flags = wanted === 0n ? MAP_SHARED : MAP_SHARED | MAP_FIXED_NOREPLACE;
    const address = this.#call("mmap", this.#numbers.mmap, wanted, length, bits, flags, fd, offset);
    const bytes = new Uint8Array(this.#native.view(address, length));
    let mapped = true;
    return {
      bytes,
      [Symbol.dispose]: () => {
        if (mapped) this.#call("munmap", this.#numbers.munmap, address, length);
        mapped = false;
      },
    };
  }

  /** Stays mapped as long as the process lives, since what was read from it refers to it. */
  #mapFile(path: string): Uint8Array | undefined {
    const fd = openSync(path, "r");
    try {
      const { size } = fstatSync(fd);
      const address = this.#native.syscall(this.#numbers.mmap, 0, size, PROT_READ, MAP_PRIVATE, fd, 0);
      return address > 0 ? new Uint8Array(this.#native.view(address, size)) : undefined;
    } finally {
      closeSync(fd);
    }
  }

  read(fd: Fd, buffer: Uint8Array): number {
    return this.#call("read", this.#numbers.read, fd, this.#pin(buffer), buffer.byteLength);
  }

  close(fd: Fd): void {
    closeSync(fd);
  }

  netlink(protocol: number, request: Uint8Array, isLast: (datagram: Uint8Array) => boolean): Uint8Array[] {
    return exchange(
      {
        call: (name, ...args) => this.#call(name, this.#numbers[name], ...args),
        pin: (buffer) => this.#pin(buffer),
      },
      protocol,
      request,
      isLast,
    );
  }

  mount(type: string, directory: string): void {
    const [source, target] = [type, directory].map((text) => this.#pin(Buffer.from(`${text}\0`)));
    this.#call("mount", this.#numbers.mount, source!, target!, source!, 0, 0);
  }

  setSocketOption(socket: Fd, option: number, value: number): void {
    const bytes = new Uint8Array(Int32Array.of(value).buffer);
    this.#call(
      "setsockopt",
      this.#numbers.setsockopt,
      socket,
      SOL_SOCKET,
      option,
      this.#pin(bytes),
      bytes.length,
    );
  }

  openProcess(pid: number): Fd {
    return asFd(this.#call("pidfd_open", this.#numbers.pidfd_open, pid, 0));
  }

  watch(fd: Fd, ready: () => void): Watch {
    const poll = this.#native.poll(fd, ready);
    return {
      ref: () => poll.ref(),
      unref: () => poll.unref(),
      [Symbol.dispose]: () => poll.close(),
    };
  }

  clock(id: ClockId): bigint {
    const time = new BigInt64Array(2);
    const address = this.#pin(new Uint8Array(time.buffer));
    this.#call("clock_gettime", this.#numbers.clock_gettime, CLOCKS[id], address);
    return time[0]! * 1_000_000_000n + time[1]!;
  }

  /** Kernels before 5.11 charge BPF memory to RLIMIT_MEMLOCK; who may not lift it has what it allows. */
  #liftMemlockLimit(): void {
    const { major, minor } = this.release;
    if (major > 5 || (major === 5 && minor >= 11)) return;
    const unlimited = new BigUint64Array(2).fill(0xffff_ffff_ffff_ffffn);
    const address = this.#pin(new Uint8Array(unlimited.buffer));
    try {
      this.#call("prlimit64(RLIMIT_MEMLOCK)", this.#numbers.prlimit64, 0, RLIMIT_MEMLOCK, address, 0);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.errno !== ERRNO.EPERM) throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const mount of this.#tracefs.splice(0)) mount[Symbol.dispose]();
  }

  #pin(buffer: Uint8Array): bigint {
    this.#pinned.push(buffer);
    return this.#native.address(buffer);
  }

  #call(name: string, number: number, ...args: readonly SyscallArgument[]): number {
    const result = this.#native.syscall(number, ...args);
    this.#pinned.length = 0;
    if (result < 0) throw this.#error(name, this.#native.errno());
    return result;
  }

  #error(call: string, errno: number, details: { log?: string; programType?: number } = {}): SyscallError {
    const denied = errno === ERRNO.EPERM || (errno === ERRNO.EACCES && call === "perf_event_open");
    return new SyscallError(call, errno, {
      ...(details.log !== undefined && { log: details.log }),
      hints: denied ? permissionHints(call, details.programType, readCredentials(this.release)) : [],
    });
  }
}

/** AT_PAGESZ of the auxiliary vector: pairs of u64. */
function readPageSize(): number {
  const vector = readFileSync("/proc/self/auxv");
  for (let at = 0; at + 16 <= vector.length; at += 16)
    if (vector.readUInt32LE(at) === AT_PAGESZ) return vector.readUInt32LE(at + 8);
  return 4096;
}

const AT_PAGESZ = 6;

const LOG_FIELDS: ReadonlySet<string> = new Set(["log", "log_buf", "btf_log_buf"]);

function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.buffer, bytes.byteOffset, end < 0 ? bytes.byteLength : end).toString();
}

/** `6.12.107+deb13-amd64` to its numbers; what is not there is 0. */
export function parseRelease(text: string, arch: string): KernelRelease {
  const [major = 0, minor = 0, patch = 0] = (/^[\d.]+/.exec(text)?.[0] ?? "").split(".").map(Number);
  return { text, major, minor, patch, arch };
}
