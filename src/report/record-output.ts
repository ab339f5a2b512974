import { OutputBuffer } from "./output-buffer.ts";
import type { OutputTarget } from "./reporter.ts";

/** `line`: whatever is complete when the reader goes to sleep; `full`: large chunks; `none`: every record. */
export type Buffering = "line" | "full" | "none";

/** Chunks are written when they reach this many bytes. */
const CHUNK = 64 * 1024;

/** Output on its way to a file: collected, and written in large chunks. */
export class RecordOutput {
  readonly buffer: OutputBuffer = new OutputBuffer(CHUNK * 2);
  readonly #target: OutputTarget;
  readonly #buffering: Buffering;

  constructor(target: OutputTarget, buffering: Buffering) {
    this.#target = target;
    this.#buffering = buffering;
  }

  /** A record is complete. */
  recordEnd(): void {
    if (this.buffer.length >= CHUNK || this.#buffering === "none") this.flush();
  }

  /** The reader has read all there is and goes to sleep. */
  idle(): void {
    if (this.#buffering !== "full") this.flush();
  }

  flush(): void {
    const { buffer } = this;
    if (buffer.length === 0) return;
    const bytes = buffer.bytes.subarray(0, buffer.length);
    // Emptied first: output that cannot be written must not be tried again by those who clean up.
    buffer.clear();
    this.#target.write(bytes);
  }
}
