import { encodeBlock, fileHead } from "./block.ts";
import { packEntry } from "./entry-codec.ts";
import type { Entry } from "./entry.ts";
import { Packer } from "./packing.ts";

/** Bytes of entries, before they are deflated, that make a block. */
const BLOCK_SIZE = 256 * 1024;

/** Where a recording's bytes go. */
export interface RecordingSink {
  write(bytes: Uint8Array): void;
}

/** Writes a recording, block by block. */
export class RecordingWriter {
  readonly #sink: RecordingSink;
  readonly #block = new Packer();
  readonly #entry = new Packer();
  #bytes = 0;
  #events = 0;

  constructor(sink: RecordingSink) {
    this.#sink = sink;
  }

  /** Bytes that are in the file. */
  get bytes(): number {
    return this.#bytes;
  }

  get events(): number {
    return this.#events;
  }

  add(entry: Entry): void {
    this.#entry.clear();
    const tag = packEntry(this.#entry, entry);
    this.#block.byte(tag).chunk(this.#entry.bytes);
    if (entry.kind === "event") this.#events++;
    if (this.#block.length >= BLOCK_SIZE) this.flush();
  }

  /** What was added is in the file then. */
  flush(): void {
    if (this.#block.length === 0) return;
    if (this.#bytes === 0) this.#write(fileHead());
    this.#write(encodeBlock(this.#block.bytes));
    this.#block.clear();
  }

  #write(bytes: Uint8Array): void {
    this.#sink.write(bytes);
    this.#bytes += bytes.length;
  }
}
