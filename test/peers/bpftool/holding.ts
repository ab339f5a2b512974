import type { Fd, Kernel } from "../../../src/kernel/index.ts";

/** What is kept in the kernel while it is looked at, and what could not be made there. */
export class Holding implements Disposable {
  readonly kernel: Kernel;
  readonly fds: Map<string, Fd> = new Map();
  readonly #others: Disposable[] = [];
  readonly missing: string[] = [];
  readonly done: string[] = [];

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  /** Makes one object; kernels that cannot are noted. */
  make(name: string, make: () => Fd): Fd | undefined {
    try {
      const fd = make();
      this.fds.set(name, fd);
      return fd;
    } catch (error) {
      this.missing.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  /** Does something that needs no descriptor; what is to be disposed of in the end is returned, if it went well. */
  attempt<T extends Disposable | void>(name: string, act: () => T): T | undefined {
    try {
      const done = act();
      if (done) this.#others.push(done);
      this.done.push(name);
      return done;
    } catch (error) {
      this.missing.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  get(name: string): Fd {
    const fd = this.fds.get(name);
    if (fd === undefined) throw new Error(`${name} is not there`);
    return fd;
  }

  [Symbol.dispose](): void {
    for (const other of this.#others.splice(0).toReversed()) other[Symbol.dispose]();
    for (const fd of this.fds.values()) this.kernel.close(fd);
    this.fds.clear();
  }
}
