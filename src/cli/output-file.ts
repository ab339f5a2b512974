import { closeSync, openSync, writeSync } from "node:fs";
import { BpfkitError } from "../errors.ts";
import type { OutputTarget } from "../report/index.ts";

/** Nobody reads the output any more (EPIPE): a quiet end, as of any filter. */
export class OutputClosedError extends BpfkitError {
  constructor(cause: unknown) {
    super("The output was closed", { code: "cli/output-closed", cause });
  }
}

/** Writes to standard output or a file, at once and completely. */
export class OutputFile implements OutputTarget, Disposable {
  readonly #fd: number;
  readonly #name: string;

  /** Without a path: standard output. */
  constructor(path?: string) {
    this.#name = path ?? "standard output";
    try {
      this.#fd = path === undefined ? 1 : openSync(path, "w");
    } catch (cause) {
      throw outputError(this.#name, cause);
    }
  }

  write(bytes: Uint8Array): void {
    let written = 0;
    while (written < bytes.length) {
      try {
        written += writeSync(this.#fd, bytes, written);
      } catch (cause) {
        if (codeOf(cause) === "EPIPE") throw new OutputClosedError(cause);
        if (codeOf(cause) !== "EAGAIN") throw outputError(this.#name, cause);
        // A pipe or terminal that another process made non-blocking is full: give its reader time.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      }
    }
  }

  [Symbol.dispose](): void {
    if (this.#fd !== 1) closeSync(this.#fd);
  }
}

function outputError(name: string, cause: unknown): BpfkitError {
  const full = codeOf(cause) === "ENOSPC";
  const reason = full ? "no space left" : cause instanceof Error ? cause.message : String(cause);
  return new BpfkitError(`Cannot write ${name}: ${reason}`, {
    code: "cli/output",
    hints: full ? ["Write to another file system with -o FILE"] : [],
    cause,
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
