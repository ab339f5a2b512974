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

  number(what: string): number {
    const word = this.take(what);
    const value = Number(word);
    if (word.trim() === "" || !Number.isInteger(value)) throw new ToolError(`can't parse ${what}: ${word}`);
    return value;
  }

  /** @throws ToolError if words are left over */
  end(): void {
    const word = this.peek();
    if (word !== undefined) throw new ToolError(`unexpected argument: ${word}`);
  }
}
