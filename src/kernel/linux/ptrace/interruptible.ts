import type { Native } from "../native.ts";
import type { SyscallNumbers } from "../syscalls.ts";
import { SIGNAL } from "./requests.ts";

/** struct kernel_sigaction: handler, flags, restorer, mask on x86-64; handler, flags, mask on arm64. */
const ACTION_SIZE = 32;
const FLAGS = 8;
const SA_RESTART = 0x1000_0000n;
const SET_SIZE = 8;
const TICK_MICROSECONDS = 20_000n;
const INTERRUPTING = [1, 2, 15, SIGNAL.ALRM] as const;

/**
 * Lets signals end a blocking wait4(2). Node's handlers restart it (SA_RESTART), so that a listener of SIGINT
 * would never run; here the flag is taken off for as long as this lives. A signal may come just before the wait
 * begins, hence the tick, by which timers of the event loop get their turn as well.
 */
export class Interruptible implements Disposable {
  readonly #native: Native;
  readonly #numbers: SyscallNumbers;
  readonly #action = new BigUint64Array(ACTION_SIZE / 8);
  readonly #address: bigint;
  readonly #tick = (): void => undefined;
  readonly #disarm = (): void => this.#setTimer(0n);

  constructor(native: Native, numbers: SyscallNumbers) {
    this.#native = native;
    this.#numbers = numbers;
    this.#address = native.address(new Uint8Array(this.#action.buffer));
    process.on("SIGALRM", this.#tick);
    for (const signal of INTERRUPTING) this.#setRestart(signal, false);
    this.#setTimer(TICK_MICROSECONDS);
    // Without Node's listeners the signal would be the end.
    process.once("exit", this.#disarm);
  }

  [Symbol.dispose](): void {
    process.off("exit", this.#disarm);
    this.#disarm();
    for (const signal of INTERRUPTING) this.#setRestart(signal, true);
    process.off("SIGALRM", this.#tick);
  }

  /** Signals without a handler have default actions, which this leaves alone. */
  #setRestart(signal: number, restart: boolean): void {
    const { rt_sigaction } = this.#numbers;
    if (this.#native.syscall(rt_sigaction, signal, 0, this.#address, SET_SIZE) !== 0) return;
    const [handler = 0n, flags = 0n] = this.#action;
    if (handler <= 1n) return;
    this.#action[FLAGS / 8] = restart ? flags | SA_RESTART : flags & ~SA_RESTART;
    this.#native.syscall(rt_sigaction, signal, this.#address, 0, SET_SIZE);
  }

  #setTimer(microseconds: bigint): void {
    // struct itimerval: interval and value, seconds and microseconds each.
    const timer = BigUint64Array.of(0n, microseconds, 0n, microseconds);
    this.#native.syscall(this.#numbers.setitimer, 0, this.#native.address(new Uint8Array(timer.buffer)), 0);
  }
}
