import type { ScreenLine, ScreenSize } from "../top/index.ts";

const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";

/**
 * The terminal as a screen of its own: the alternate one, without a cursor, keys unbuffered. Whatever ends the
 * process, the terminal is given back as it was.
 */
export class Terminal implements Disposable {
  readonly #output: NodeJS.WriteStream;
  readonly #input: NodeJS.ReadStream;
  readonly #key: (input: string) => void;
  readonly #changed: () => void;
  readonly #headStyle: (text: string) => string;
  readonly #leave = (): void => this.#restore();
  readonly #read = (data: Buffer): void => this.#key(data.toString("utf8"));
  #entered = false;

  /** `changed` is called when the size is another, and when the process is continued after a stop. */
  constructor(
    input: NodeJS.ReadStream,
    output: NodeJS.WriteStream,
    options: {
      readonly key: (input: string) => void;
      readonly changed: () => void;
      readonly headStyle: (text: string) => string;
    },
  ) {
    this.#input = input;
    this.#output = output;
    this.#key = options.key;
    this.#changed = options.changed;
    this.#headStyle = options.headStyle;
    output.on("resize", this.#changed);
    process.on("exit", this.#leave);
    this.#enter();
  }

  get size(): ScreenSize {
    return { columns: this.#output.columns || 80, rows: this.#output.rows || 24 };
  }

  draw(lines: readonly ScreenLine[]): void {
    const text = lines
      .map(({ text: line, head }) => `${head ? this.#headStyle(line) : line}\x1b[K`)
      .join("\r\n");
    this.#output.write(`\x1b[H${text}\x1b[J`);
  }

  /** Stops the process as Ctrl-Z does, with the terminal given back until it is continued. */
  suspend(): void {
    this.#restore();
    process.once("SIGCONT", () => {
      this.#enter();
      this.#changed();
    });
    process.kill(process.pid, "SIGSTOP");
  }

  #enter(): void {
    this.#entered = true;
    if (this.#input.isTTY) this.#input.setRawMode(true);
    this.#input.on("data", this.#read);
    this.#input.resume();
    this.#output.write(ENTER);
  }

  #restore(): void {
    if (!this.#entered) return;
    this.#entered = false;
    this.#output.write(LEAVE);
    this.#input.off("data", this.#read);
    if (this.#input.isTTY) this.#input.setRawMode(false);
    this.#input.pause();
  }

  [Symbol.dispose](): void {
    this.#restore();
    this.#output.off("resize", this.#changed);
    process.off("exit", this.#leave);
  }
}
