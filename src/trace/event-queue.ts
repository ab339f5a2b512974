import type { Diagnostic } from "../diagnostic.ts";
import {
  argumentDecoder,
  clockText,
  compileJoin,
  compilePrintf,
  OutputBuffer,
  type DecodeContext,
  type MapSnapshot,
  type RecordHandler,
  type RecordWriter,
  type Reporter,
  type Resolver,
  type ShownAction,
  type Value,
} from "../report/index.ts";

/** What a session tells a program that runs it. */
export type TraceEvent =
  | { readonly kind: "attached"; readonly probes: number }
  | { readonly kind: "printf"; readonly text: string; readonly args: readonly Value[] }
  | { readonly kind: "time" | "join"; readonly text: string }
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "map"; readonly map: MapSnapshot }
  | { readonly kind: "cat" | "syscall"; readonly bytes: Uint8Array }
  | { readonly kind: "lost"; readonly events: number | bigint }
  /** So often the probe was reached and its program not run, since another was at work on the same CPU. */
  | { readonly kind: "missed"; readonly probe: string; readonly hits: bigint }
  | { readonly kind: "diagnostic"; readonly diagnostic: Diagnostic };

/** Events that may wait, unless another number is given. */
const LIMIT = 65_536;

/**
 * Collects a session's events for `for await`; ends when the session does. What comes while `limit` events wait is
 * dropped and counted as lost.
 */
export class EventQueue implements Reporter, AsyncIterable<TraceEvent> {
  readonly encoding = "utf8";
  readonly #context: DecodeContext;
  readonly #waiting: TraceEvent[] = [];
  #wake: (() => void) | undefined;
  readonly #limit: number;
  #dropped = 0;
  #closed = false;
  #readers = 0;
  #room: (() => void) | undefined;

  constructor(resolver: Resolver, limit: number = LIMIT) {
    this.#limit = limit;
    this.#context = { resolver, encoding: "utf8" };
  }

  handler(action: ShownAction, size: number): RecordHandler {
    switch (action.kind) {
      case "printf": {
        const text = this.#text(
          compilePrintf(action.format, action.args, size, { ...this.#context, encoding: "latin1" }),
        );
        const decoders = action.args.map((arg) => argumentDecoder(arg, size, this.#context));
        return (memory, at, end) => {
          const args = decoders.map((decode) => decode(memory, at, end));
          this.#push({ kind: "printf", text: text(memory, at, end), args });
        };
      }
      case "join": {
        const text = this.#text(compileJoin(action.separator, action.offset));
        return (memory, at, end) =>
          this.#push({ kind: "join", text: text(memory, at, end).replace(/\n$/, "") });
      }
      case "time": {
        const text = clockText(action.format, () => this.#context.resolver.now());
        return () => this.#push({ kind: "time", text: text() });
      }
      case "printValue": {
        const decode = argumentDecoder(action.value, size, this.#context);
        return (memory, at, end) => this.#push({ kind: "value", value: decode(memory, at, end) });
      }
    }
  }

  map(map: MapSnapshot): void {
    this.#push({ kind: "map", map });
  }

  value(value: Value): void {
    this.#push({ kind: "value", value });
  }

  content(kind: "cat" | "syscall", bytes: Uint8Array): void {
    this.#push({ kind, bytes: Uint8Array.from(bytes) });
  }

  attached(probes: number): void {
    this.#push({ kind: "attached", probes });
  }

  lost(events: number | bigint): void {
    this.#push({ kind: "lost", events });
  }

  missed(probe: string, hits: bigint): void {
    this.#push({ kind: "missed", probe, hits });
  }

  diagnostic(diagnostic: Diagnostic): void {
    this.#push({ kind: "diagnostic", diagnostic });
  }

  end(): void {
    // The maps that follow are events of their own.
  }

  /**
   * For sources that can wait: resolves once half of what may wait was read. Undefined where there is room, or where
   * nobody reads, who would make some.
   */
  room(): Promise<void> | undefined {
    if (this.#readers === 0 || this.#waiting.length <= this.#limit / 2) return undefined;
    return new Promise((resolve) => {
      this.#room = resolve;
    });
  }

  /** No more events will come. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** What waits, for those who do not iterate. */
  take(): TraceEvent[] {
    const events = this.#waiting.splice(0);
    if (this.#dropped > 0) events.push(this.#takeDropped());
    this.#makeRoom();
    return events;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TraceEvent, void, void> {
    this.#readers++;
    try {
      for (;;) {
        yield* this.take();
        if (this.#waiting.length > 0) continue;
        if (this.#closed) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.#readers--;
      this.#makeRoom();
    }
  }

  #makeRoom(): void {
    this.#room?.();
    this.#room = undefined;
  }

  #text(write: RecordWriter): (...record: Parameters<RecordHandler>) => string {
    const scratch = new OutputBuffer(1024);
    return (memory, at, end) => {
      scratch.clear();
      write(memory, at, end, scratch);
      return scratch.bytes.toString("utf8", 0, scratch.length);
    };
  }

  #takeDropped(): TraceEvent {
    const events = this.#dropped;
    this.#dropped = 0;
    return { kind: "lost", events };
  }

  #push(event: TraceEvent): void {
    if (this.#waiting.length < this.#limit) this.#waiting.push(event);
    else this.#dropped++;
    this.#wake?.();
  }
}
