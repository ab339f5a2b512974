import { CodecError, compileCodec } from "../codec/index.ts";
import { PerfBuffer, RingBuffer } from "../transport/index.ts";
import type { RecordArea, RecordSource } from "../transport/index.ts";
import { EventReader } from "./event-reader.ts";
import type { ReadOptions } from "./event-reader.ts";
import { LibraryError } from "./library-error.ts";
import { MapHandle } from "./map-handle.ts";
import type { MapSource } from "./map-handle.ts";

/**
 * How records are read.
 */
export interface EventReadOptions extends ReadOptions {
  /** Perf buffers: pages of data for each CPU, a power of two; 64 where it is not given. */
  readonly pages?: number;
}

const PAGES = 64;

/**
 * A ring buffer, or a perf event array as a perf buffer: what programs send here, typed where the record's
 * struct is known, else as bytes.
 *
 * @example
 * ```ts
 * import { load } from "bpfkit";
 *
 * await using object = await load("events.bpf.o");
 * object.program("send").testRun({ data: new Uint8Array(64), repeat: 2 });
 * for await (const event of object.events<{ pid: number; when: bigint; comm: string }>("events")) {
 *   console.log(event.pid, event.comm, event.when);
 *   if (event.when === 1n) break;
 * }
 * // prints 1234 test 0n
 * // prints 1234 test 1n
 * ```
 */
export class EventMap<E = Uint8Array> extends MapHandle implements AsyncIterable<E> {
  readonly #read: (area: RecordArea, offset: number, length: number) => E;
  #reading = false;

  /** Maps are made by `load`, `openMap` and `createMap`. */
  constructor(source: MapSource) {
    super(source);
    // E is what the record's type is in JavaScript, as the caller or the skeleton says.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    this.#read = recordReader(source) as (area: RecordArea, offset: number, length: number) => E;
  }

  /**
   * Starts reading. Ring buffers keep what was sent before; perf buffers begin here.
   * @throws LibraryError `library/busy` if it is being read
   */
  read(options: EventReadOptions = {}): EventReader<E> {
    const { kernel, resources } = this.source;
    if (this.#reading)
      throw new LibraryError("library/busy", `Map ${this.name} is being read`, [
        "Close its reader first: records go to one reader",
      ]);
    const source = this.#open(options);
    this.#reading = true;
    const reader: EventReader<E> = new EventReader<E>(kernel, source, this.#read, options, () => {
      this.#reading = false;
      resources.forget(reader);
    });
    return resources.use(reader);
  }

  [Symbol.asyncIterator](): EventReader<E> {
    return this.read();
  }

  #open({ pages = PAGES }: EventReadOptions): RecordSource {
    const { kernel, loaded, schema } = this.source;
    return schema.kind === "ring"
      ? new RingBuffer(kernel, loaded.fd, loaded.spec.maxEntries)
      : new PerfBuffer(kernel, loaded.fd, pages);
  }
}

type ReadRecord = (area: RecordArea, offset: number, length: number) => unknown;

/** Without a type a record is its bytes. */
function recordReader({ schema: { name, value } }: MapSource): ReadRecord {
  if (!value) return ({ bytes }, offset, length) => new Uint8Array(bytes.subarray(offset, offset + length));
  const codec = compileCodec<unknown>(value, `a record of ${name}`);
  const { minimumSize } = codec;
  return (area, offset, length) => {
    if (length < minimumSize)
      throw new CodecError(
        "codec/too-short",
        `A record of ${name} has ${length} bytes, but its type takes ${minimumSize}`,
        ["Name the struct that programs send: load(..., { events: { NAME: 'struct name' } })"],
      );
    return codec.decode(area, offset, offset + length);
  };
}
