import type { Value } from "../../ir/index.ts";

/** Fact: where the task's name was put. */
export const COMM = "comm";

/** What is known at one place of a program. */
export type Knowledge = ReadonlyMap<string, Value>;

/**
 * Values that were computed where control has certainly passed, by a name that says what they are. Names
 * carry the version of what they depend on, so that a change makes them unfindable.
 */
export class Facts {
  #known: Map<string, Value> = new Map();
  readonly #versions = new Map<object, number>();
  #nextVersion = 0;
  #epoch = 0;

  get(key: string): Value | undefined {
    return this.#known.get(key);
  }

  set(key: string, value: Value): void {
    this.#known.set(key, value);
  }

  get knowledge(): Knowledge {
    return new Map(this.#known);
  }

  /** What `write` learns holds only inside of it; it starts with `from`, or with what is known here. */
  within<T>(write: () => T, from: Knowledge = this.#known): T {
    const before = this.#known;
    this.#known = new Map(from);
    const result = write();
    this.#known = before;
    return result;
  }

  version(subject: object): string {
    return `${this.#epoch}.${this.#versions.get(subject) ?? 0}`;
  }

  /** The subject (a map) has other elements from now on. */
  changed(subject: object): void {
    this.#versions.set(subject, ++this.#nextVersion);
  }

  /** Control may come back here from code that is not written yet: nothing that can change is known. */
  forgetChangeable(): void {
    this.#epoch++;
  }
}
