import type { Kernel } from "../kernel/index.ts";
import type { Features, LoadedObject } from "../loader/index.ts";
import type { ObjectSchema } from "../schema/index.ts";
import { emptyRecord } from "../util/index.ts";
import type { DisposalStack } from "../util/index.ts";
import { BpfMap } from "./bpf-map.ts";
import { EventMap } from "./event-map.ts";
import { globalVariables } from "./globals.ts";
import { LibraryError } from "./library-error.ts";
import { mapHandle } from "./maps.ts";
import type { AnyMap } from "./maps.ts";
import { Program } from "./program.ts";

/** What a skeleton says of its object: the names and types of all it has. */
export interface ObjectTypes {
  readonly programs: Readonly<Record<string, Program>>;
  readonly maps: Readonly<Record<string, AnyMap>>;
  // oxlint-disable-next-line typescript/no-empty-object-type -- interfaces have no index signature
  readonly globals: {};
}

/** An object of which nothing is known when the program is compiled. */
export interface UnknownObject extends ObjectTypes {
  readonly globals: Record<string, unknown>;
}

/** A loaded object and what it is reached by. */
export interface ObjectSource {
  readonly kernel: Kernel;
  readonly features: Features;
  readonly loaded: LoadedObject;
  readonly schema: ObjectSchema;
  readonly resources: DisposalStack;
}

/**
 * An object in the kernel: its programs, maps and global variables. Disposal takes off what it attached,
 * ends its readers and closes everything; what was pinned stays.
 */
export class BpfObject<T extends ObjectTypes = UnknownObject> implements Disposable, AsyncDisposable {
  readonly #resources: DisposalStack;
  /** The kernel it is in, for calls of one's own. */
  readonly kernel: Kernel;
  /** By name in C; those that were not to be loaded are not there. */
  readonly programs: T["programs"];
  /** By name in C, without the sections of global variables. */
  readonly maps: T["maps"];
  /**
   * Global variables by name. Reading and assigning goes to the programs' own memory; members of a struct are
   * changed by assigning all of it. Constants (`const volatile`) are set by `load` alone.
   */
  readonly globals: T["globals"];

  /** Objects are made by `load`. */
  constructor({ kernel, features, loaded, schema, resources }: ObjectSource) {
    this.kernel = kernel;
    this.#resources = resources;
    const shared = { kernel, resources, alone: false };
    this.programs = nameTable(
      Array.from(loaded.programs, ([name, program]) => [
        name,
        new Program({ ...shared, features, loaded: program }),
      ]),
    );
    this.maps = nameTable(
      schema.maps.flatMap((map) => {
        const found = loaded.maps.get(map.name);
        return found ? [[map.name, mapHandle({ ...shared, loaded: found, schema: map })] as const] : [];
      }),
    );
    this.globals = globalVariables(kernel, schema.globals, loaded.maps, resources);
  }

  /** @throws LibraryError `library/no-such-name` */
  program(name: string): Program {
    return find(this.programs, name, "program");
  }

  /**
   * A map with keys, with the types that the caller knows it has.
   * @throws LibraryError `library/no-such-name`; `library/wrong-kind` for rings and queues
   */
  map<K = unknown, V = unknown>(name: string): BpfMap<K, V> {
    const map = find(this.maps, name, "map");
    if (!(map instanceof BpfMap))
      throw new LibraryError("library/wrong-kind", `Map ${name} has no keys`, [
        "Take it from object.maps, or read its records with object.events()",
      ]);
    // What K and V are is for the caller, or the skeleton, to say.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return map as unknown as BpfMap<K, V>;
  }

  /**
   * A ring or perf buffer, with the type that the caller knows its records have.
   * @throws LibraryError `library/no-such-name`; `library/wrong-kind` for other maps
   */
  events<E = unknown>(name: string): EventMap<E> {
    const map = find(this.maps, name, "map");
    if (!(map instanceof EventMap))
      throw new LibraryError("library/wrong-kind", `Map ${name} is no ring buffer or perf event array`);
    // As above.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return map as EventMap<E>;
  }

  [Symbol.dispose](): void {
    this.#resources[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
  }
}

/** Names come from the file: no name of Object.prototype may be taken for one of them. */
function nameTable<V>(entries: Iterable<readonly [string, V]>): Readonly<Record<string, V>> {
  const table = emptyRecord<V>();
  for (const [name, value] of entries) table[name] = value;
  return Object.freeze(table);
}

function find<V>(table: Readonly<Record<string, V>>, name: string, what: string): V {
  const found = table[name];
  if (found !== undefined) return found;
  const names = Object.keys(table);
  throw new LibraryError("library/no-such-name", `The object has no ${what} ${name}`, [
    names.length > 0 ? `It has ${names.join(", ")}` : `It has no ${what}s`,
  ]);
}
