import { ERRNO } from "../../../uapi/index.ts";
import type { World } from "../world.ts";
import { helper } from "./define.ts";
import type { HelperRow } from "./define.ts";

const { EFAULT, ERANGE } = ERRNO;
/** TASK_SIZE_MAX of x86-64 and a page. */
const USER_END = 1n << 47n;
const VSYSCALL_PAGE = 0xffff_ffff_ff60_0n;

function isKernelAddress(address: bigint): boolean {
  return address >> 47n === -1n && BigInt.asUintN(64, address) >> 12n !== VSYSCALL_PAGE;
}
/** Strings are read in pieces, so that the end of a mapping behind them does no harm. */
const PIECE = 64;

/** Why a read of the kernel's memory failed: x86-64's copy_from_kernel_nofault_allowed comes first. */
export function kernelError(from: bigint): number {
  return isKernelAddress(from) ? -EFAULT : -ERANGE;
}

function userError(): number {
  return -EFAULT;
}

function eitherError(from: bigint): number {
  return BigInt.asUintN(64, from) < USER_END ? userError() : kernelError(from);
}

/** Reads of memory that may not be there: an error, and zeroes in place of what was asked for. */
export function memoryHelpers(world: World): HelperRow[] {
  const { memory } = world;

  const readKernel = (to: number, size: number, from: bigint): boolean => {
    const address = memory.address(from, size);
    if (address === undefined) return false;
    memory.copy(to, address, size);
    return true;
  };
  const readUser = (to: number, size: number, from: bigint): boolean =>
    world.run?.task.readUser(BigInt.asUintN(64, from), memory.slice(to, size)) ?? false;
  /** bpf_probe_read: the kernel's memory where the address is one of its. */
  const readEither = (to: number, size: number, from: bigint): boolean =>
    readKernel(to, size, from) || readUser(to, size, from);

  type Read = typeof readKernel;
  const read =
    (from: Read, errorOf: (from: bigint) => number) =>
    (to: number, size: number, address: bigint): number => {
      const out = memory.slice(to, size);
      if (size === 0 || from(to, size, address)) return 0;
      out.fill(0);
      return errorOf(address);
    };

  /** Bytes with the NUL that ends them; what does not fit is cut, and the last byte is NUL. */
  const readString =
    (from: Read, errorOf: (from: bigint) => number) =>
    (to: number, size: number, address: bigint): number => {
      const out = memory.slice(to, size);
      if (size === 0) return 0;
      for (let at = 0; at < size;) {
        // Pieces end where pages may.
        const start = Number(BigInt.asUintN(6, address + BigInt(at)));
        const length = Math.min(PIECE - start, size - at);
        const before = out.slice(at, at + length);
        if (!from(to + at, length, address + BigInt(at))) {
          out.fill(0);
          return errorOf(address + BigInt(at));
        }
        const end = out.subarray(at, at + length).indexOf(0);
        if (end >= 0) {
          // What lies behind the text stays as it was.
          out.set(before.subarray(end + 1), at + end + 1);
          return at + end + 1;
        }
        at += length;
      }
      out[size - 1] = 0;
      return size;
    };

  /** In one piece where the task can do that. */
  const readUserString = (to: number, size: number, from: bigint): number => {
    const task = world.run?.task;
    if (!task?.readUserText || size === 0) return readString(readUser, userError)(to, size, from);
    const out = memory.slice(to, size);
    const length = task.readUserText(BigInt.asUintN(64, from), out);
    if (length < 0) {
      out.fill(0);
      return -EFAULT;
    }
    out.fill(0, length);
    if (length === size) out[size - 1] = 0;
    return length;
  };
  const readEitherString = (to: number, size: number, from: bigint): number =>
    memory.address(from, 1) === undefined
      ? readUserString(to, size, from)
      : readString(readEither, eitherError)(to, size, from);

  const ARGUMENTS = ["address", "number", "wide"] as const;
  return [
    helper("probe_read", ARGUMENTS, read(readEither, eitherError)),
    helper("probe_read_kernel", ARGUMENTS, read(readKernel, kernelError)),
    helper("probe_read_user", ARGUMENTS, read(readUser, userError)),
    helper("probe_read_str", ARGUMENTS, readEitherString),
    helper("probe_read_kernel_str", ARGUMENTS, readString(readKernel, kernelError)),
    helper("probe_read_user_str", ARGUMENTS, readUserString),
    helper("copy_from_user", ARGUMENTS, read(readUser, userError)),
    helper("probe_write_user", ["wide", "address", "number"], (to, from, size) => {
      const bytes = memory.slice(from, size).slice();
      return world.run?.task.writeUser?.(BigInt.asUintN(64, to), bytes) ? 0 : -EFAULT;
    }),
    helper("strncmp", ["address", "number", "address"], (left, size, right) => {
      for (let at = 0; at < size >>> 0; at++) {
        const a = memory.view.getUint8(left + at);
        const b = memory.view.getUint8(right + at);
        if (a !== b) return a < b ? -1 : 1;
        if (a === 0) return 0;
      }
      return 0;
    }),
    helper("strtol", ["address", "number", "wide", "address"], (text, size, flags, out) =>
      parseNumber(text, size, flags, out, true),
    ),
    helper("strtoul", ["address", "number", "wide", "address"], (text, size, flags, out) =>
      parseNumber(text, size, flags, out, false),
    ),
  ];

  /** bpf_strtol and bpf_strtoul (kernel/bpf/helpers.c): how many bytes the number takes. */
  function parseNumber(text: number, size: number, flags: bigint, out: number, signed: boolean): number {
    memory.setU64(out, 0n);
    const bases: readonly bigint[] = [0n, 8n, 10n, 16n];
    if (size <= 0 || !bases.includes(flags)) return -ERRNO.EINVAL;
    const input = Buffer.from(memory.slice(text, size)).toString("latin1").replace(/\0.*$/s, "");
    const match = /^(\s*)(-?)(0[xX](?=[\da-fA-F]))?([\da-zA-Z]*)/.exec(input)!;
    const [, space = "", minus = "", prefix = "", digits = ""] = match;
    if (minus !== "" && !signed) return -ERRNO.EINVAL;
    const base =
      flags !== 0n
        ? Number(flags)
        : prefix !== ""
          ? 16
          : digits.startsWith("0") && digits.length > 1
            ? 8
            : 10;
    // A prefix of another base ends the number behind its 0.
    const usable = prefix !== "" && base !== 16 ? "0" : digits;
    let value = 0n;
    let count = 0;
    for (; count < usable.length; count++) {
      const digit = Number.parseInt(usable[count]!, 36);
      if (digit >= base) break;
      value = value * BigInt(base) + BigInt(digit);
    }
    if (count === 0) return -ERRNO.EINVAL;
    const limit = signed ? (minus === "" ? (1n << 63n) - 1n : 1n << 63n) : (1n << 64n) - 1n;
    if (value > limit) return -ERRNO.ERANGE;
    memory.setU64(out, BigInt.asUintN(64, minus === "" ? value : -value));
    const used = prefix !== "" && base === 16 ? prefix.length + count : count;
    return space.length + minus.length + used;
  }
}
