import type { Kernel, Watch } from "../kernel/index.ts";
import type { RecordArea, RecordHandler, RecordSource } from "../transport/index.ts";
import { LibraryError } from "./library-error.ts";

/**
 * What all readers take.
 */
export interface ReadOptions {
  /** Ends the iteration, and closes the reader, when it is aborted. */
  readonly signal?: AbortSignal;
  /**
   * How many records programs could not send since they were loaded: a ring buffer does not count them, so
   * programs do, in a variable of theirs: `() => object.globals.dropped`.
   */
  readonly lost?: () => number | bigint;
}

/**
 * How records are put together.
 */
export interface BatchOptions {
  /** Records in one batch at most; 1024 where it is not given. */
  readonly size?: number;
}

/** Few enough that a batch dies young, before the collector copies it. */
const BATCH = 1024;
/** Records handed out before timers, signals and sockets get their turn. */
const TURN = 4096;

type Read<E> = (area: RecordArea, offset: number, length: number) => E;

/**
 * Reads what programs send through a ring or perf buffer. Records stay in the kernel's buffer until they are
 * asked for: a reader that is too slow makes programs lose records, which {@link EventReader.lost} counts, and
 * never fills this process's memory.
 *
 * There are three ways to read, from convenient to fast: `for await (const event of reader)`; `for await (const
 * events of reader.batches())`; and `poll`, which calls a function for each record that waits. Leaving a `for
 * await` loop closes the reader.
 *
 * @example
 * ```ts
 * import { load } from "bpfkit";
 *
 * await using object = await load("events.bpf.o");
 * using reader = object.events<{ when: bigint }>("events").read({ lost: () => Number(object.globals["dropped"]) });
 * object.program("send").testRun({ data: new Uint8Array(64), repeat: 3000 });
 * let sum = 0n;
 * while (reader.delivered + Number(reader.lost) < 3000 && (await reader.ready()))
 *   reader.poll((event) => {
 *     sum += event.when;
 *   });
 * console.log(reader.delivered + Number(reader.lost), sum > 0n);
 * // prints 3000 true
 * ```
 */
export class EventReader<E = unknown> implements AsyncIterableIterator<E>, Disposable, AsyncDisposable {
  readonly #kernel: Kernel;
  readonly #source: RecordSource;
  readonly #read: Read<E>;
  readonly #options: ReadOptions;
  readonly #onClose: () => void;
  readonly #abort = (): void => this.close();
  readonly #keep: RecordHandler = (area, offset, length) => {
    this.#delivered++;
    this.#taken = { done: false, value: this.#read(area, offset, length) };
    return false;
  };
  #taken: IteratorYieldResult<E> | undefined;
  #watches: Watch[] = [];
  #waiting: PromiseWithResolvers | undefined;
  #draining = false;
  #closed = false;
  #delivered = 0;
  #turn = 0;

  /** Readers are made by {@link EventMap.read}. */
  constructor(
    kernel: Kernel,
    source: RecordSource,
    read: Read<E>,
    options: ReadOptions,
    onClose: () => void,
  ) {
    this.#kernel = kernel;
    this.#source = source;
    this.#read = read;
    this.#options = options;
    this.#onClose = onClose;
    options.signal?.addEventListener("abort", this.#abort, { once: true });
    if (options.signal?.aborted) this.close();
  }

  /** Records read so far, those that were no values of their type among them. */
  get delivered(): number {
    return this.#delivered;
  }

  /**
   * Records lost since the start: what the kernel says of perf buffers, and what the option `lost` says.
   * Together with {@link delivered} and what still waits these are all records that programs sent.
   */
  get lost(): bigint {
    return BigInt(this.#source.lost) + BigInt(this.#options.lost?.() ?? 0);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Calls `handle` for the records that wait, at most `limit`, and returns how many there were; it never waits
   * itself. False from `handle` ends it behind that record.
   * @throws CodecError for a record shorter than its type; what `handle` throws. The record is consumed.
   */
  poll(handle: (event: E) => boolean | void, limit: number = Infinity): number {
    return this.#drain((event) => handle(event) !== false, limit);
  }

  /** Resolves to true when records wait, to false once the reader is closed. */
  async ready(): Promise<boolean> {
    if (this.#closed) return false;
    await this.#wait();
    return !this.#closed;
  }

  /** A record that waits is there at once: only where none does is there anything to wait for. */
  next(): Promise<IteratorResult<E, undefined>> {
    try {
      const result = this.#takeOne();
      if (result && ++this.#turn < TURN) return Promise.resolve(result);
      return this.#nextLater(result);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Records in arrays, each as many as wait: for programs that send more than a million or two a second. */
  async *batches({ size = BATCH }: BatchOptions = {}): AsyncGenerator<E[], void, void> {
    try {
      while (!this.#closed) {
        const batch: E[] = [];
        let failure: { readonly error: unknown } | undefined;
        try {
          this.#drain((event) => batch.push(event) > 0, size);
        } catch (error) {
          failure = { error };
        }
        if (failure) {
          // What was read in front of the broken record is not lost with it.
          if (batch.length > 0) yield batch;
          throw failure.error;
        }
        if (batch.length === 0) {
          await this.#wait();
          continue;
        }
        yield batch;
        await this.#pause();
      }
    } finally {
      this.close();
    }
  }

  /** Leaving a loop early. */
  async return(): Promise<IteratorResult<E, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends all waiting; records that wait are left to the next reader. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.signal?.removeEventListener("abort", this.#abort);
    for (const watch of this.#watches.splice(0)) watch[Symbol.dispose]();
    // A handler that closes its reader still stands on the kernel's memory.
    if (!this.#draining) this.#release();
    this.#waiting?.resolve();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #drain(handle: (event: E) => boolean, limit: number): number {
    const read = this.#read;
    return this.#drainWith((area, offset, length) => {
      this.#delivered++;
      return handle(read(area, offset, length)) && !this.#closed;
    }, limit);
  }

  #drainWith(handle: RecordHandler, limit: number): number {
    if (this.#closed) return 0;
    if (this.#draining)
      throw new LibraryError("library/busy", "A reader was asked for records by its own handler");
    this.#draining = true;
    try {
      return this.#source.drain(handle, limit);
    } finally {
      this.#draining = false;
      // It may have been closed within.
      if (this.closed) this.#release();
    }
  }

  #takeOne(): IteratorYieldResult<E> | undefined {
    this.#taken = undefined;
    if (this.#closed) return undefined;
    this.#drainWith(this.#keep, 1);
    return this.#taken;
  }

  async #nextLater(result: IteratorYieldResult<E> | undefined): Promise<IteratorResult<E, undefined>> {
    if (result) {
      await this.#pause();
      return result;
    }
    while (!this.#closed) {
      await this.#wait();
      const taken = this.#takeOne();
      if (taken) return taken;
    }
    return { done: true, value: undefined };
  }

  #release(): void {
    this.#source[Symbol.dispose]();
    this.#onClose();
  }

  /** Until something waits to be read, or the reader is closed. */
  async #wait(): Promise<void> {
    this.#turn = 0;
    if (!this.#waiting) {
      this.#waiting = withResolvers();
      if (this.#watches.length === 0)
        this.#watches = this.#source.fds.map((fd) => this.#kernel.watch(fd, this.#wake));
      else for (const watch of this.#watches) watch.ref();
    }
    await this.#waiting.promise;
  }

  readonly #wake = (): void => {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) {
      // Who does not wait does not keep the process alive.
      for (const watch of this.#watches) watch.unref();
      waiting.resolve();
      return;
    }
    // Readiness is told again and again: with nobody waiting, the event loop would do nothing else.
    for (const watch of this.#watches.splice(0)) watch[Symbol.dispose]();
  };

  /** Lets the event loop run. */
  async #pause(): Promise<void> {
    this.#turn = 0;
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

interface PromiseWithResolvers {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function withResolvers(): PromiseWithResolvers {
  let resolve!: () => void;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
