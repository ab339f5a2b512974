import { asFd } from "../index.ts";
import type { Fd } from "../index.ts";
import { failure } from "./kernel-object.ts";
import type { KernelObject } from "./kernel-object.ts";

/**
 * Above every descriptor of the real kernel, so that one is not taken for the other: nothing of the host's
 * /proc has this number.
 */
const FIRST = 1 << 20;
const MOST = 65_536;

/** What may be done through a descriptor of a map (BPF_F_RDONLY, BPF_F_WRONLY at creation or opening). */
export interface Access {
  readonly read: boolean;
  readonly write: boolean;
}

export const FULL_ACCESS: Access = { read: true, write: true };

interface Entry {
  readonly object: KernelObject;
  readonly access: Access;
}

/** The embedded kernel's own table of descriptors. */
export class Descriptors {
  readonly #entries = new Map<number, Entry>();
  readonly #free: number[] = [];
  #next = FIRST;

  /** Takes over one reference. */
  open(object: KernelObject, access: Access = FULL_ACCESS): Fd {
    if (this.#entries.size >= MOST) throw failure("EMFILE");
    const fd = this.#free.pop() ?? this.#next++;
    this.#entries.set(fd, { object, access });
    return asFd(fd);
  }

  close(fd: number): void {
    const entry = this.#entries.get(fd);
    if (!entry) throw failure("EBADF");
    this.#entries.delete(fd);
    this.#free.push(fd);
    entry.object.release();
  }

  /** The object behind a descriptor, if it is one of that class. */
  find<T extends KernelObject>(fd: number, type: abstract new (...args: never[]) => T): T | undefined {
    const object = this.#entries.get(fd)?.object;
    return object instanceof type ? object : undefined;
  }

  /** @throws KernelFailure EBADF without such a descriptor, EINVAL for one of something else */
  get<T extends KernelObject>(fd: number, type: abstract new (...args: never[]) => T): T {
    const object = this.#entries.get(fd)?.object;
    if (!object) throw failure("EBADF");
    if (object instanceof type) return object;
    throw failure("EINVAL");
  }

  object(fd: number): KernelObject {
    const object = this.#entries.get(fd)?.object;
    if (!object) throw failure("EBADF");
    return object;
  }

  access(fd: number): Access {
    return this.#entries.get(fd)?.access ?? FULL_ACCESS;
  }

  numbers(): number[] {
    return [...this.#entries.keys()];
  }

  closeAll(): void {
    for (const fd of this.numbers()) this.close(fd);
  }
}
