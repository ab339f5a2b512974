import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a command line printed, and how it ended. */
export interface Ran {
  /** Byte for byte, as latin1. */
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

/** Answers of a tool to many command lines, each by a process of its own, in files until they are asked for. */
export class ToolRuns implements Disposable {
  readonly #folder = mkdtempSync("/tmp/peer-");
  readonly #codes: readonly number[];

  /** One shell starts them all: that takes a tenth of what Node takes for a process. */
  constructor(program: readonly string[], lines: readonly (readonly string[])[]) {
    const script = join(this.#folder, "lines.sh");
    const runs = lines.map((words, index) => {
      const file = join(this.#folder, String(index));
      return `${[...program, ...words].map(quoted).join(" ")} >${file}.out 2>${file}.err; echo $?\n`;
    });
    writeFileSync(script, runs.join(""));
    // Keys of some maps are descriptors: 0 is the same file for both.
    const { stdout } = spawnSync("sh", [script], { stdio: ["inherit", "pipe", "inherit"], encoding: "utf8" });
    this.#codes = stdout.trim().split("\n").map(Number);
    if (this.#codes.length !== lines.length)
      throw new Error(`${this.#codes.length} of ${lines.length} command lines ended`);
  }

  /** The answer to one of the lines; its files are gone afterwards. */
  take(index: number): Ran {
    const take = (stream: string, encoding: BufferEncoding): string => {
      const file = join(this.#folder, `${index}.${stream}`);
      const text = readFileSync(file, encoding);
      rmSync(file);
      return text;
    };
    return { out: take("out", "latin1"), err: take("err", "utf8"), code: this.#codes[index]! };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
