import { ToolError } from "./tool-error.ts";

/** A row of a table of keywords; any beginning of a word stands for the first that has it. */
export function findKeyword<T extends { readonly name: string }>(
  rows: readonly T[],
  word: string,
): T | undefined {
  return rows.find(({ name }) => isKeyword(word, name));
}

/** Whether a word of the command line stands for a keyword: it is one of its beginnings. */
export function isKeyword(word: string, name: string): boolean {
  return word !== "" && name.startsWith(word);
}

/** The words of a command, taken from the left. */
export class Arguments {
  readonly #words: readonly string[];
  #next = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  get left(): number {
    return this.#words.length - this.#next;
  }

  peek(): string | undefined {
    return this.#words[this.#next];
  }

  /** @throws ToolError if there is none left */
  take(what: string): string {
    const word = this.#words[this.#next];
    if (word === undefined) throw new ToolError(`expected ${what}, got no argument`);
    this.#next++;
    return word;
  }

  /** Takes the keyword if it is next. */
  accept(name: string): boolean {
    const word = this.peek();
    if (word === undefined || !isKeyword(word, name)) return false;
    this.#next++;
    return true;
  }

  /** Takes the next word, which must stand for the keyword. */
  expect(name: string): void {
    if (!this.accept(name))
      throw new ToolError(`expected '${name}', got: '${this.peek() ?? "no argument"}'?`);
  }

  /** As strtoul(3) with base 0 takes it: decimal, 0x hexadecimal, leading 0 octal. */
  number(what: string): number {
    const word = this.take(what);
    const value = /^0[0-7]+$/.test(word) ? Number.parseInt(word, 8) : Number(word);
    if (word.trim() === "" || !Number.isInteger(value) || value < 0)
      throw new ToolError(`can't parse ${word} as ${what}`);
    return value;
  }

  /** A u32. */
  id(what: string): number {
    const value = this.number(what);
    if (value > 0xffff_ffff) throw new ToolError(`can't parse ${value} as ${what}: it is above 4294967295`);
    return value;
  }

  /** @throws ToolError unless at least so many words are left behind `word` */
  require(count: number, word: string, exitCode?: number): void {
    if (this.left < count)
      throw new ToolError(`'${word}' needs at least ${count} arguments, ${this.left} found`, exitCode);
  }

  /** All words that are left. */
  rest(): string[] {
    const words = this.#words.slice(this.#next);
    this.#next = this.#words.length;
    return words;
  }

  /** @throws ToolError if words are left over */
  end(): void {
    const word = this.peek();
    if (word !== undefined) throw new ToolError(`unexpected argument: ${word}`);
  }
}
