/** What was opened, closed in reverse. Node 20 has no DisposableStack of its own. */
export class DisposalStack implements Disposable {
  readonly #opened = new Set<Disposable>();
  #disposed = false;

  /** True once disposal began. */
  get disposed(): boolean {
    return this.#disposed;
  }

  use<T extends Disposable>(resource: T): T {
    this.#opened.add(resource);
    return resource;
  }

  /** Calls `close` on disposal. */
  defer(close: () => void): void {
    this.#opened.add({ [Symbol.dispose]: close });
  }

  /** What was closed by other means. */
  forget(resource: Disposable): void {
    this.#opened.delete(resource);
  }

  /** Everything is closed, also what follows a failure; the first failure is thrown then. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    const failures: unknown[] = [];
    const opened = [...this.#opened].toReversed();
    this.#opened.clear();
    for (const resource of opened) {
      try {
        resource[Symbol.dispose]();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
