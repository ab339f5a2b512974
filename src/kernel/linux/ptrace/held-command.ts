import { ERRNO } from "../../../uapi/index.ts";
import type { CallFilter } from "../../index.ts";
import { encodeCallFilter } from "./call-filter.ts";
import type { PtraceCalls } from "./ptrace-calls.ts";
import { refusal } from "./refusal.ts";
import type { RegisterFile } from "./registers.ts";
import { PTRACE, SIGNAL, SYSCALL_INFO_OP } from "./requests.ts";

// A command between its start and its first instruction: it stands at a system call, and is made to give itself a filter.

/** The number of no system call. */
const NO_CALL = 0xffff_ffff_ffff_ffffn;
const PR_SET_NO_NEW_PRIVS = 38;
const SECCOMP_SET_MODE_FILTER = 1;
/** Below the stack pointer the platform lets functions keep 128 bytes. */
const RED_ZONE = 128n;

/** Waits for a process to stop, which {@link PtraceCalls.status} tells of. @throws BpfkitError where it ends instead */
export function awaitStop(calls: PtraceCalls, pid: number, options = 0): void {
  while (calls.wait(pid, options) !== pid) {
    const errno = calls.errno();
    if (errno !== ERRNO.EINTR) throw refusal(pid, errno === ERRNO.ECHILD ? ERRNO.ESRCH : errno, true);
  }
  if ((calls.status & 0xff) !== 0x7f) throw refusal(pid, ERRNO.ESRCH, true);
}

/** Brings a shell that stopped itself, and goes on now, to its next system call. */
export function bringToCall(calls: PtraceCalls, pid: number): void {
  for (;;) {
    awaitStop(calls, pid);
    const { status } = calls;
    if (status >> 8 === (SIGNAL.TRAP | 0x80) && calls.callInfo(pid) === SYSCALL_INFO_OP.ENTRY) return;
    const event = status >> 16;
    const signal = (status >> 8) & 0xff;
    // SIGCONT and the stop that it ends are ours, not the command's.
    const deliver = event === 0 && signal !== SIGNAL.CONT && signal < SIGNAL.TRAP + 0x80 ? signal : 0;
    calls.request(PTRACE.SYSCALL, pid, 0, deliver);
  }
}

/**
 * Leaves out the call that a process stands at, so that it is made again and seen from its entry by whoever follows;
 * before that the process gets a seccomp filter where not all calls are wanted. True: it has one.
 */
export function leaveCall(calls: PtraceCalls, pid: number, wanted: "all" | readonly CallFilter[]): boolean {
  const before = calls.registers(pid);
  if (!before) return false;
  const { callSize, callNumber, enteredNumber, audit } = calls.layout;
  const again = before.copy();
  again.instructionPointer -= BigInt(callSize);
  if ("word" in enteredNumber) {
    again.words[callNumber] = before.words[enteredNumber.word]!;
    const none = before.copy();
    none.words[enteredNumber.word] = NO_CALL;
    calls.setRegisters(pid, none);
  } else calls.setOther(pid, enteredNumber.set, new Uint8Array(Int32Array.of(-1).buffer));
  toNextCallStop(calls, pid);
  const filtered =
    (wanted === "all" || wanted.length > 0) && install(calls, pid, again, encodeCallFilter(wanted, audit));
  calls.setRegisters(pid, again);
  return filtered;
}

/** Makes the process set its filter, between two of its own calls; false where it may not. */
function install(calls: PtraceCalls, pid: number, at: RegisterFile, filter: Uint8Array): boolean {
  // struct sock_fprog, and the filter behind it, below what the stack's functions may use.
  const program = new Uint8Array(16 + filter.length);
  const view = new DataView(program.buffer);
  const address = (at.stackPointer - RED_ZONE - BigInt(program.length)) & ~15n;
  view.setUint16(0, filter.length / 8, true);
  view.setBigUint64(8, address + 16n, true);
  program.set(filter, 16);
  if (!calls.write(pid, address, program)) return false;
  const { prctl, seccomp } = calls.numbers;
  const set = [BigInt(SECCOMP_SET_MODE_FILTER), 0n, address];
  // Who may administer the system needs no promise, which would keep set-user-id programs from working.
  return (
    makeCall(calls, pid, at, seccomp, set) === 0n ||
    (makeCall(calls, pid, at, prctl, [BigInt(PR_SET_NO_NEW_PRIVS), 1n]) === 0n &&
      makeCall(calls, pid, at, seccomp, set) === 0n)
  );
}

/** Makes a process that is at the end of a call make another one; returns its result. */
function makeCall(
  calls: PtraceCalls,
  pid: number,
  at: RegisterFile,
  number: number,
  args: readonly bigint[],
): bigint {
  const registers = at.copy();
  registers.setCall(number, args);
  calls.setRegisters(pid, registers);
  toNextCallStop(calls, pid);
  toNextCallStop(calls, pid);
  return BigInt.asIntN(64, calls.registers(pid)?.result ?? -1n);
}

function toNextCallStop(calls: PtraceCalls, pid: number): void {
  do {
    calls.request(PTRACE.SYSCALL, pid, 0, 0);
    awaitStop(calls, pid);
  } while (calls.status >> 8 !== (SIGNAL.TRAP | 0x80));
}
