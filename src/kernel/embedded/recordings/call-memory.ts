import { pointerRules } from "../../../recording/index.ts";
import type { Extent, PointerRule } from "../../../recording/index.ts";
import type { Task } from "../events/index.ts";
import { SYSCALL_TABLE } from "../processes/generated/syscalls.ts";

/** A text, as of paths: PATH_MAX. */
const LONGEST_TEXT = 4096;
const MOST_TEXTS = 128;
/** Of all texts of one array. */
const TEXTS_SIZE = 16 * 1024;
const MOST_VECTORS = 16;
const VECTOR = 16;
/** struct user_msghdr: name and its length, vectors and their number. */
const MESSAGE = { size: 56, name: 0, nameLength: 8, vectors: 16, count: 24 } as const;

/**
 * Reads what a system call's arguments point to, so that a recorder that watches has it. At most `snap` bytes of a
 * buffer.
 */
export class CallMemory {
  readonly #rules: ReadonlyMap<string, readonly PointerRule[]>;
  readonly #snap: number;
  readonly #scratch = new Uint8Array(LONGEST_TEXT);

  constructor(snap: number) {
    this.#snap = snap;
    this.#rules = new Map(SYSCALL_TABLE.map(([name, , , ...args]) => [name, pointerRules(args)]));
  }

  /** `result`: of a call that has returned; absent before it. */
  read(task: Task, call: string, args: BigUint64Array, result?: bigint): void {
    const when = result === undefined ? "entry" : "exit";
    // A call that failed filled nothing.
    if (result !== undefined && result < 0n) return;
    for (const rule of this.#rules.get(call) ?? []) {
      const address = args[rule.index] ?? 0n;
      if (address === 0n || !rule.when.includes(when)) continue;
      this.#follow(task, rule, address, args, result);
    }
  }

  #follow(
    task: Task,
    { kind, extent, unit }: PointerRule,
    address: bigint,
    args: BigUint64Array,
    result = 0n,
  ): void {
    switch (kind) {
      case "text":
        this.#text(task, address);
        break;
      case "texts":
        this.#texts(task, address);
        break;
      case "bytes":
        this.#bytes(task, address, extentOf(extent, args, result) * unit);
        break;
      case "vectors":
        this.#vectors(task, address, extentOf(extent, args, result), Number(result));
        break;
      case "message":
        this.#message(task, address, Number(result));
        break;
    }
  }

  #text(task: Task, address: bigint): number {
    return task.readUserText?.(address, this.#scratch) ?? -1;
  }

  #texts(task: Task, array: bigint): void {
    let left = TEXTS_SIZE;
    for (let index = 0; index < MOST_TEXTS && left > 0; index++) {
      const address = this.#word(task, array + BigInt(index * 8));
      if (address === undefined || address === 0n) return;
      left -= Math.max(0, this.#text(task, address));
    }
  }

  #word(task: Task, address: bigint): bigint | undefined {
    const bytes = new Uint8Array(8);
    return task.readUser(address, bytes) ? new DataView(bytes.buffer).getBigUint64(0, true) : undefined;
  }

  #bytes(task: Task, address: bigint, size: number): Uint8Array | undefined {
    const bytes = new Uint8Array(Math.min(size, this.#snap));
    return bytes.length > 0 && task.readUser(address, bytes) ? bytes : undefined;
  }

  /** `filled`: of all of them together, from the first on; 0: they are full. */
  #vectors(task: Task, address: bigint, count: number, filled: number): void {
    const array = this.#bytes(task, address, Math.min(count, MOST_VECTORS) * VECTOR);
    if (!array) return;
    const view = new DataView(array.buffer);
    let left = filled > 0 ? filled : Number.MAX_SAFE_INTEGER;
    for (let at = 0; at + VECTOR <= array.length; at += VECTOR) {
      const size = Math.min(Number(view.getBigUint64(at + 8, true)), left);
      this.#bytes(task, view.getBigUint64(at, true), size);
      left -= size;
    }
  }

  #message(task: Task, address: bigint, filled: number): void {
    const header = this.#bytes(task, address, MESSAGE.size);
    if (!header || header.length < MESSAGE.size) return;
    const view = new DataView(header.buffer);
    const name = view.getBigUint64(MESSAGE.name, true);
    if (name !== 0n) this.#bytes(task, name, view.getUint32(MESSAGE.nameLength, true));
    const count = Number(view.getBigUint64(MESSAGE.count, true));
    this.#vectors(task, view.getBigUint64(MESSAGE.vectors, true), count, filled);
  }
}

function extentOf(extent: Extent, args: BigUint64Array, result: bigint): number {
  switch (extent.from) {
    case "constant":
      return extent.value;
    case "argument":
      return Number(args[extent.index] ?? 0n);
    case "result":
      return extent.most < 0 ? Number(result) : Math.min(Number(result), Number(args[extent.most] ?? 0n));
  }
}
