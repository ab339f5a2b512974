/** Hands what callbacks put in to one reader, in order, until the end. */
export class Inbox<T> {
  readonly #waiting: T[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  put(item: T): void {
    this.#waiting.push(item);
    this.#wake?.();
  }

  /** What was put in before is still handed out. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *items(): AsyncGenerator<T> {
    for (;;) {
      while (this.#waiting.length > 0) yield* this.#waiting.splice(0);
      if (this.#ended) return;
      // oxlint-disable-next-line no-await-in-loop -- items come one after another
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
