/** Names that every skeleton uses itself. All begin upper-case, so no keyword is among those that are made. */
const TAKEN: readonly string[] = [
  ..."AnyMap BloomMap BpfMap BpfObject Buffer EventMap Globals Input LoadOptions MapChanges Maps ObjectTypes".split(
    " ",
  ),
  ..."Omit OtherMap Program Programs Promise QueueMap Uint8Array UserRingMap".split(" "),
];

/** Gives every type of C a name of its own in TypeScript. */
export class NameTable {
  readonly #taken = new Set(TAKEN);

  /** `conn_event` becomes `ConnEvent`, a second one `ConnEvent2`. */
  take(name: string): string {
    const plain = pascalCase(name);
    for (let count = 1; ; count++) {
      const candidate = count === 1 ? plain : `${plain}${count}`;
      if (this.#taken.has(candidate)) continue;
      this.#taken.add(candidate);
      return candidate;
    }
  }
}

/** The letters and digits of a name of C, which may hold anything in a hostile object. */
export function pascalCase(name: string): string {
  const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== "");
  const joined = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join("");
  return /^[A-Za-z]/.test(joined) ? joined : `T${joined}`;
}

/** A property's name, quoted where it is none by itself. */
export function propertyName(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) && name !== "__proto__" ? name : JSON.stringify(name);
}

/** A name of C in a comment: nothing that could end it. */
export function commentName(name: string): string {
  return name
    .replace(/[^\w.$/ -]/g, "?")
    .replace(/\*\/|\/\*/g, "??")
    .slice(0, 200);
}
