import type { MemoryPiece } from "../../../recording/index.ts";
import type { Task } from "../events/index.ts";

/** A thread whose memory is read under the eyes of a recorder. */
export class WitnessTask implements Task {
  readonly #inner: Task;
  readonly #saw: (piece: MemoryPiece) => void;
  readonly #stack: (addresses: readonly bigint[]) => void;

  constructor(inner: Task, saw: (piece: MemoryPiece) => void, stack: (addresses: readonly bigint[]) => void) {
    this.#inner = inner;
    this.#saw = saw;
    this.#stack = stack;
  }

  get pid(): number {
    return this.#inner.pid;
  }

  get tgid(): number {
    return this.#inner.tgid;
  }

  get uid(): number {
    return this.#inner.uid;
  }

  get gid(): number {
    return this.#inner.gid;
  }

  get comm(): string {
    return this.#inner.comm;
  }

  get cgroupId(): bigint {
    return this.#inner.cgroupId;
  }

  get address(): number {
    return this.#inner.address;
  }

  readUser(address: bigint, into: Uint8Array): boolean {
    const there = this.#inner.readUser(address, into);
    this.#note(address, there ? into : undefined, into.length);
    return there;
  }

  readUserText(address: bigint, into: Uint8Array): number {
    const length = this.#inner.readUserText?.(address, into) ?? -1;
    this.#note(address, length < 0 ? undefined : into.subarray(0, length), 1);
    return length;
  }

  writeUser(address: bigint, bytes: Uint8Array): boolean {
    return this.#inner.writeUser?.(address, bytes) ?? false;
  }

  userStack(): readonly bigint[] {
    const stack = this.#inner.userStack?.() ?? [];
    this.#stack(stack);
    return stack;
  }

  signal(number: number): number {
    return this.#inner.signal?.(number) ?? -1;
  }

  #note(address: bigint, bytes: Uint8Array | undefined, size: number): void {
    if (bytes) this.#saw({ address, state: "held", bytes: Uint8Array.from(bytes) });
    else this.#saw({ address, state: "fault", bytes: new Uint8Array(size) });
  }
}
