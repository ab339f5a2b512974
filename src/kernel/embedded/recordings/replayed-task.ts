import type { Task } from "../events/index.ts";
import type { TaskTable } from "../processes/task-table.ts";
import type { Found, MemoryImage } from "./memory-image.ts";
import type { RecordedFacts } from "./recorded-facts.ts";

/** A thread of a recording. */
export class ReplayedTask implements Task {
  readonly pid: number;
  readonly #facts: RecordedFacts;
  readonly #table: TaskTable;
  readonly #image: MemoryImage;
  readonly #missed: () => void;
  #stack: readonly bigint[] = [];

  /** `missed` is called for each read of what the recording does not hold. */
  constructor(pid: number, facts: RecordedFacts, table: TaskTable, image: MemoryImage, missed: () => void) {
    this.pid = pid;
    this.#facts = facts;
    this.#table = table;
    this.#image = image;
    this.#missed = missed;
  }

  set stack(addresses: readonly bigint[]) {
    this.#stack = addresses;
  }

  get tgid(): number {
    return this.#facts.last(this.pid).tgid ?? this.pid;
  }

  get uid(): number {
    return this.#facts.last(this.pid).uid ?? 0;
  }

  get gid(): number {
    return this.#facts.last(this.pid).gid ?? 0;
  }

  get comm(): string {
    return this.#facts.comm(this.pid);
  }

  get cgroupId(): bigint {
    return this.#facts.cgroup(this.pid).id;
  }

  get address(): number {
    return this.#table.address(this.pid);
  }

  readUser(address: bigint, into: Uint8Array): boolean {
    return this.#held(this.#image.read(address, into));
  }

  readUserText(address: bigint, into: Uint8Array): number {
    const { found, size } = this.#image.readText(address, into);
    return this.#held(found) ? size : -1;
  }

  userStack(): readonly bigint[] {
    if (this.#stack.length === 0) this.#missed();
    return this.#stack;
  }

  #held(found: Found): boolean {
    if (found === "missing") this.#missed();
    return found === "held";
  }
}
