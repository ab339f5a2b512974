import type { ChildProcess } from "node:child_process";
import { BpfkitError } from "../errors.ts";
import { findProgram } from "../util/index.ts";

/** Waits for a byte on descriptor 3, closes it and becomes the command: one execve, of the command itself. */
const GATE = 'read -r _ <&3 || exit 127; exec "$0" "$@" 3<&-';

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A command that waits to be let go, and its end. */
export interface CommandProcess extends Disposable {
  readonly pid: number;
  readonly ended: Promise<unknown>;
  go(): void;
}

/** The words of `-c`, with the program's path. @throws BpfkitError */
export function commandOf(command: string): { readonly path: string; readonly args: readonly string[] } {
  const [name, ...args] = splitCommand(command);
  const path = name === undefined ? undefined : findProgram(name);
  if (path === undefined) {
    throw new BpfkitError(`Cannot run ${JSON.stringify(name ?? "")}: there is no such program`, {
      code: "trace/no-command",
      hints: ["Give a path or a program on PATH; for pipes and redirections use -c 'sh -c \"...\"'"],
    });
  }
  return { path, args };
}

/**
 * The `-c` command: its process exists (and has its id) from the start, but runs the command only when it is
 * let go, so that probes see its first system calls.
 */
export class Child implements CommandProcess {
  readonly pid: number;
  readonly ended: Promise<ChildEnd>;
  readonly #process: ChildProcess;
  #running = true;

  private constructor(process: ChildProcess, pid: number) {
    this.#process = process;
    this.pid = pid;
    this.ended = new Promise((resolve) => {
      process.once("exit", (code, signal) => {
        this.#running = false;
        resolve({ code, signal });
      });
    });
  }

  /** `command` is split at blanks; quotes and backslashes keep them, as in a shell. */
  static start(command: string): Child {
    const { path, args } = commandOf(command);
    // Not imported: most runs need no streams and sockets, which it brings along.
    const { spawn } = process.getBuiltinModule("node:child_process");
    const child = spawn("/bin/sh", ["-c", GATE, path, ...args], {
      stdio: ["inherit", "inherit", "inherit", "pipe"],
    });
    if (child.pid === undefined) {
      child.once("error", () => undefined);
      throw new BpfkitError("Cannot run -c: /bin/sh, which starts the command, is missing", {
        code: "trace/no-shell",
        hints: ["Start the program yourself and trace it with -p PID"],
      });
    }
    return new Child(child, child.pid);
  }

  go(): void {
    const gate = this.#process.stdio[3];
    if (!gate || !("end" in gate)) return;
    // The reader may be gone already: its end then is what the session sees.
    gate.on("error", () => undefined);
    gate.end("\n");
  }

  [Symbol.dispose](): void {
    if (this.#running) this.#process.kill("SIGTERM");
    this.#process.stdio[3]?.destroy();
    this.#process.unref();
  }
}

/** Words of a command line; quotes group, a backslash takes the next character as it is. */
export function splitCommand(command: string): string[] {
  const words = command.match(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs) ?? [];
  return words.map((word) =>
    word.replace(/\\(.)|"((?:[^"\\]|\\.)*)"|'([^']*)'/gs, (_whole, escaped, double, single) =>
      String(escaped ?? double?.replace(/\\(["\\$`])/g, "$1") ?? single),
    ),
  );
}
