import { ERRNO } from "../../uapi/index.ts";
import type { ErrnoName } from "../../uapi/index.ts";

/** How a system call fails inside the embedded kernel; the port makes a SyscallError of it. */
export class KernelFailure extends Error {
  readonly errno: number;
  readonly log: string;

  constructor(errno: number, log = "") {
    super(`errno ${errno}`);
    this.errno = errno;
    this.log = log;
  }
}

export function failure(name: ErrnoName, log = ""): KernelFailure {
  return new KernelFailure(ERRNO[name], log);
}

/** The result of a map's operation: an error number, negative, or 0. */
export function check(result: number): void {
  if (result < 0) throw new KernelFailure(-result);
}

/** What descriptors and ids name. It lives as long as something refers to it. */
export abstract class KernelObject {
  abstract readonly kind: "prog" | "map" | "link" | "btf" | "event" | "iterator" | "stats" | "process";
  #references = 1;

  /** How many refer to it. */
  get references(): number {
    return this.#references;
  }

  hold(): this {
    this.#references++;
    return this;
  }

  /** Gives back one reference; the last one frees it. */
  release(): void {
    if (--this.#references === 0) this.free();
  }

  /** Lines of /proc/self/fdinfo, by name. */
  describe(): Readonly<Record<string, string | number>> {
    return {};
  }

  protected abstract free(): void;
}

/** Objects of one kind by id: ids ascend and are not used again. */
export class Registry<T extends KernelObject> {
  readonly #objects = new Map<number, T>();
  #last = 0;

  add(make: (id: number) => T): T {
    const object = make(++this.#last);
    this.#objects.set(this.#last, object);
    return object;
  }

  get(id: number): T | undefined {
    return this.#objects.get(id);
  }

  remove(id: number): void {
    this.#objects.delete(id);
  }

  values(): Iterable<T> {
    return this.#objects.values();
  }

  /** The lowest id above `start`. */
  next(start: number): number | undefined {
    let found: number | undefined;
    for (const id of this.#objects.keys()) if (id > start && (found === undefined || id < found)) found = id;
    return found;
  }
}
