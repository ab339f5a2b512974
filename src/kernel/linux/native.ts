import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { BpfkitError } from "../../errors.ts";

/** What the FFI gives: raw system calls, addresses of buffers, views of foreign memory, readiness. */
export interface Native {
  /** syscall(2) with up to six arguments; -1 is a failure, whose reason is in `errno`. */
  syscall(number: number, ...args: readonly SyscallArgument[]): number;
  errno(): number;
  /** Address of a buffer's first byte. The caller keeps the buffer alive while the kernel knows it. */
  address(buffer: Uint8Array): bigint;
  /** Foreign memory as an ArrayBuffer; valid as long as the memory is. */
  view(address: number, length: number): ArrayBuffer;
  /** Level-triggered readiness on the event loop's own epoll. */
  poll(fd: number, ready: () => void): NativePoll;
  /** A function of the C library that takes and gives words; loaded when first asked for. */
  libc(name: LibcName): (...args: readonly SyscallArgument[]) => number;
}

/** What there is no system call for: starting a process from a program with many threads. */
export type LibcName = keyof typeof LIBC_ARGUMENTS;

const LIBC_ARGUMENTS = {
  posix_spawn: 6,
  posix_spawnattr_init: 1,
  posix_spawnattr_setflags: 2,
  posix_spawnattr_setsigdefault: 2,
  posix_spawnattr_setsigmask: 2,
  posix_spawnattr_destroy: 1,
  posix_spawn_file_actions_init: 1,
  posix_spawn_file_actions_adddup2: 3,
  posix_spawn_file_actions_destroy: 1,
} as const;

export type SyscallArgument = number | bigint;

export interface NativePoll {
  close(): void;
  ref(): void;
  unref(): void;
}

/** The part of koffi that is used; its own types are all `any`. */
interface Koffi {
  load(path: null): { func(prototype: string): (...args: readonly SyscallArgument[]) => number };
  errno(): number;
  address(value: Uint8Array): bigint;
  view(address: number, length: number): ArrayBuffer;
  node: { poll(fd: number, options: { readable: boolean }, ready: () => void): NativePoll };
}

/** Loads koffi, which takes some 10 ms: only once a kernel is opened. */
export function loadNative(): Native {
  const koffi = recordedKoffi() ?? requireKoffi();
  const library = koffi.load(null);
  const syscall = library.func(
    "long syscall(long n, intptr_t a, intptr_t b, intptr_t c, intptr_t d, intptr_t e, intptr_t f)",
  );
  return {
    syscall: (number, a = 0, b = 0, c = 0, d = 0, e = 0, f = 0) => syscall(number, a, b, c, d, e, f),
    errno: () => koffi.errno(),
    // An empty buffer has no memory of its own.
    address: (buffer) => (buffer.byteLength === 0 ? 0n : koffi.address(buffer)),
    view: (address, length) => koffi.view(address, length),
    poll: (fd, ready) => koffi.node.poll(fd, { readable: true }, ready),
    libc: (name) => {
      const parameters = Array.from({ length: LIBC_ARGUMENTS[name] }, (_, index) => `intptr_t a${index}`);
      return library.func(`int ${name}(${parameters.join(", ")})`);
    },
  };
}

/**
 * koffi's binary itself, where the build wrote down which of its packages holds it (scripts/bundle.mjs): finding
 * and running the modules around it takes 5 ms.
 */
function recordedKoffi(): Koffi | undefined {
  try {
    const record = new URL("koffi.path", import.meta.url);
    const module: { exports: Partial<Koffi> } = { exports: {} };
    process.dlopen(module, fileURLToPath(new URL(readFileSync(record, "utf8"), record)));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked so far
    return module.exports.load ? (module.exports as Koffi) : undefined;
  } catch {
    // Not built that way, or moved since.
    return undefined;
  }
}

function requireKoffi(): Koffi {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- require() gives any
    return createRequire(import.meta.url)("koffi") as Koffi;
  } catch (cause) {
    throw new BpfkitError("The package koffi, by which bpfkit calls the kernel, cannot be loaded", {
      code: "kernel/no-ffi",
      hints: [
        `Install it: npm install koffi (this is ${process.platform}-${process.arch} with Node ${process.version})`,
      ],
      cause,
    });
  }
}
