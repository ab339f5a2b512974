import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { RecordingError } from "./error.ts";
import { RecordingReader, type RecordingBytes } from "./reader.ts";
import type { RecordingSink } from "./writer.ts";

/** A recording that is read from a file. */
export class RecordingInput implements RecordingBytes, Disposable {
  readonly #fd: number;
  readonly size: number;

  /** @throws RecordingError `recording/file` */
  constructor(path: string) {
    try {
      this.#fd = openSync(path, "r");
    } catch (cause) {
      throw fileError(`Cannot read ${path}`, cause);
    }
    const { size } = fstatSync(this.#fd);
    this.size = size;
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = Buffer.allocUnsafe(Math.min(length, Math.max(0, this.size - offset)));
    let at = 0;
    while (at < bytes.length) {
      const count = readSync(this.#fd, bytes, at, bytes.length - at, offset + at);
      if (count === 0) break;
      at += count;
    }
    return bytes.subarray(0, at);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** A recording's bytes, and who reads them; messages name the file. @throws RecordingError */
export function openRecordingFile(path: string): {
  readonly input: RecordingInput;
  readonly reader: RecordingReader;
} {
  const input = new RecordingInput(path);
  try {
    return { input, reader: RecordingReader.open(input) };
  } catch (error) {
    input[Symbol.dispose]();
    if (!(error instanceof RecordingError)) throw error;
    const { code, hints, message } = error;
    throw new RecordingError(`${path}: ${message}`, { code, hints, cause: error });
  }
}

/** A recording that is written to a file. What was in the file stays until there is something to write. */
export class RecordingOutput implements RecordingSink, Disposable {
  readonly #path: string;
  readonly #fd: number;
  readonly #isNew: boolean;
  #written = false;

  /** @throws RecordingError `recording/file` */
  constructor(path: string) {
    this.#path = path;
    this.#isNew = !existsSync(path);
    try {
      this.#fd = openSync(path, "a");
    } catch (cause) {
      throw fileError(`Cannot write ${path}`, cause, { ENOENT: "no such folder" });
    }
  }

  write(bytes: Uint8Array): void {
    try {
      // Pipes and devices have no length.
      if (!this.#written && fstatSync(this.#fd).isFile()) ftruncateSync(this.#fd);
      this.#written = true;
      for (let at = 0; at < bytes.length; at += writeSync(this.#fd, bytes, at));
    } catch (cause) {
      throw fileError(`Cannot write ${this.#path}`, cause);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    if (this.#isNew && !this.#written) rmSync(this.#path, { force: true });
  }
}

function fileError(
  what: string,
  cause: unknown,
  other: Readonly<Record<string, string>> = {},
): RecordingError {
  const reasons = { ...REASONS, ...other };
  const known = cause instanceof Error && "code" in cause ? reasons[String(cause.code)] : undefined;
  const reason = known ?? (cause instanceof Error ? cause.message : String(cause));
  return new RecordingError(`${what}: ${reason}`, { code: "recording/file", cause });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "it is a directory",
  ENOSPC: "no space left",
};
