import { closeSync, openSync, writeSync } from "node:fs";
import type { Registers } from "../../index.ts";
import type { Native, SyscallArgument } from "../native.ts";
import type { SyscallNumbers } from "../syscalls.ts";
import { ProcessMemory } from "./process-memory.ts";
import { RegisterFile } from "./registers.ts";
import type { RegisterLayout } from "./registers.ts";
import { PTRACE, SYSCALL_INFO, WAIT } from "./requests.ts";

const NT_PRSTATUS = 1;
const SIGINFO_SIZE = 128;

/** ptrace(2), wait4(2) and what goes with them, as calls: which thread is in which state is the caller's to know. */
export class PtraceCalls {
  readonly numbers: SyscallNumbers;
  readonly layout: RegisterLayout;
  readonly #native: Native;
  readonly #memory: ProcessMemory;
  readonly #status = new Int32Array(1);
  readonly #statusAddress: number;
  readonly #info = new DataView(new ArrayBuffer(SYSCALL_INFO.size));
  readonly #infoAddress: number;
  readonly #message = new BigUint64Array(1);
  readonly #messageAddress: number;
  readonly #registers: RegisterFile;
  /** struct iovec of the registers. */
  readonly #vector = new BigUint64Array(2);
  readonly #vectorAddress: number;

  constructor(native: Native, numbers: SyscallNumbers, layout: RegisterLayout) {
    this.#native = native;
    this.numbers = numbers;
    this.layout = layout;
    this.#memory = new ProcessMemory(native, numbers);
    this.#registers = new RegisterFile(layout);
    const address = (bytes: Uint8Array): number => Number(native.address(bytes));
    this.#statusAddress = address(new Uint8Array(this.#status.buffer));
    this.#infoAddress = address(new Uint8Array(this.#info.buffer));
    this.#messageAddress = address(new Uint8Array(this.#message.buffer));
    this.#vectorAddress = address(new Uint8Array(this.#vector.buffer));
    this.#vector[0] = native.address(this.#registers.bytes);
  }

  /** Negative where it failed. */
  request(request: number, pid: number, address: SyscallArgument, data: SyscallArgument): number {
    return this.#native.syscall(this.numbers.ptrace, request, pid, address, data);
  }

  /** The thread that stopped or ended, whose {@link status} is told; 0: none; negative: see {@link errno}. */
  wait(pid: number, options: number): number {
    return this.#native.syscall(this.numbers.wait4, pid, this.#statusAddress, options | WAIT.ALL, 0);
  }

  /** Of the last {@link wait}. */
  get status(): number {
    return this.#status[0]!;
  }

  errno(): number {
    return this.#native.errno();
  }

  kill(pid: number, signal: number): void {
    this.#native.syscall(this.numbers.kill, pid, signal);
  }

  /** Undefined where the thread is gone, or runs 32-bit code. */
  registers(pid: number): RegisterFile | undefined {
    return this.#registerSet(PTRACE.GETREGSET, pid, NT_PRSTATUS) ? this.#registers.copy() : undefined;
  }

  setRegisters(pid: number, { bytes }: Registers): void {
    this.#registers.bytes.set(bytes);
    this.#registerSet(PTRACE.SETREGSET, pid, NT_PRSTATUS);
  }

  /** A register set of its own kind, as that of a call's number. */
  setOther(pid: number, set: number, bytes: Uint8Array): void {
    const vector = BigUint64Array.of(this.#native.address(bytes), BigInt(bytes.length));
    this.request(PTRACE.SETREGSET, pid, set, this.#native.address(new Uint8Array(vector.buffer)));
  }

  #registerSet(request: number, pid: number, set: number): boolean {
    const size = this.#registers.bytes.length;
    this.#vector[1] = BigInt(size);
    return this.request(request, pid, set, this.#vectorAddress) >= 0 && this.#vector[1] === BigInt(size);
  }

  /** What the thread's stop has to do with a system call: SYSCALL_INFO_OP, and {@link info} of it. */
  callInfo(pid: number): number {
    const size = this.request(PTRACE.GET_SYSCALL_INFO, pid, SYSCALL_INFO.size, this.#infoAddress);
    return size > 0 ? this.#info.getUint8(SYSCALL_INFO.op) : 0;
  }

  /** struct ptrace_syscall_info of the last {@link callInfo}. */
  get info(): DataView {
    return this.#info;
  }

  eventMessage(pid: number): bigint {
    this.#message[0] = 0n;
    this.request(PTRACE.GETEVENTMSG, pid, 0, this.#messageAddress);
    return this.#message[0];
  }

  signalInfo(pid: number): Uint8Array | undefined {
    const bytes = new Uint8Array(SIGINFO_SIZE);
    return this.request(PTRACE.GETSIGINFO, pid, 0, this.#native.address(bytes)) < 0 ? undefined : bytes;
  }

  read(pid: number, address: bigint, length: number): Uint8Array {
    return this.#memory.read(pid, address, length);
  }

  /** Also where the process itself may not. False if it cannot be done. */
  write(pid: number, address: bigint, bytes: Uint8Array): boolean {
    let fd: number;
    try {
      fd = openSync(`/proc/${pid}/mem`, "r+");
    } catch {
      return false;
    }
    try {
      return writeSync(fd, bytes, 0, bytes.length, Number(address)) === bytes.length;
    } catch {
      return false;
    } finally {
      closeSync(fd);
    }
  }

  /** Writes eight bytes of a stopped thread's memory, which one call does. */
  writeWord(pid: number, address: bigint, word: bigint): boolean {
    return this.request(PTRACE.POKEDATA, pid, BigInt.asIntN(64, address), BigInt.asIntN(64, word)) >= 0;
  }
}
