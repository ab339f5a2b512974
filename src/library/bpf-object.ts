import { attachAll, UsdtSpecs } from "../attach/index.ts";
import type { AttachedObject, PlacesOf } from "../attach/index.ts";
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
import type { AttachOptions } from "./program.ts";

/** What a skeleton says of its object: the names and types of all it has. */
export interface ObjectTypes {
  readonly programs: object;
  readonly maps: object;
  readonly globals: object;
}

/** An object of which nothing is known when the program is compiled. */
export interface UnknownObject {
  readonly programs: Readonly<Record<string, Program>>;
  readonly maps: Readonly<Record<string, AnyMap>>;
  readonly globals: Record<string, unknown>;
}

/** A loaded object and what it is reached by. */
export interface ObjectSource {
  readonly kernel: Kernel;
  readonly features: Features;
  readonly loaded: LoadedObject;
  readonly schema: ObjectSchema;
  /** Programs that it has in its file. */
  readonly programs: readonly string[];
  readonly resources: DisposalStack;
}

/**
 * An object in the kernel: its programs, maps and global variables. Disposal takes off what it attached,
 * ends its readers and closes everything; what was pinned stays.
 *
 * @example
 * ```ts
 * import { load } from "bpfkit";
 * import type { BpfMap, EventMap, Program } from "bpfkit";
 *
 * interface Events {
 *   programs: { send: Program };
 *   maps: { counts: BpfMap<number, bigint>; events: EventMap<{ pid: number; comm: string }> };
 *   globals: { sent: bigint };
 * }
 *
 * await using object = await load<Events>("events.bpf.o", { maps: { counts: { maxEntries: 10 } } });
 * object.programs.send.testRun({ data: new Uint8Array(64), repeat: 2 });
 * object.maps.counts.set(1, 5n);
 * console.log(object.globals.sent, object.maps.counts.get(1), object.maps.counts.maxEntries);
 * // prints 2n 5n 10
 * ```
 */
export class BpfObject<T extends ObjectTypes = UnknownObject> implements Disposable, AsyncDisposable {
  readonly #resources: DisposalStack;
  readonly #programs: Readonly<Record<string, Program>>;
  readonly #maps: Readonly<Record<string, AnyMap>>;
  readonly #globals: Readonly<Record<string, unknown>>;
  readonly #source: ObjectSource;
  readonly #usdt: UsdtSpecs | undefined;
  /** The kernel it is in, for calls of one's own. */
  readonly kernel: Kernel;
  /** By name in C; using one that was not to be loaded throws LibraryError `library/not-loaded`. */
  readonly programs: T["programs"];
  /** By name in C, without the sections of global variables. */
  readonly maps: T["maps"];
  /**
   * Global variables by name. Reading and assigning goes to the programs' own memory; members of a struct are
   * changed by assigning all of it. Constants (`const volatile`) are set by `load` alone.
   */
  readonly globals: T["globals"];

  /** Objects are made by `load`. */
  constructor(source: ObjectSource) {
    const { kernel, features, loaded, schema, resources } = source;
    this.#source = source;
    this.#usdt = UsdtSpecs.of(loaded);
    this.kernel = kernel;
    this.#resources = resources;
    const shared = { kernel, resources, alone: false };
    this.#programs = nameTable(
      Array.from(loaded.programs, ([name, program]) => [
        name,
        new Program({ ...shared, features, loaded: program, usdt: this.#usdt }),
      ]),
      source.programs,
    );
    this.#maps = nameTable(
      schema.maps.flatMap((map) => {
        const found = loaded.maps.get(map.name);
        return found ? [[map.name, mapHandle({ ...shared, loaded: found, schema: map })] as const] : [];
      }),
    );
    const globals = globalVariables(kernel, schema.globals, loaded.maps, resources);
    this.#globals = globals;
    // What T says was written from the object's types, or is the caller's to know.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const typed = { programs: this.#programs, maps: this.#maps, globals } as ObjectTypes as T;
    this.programs = typed.programs;
    this.maps = typed.maps;
    this.globals = typed.globals;
  }

  /**
   * Hooks every program in where its section says; `places` fill in what sections leave open, for all programs
   * or for each its own. All or nothing. Disposal of the result, or of the object, takes the hooks off.
   * @throws AttachError with the cause and the way out; SyscallError for other refusals
   */
  attach(places: PlacesOf = {}, options: AttachOptions = {}): AttachedObject {
    const { kernel, features, loaded, resources } = this.#source;
    if (resources.disposed)
      throw new LibraryError("library/closed", "An object was attached after it was closed");
    const context = { kernel, features, ...(this.#usdt && { usdt: this.#usdt }), ...options };
    return resources.use(attachAll(context, loaded, places));
  }

  /** @throws LibraryError `library/no-such-name` */
  program(name: string): Program {
    return find(this.#programs, name, "program");
  }

  /**
   * A map with keys, with the types that the caller knows it has.
   * @throws LibraryError `library/no-such-name`; `library/wrong-kind` for rings and queues
   */
  map<K = unknown, V = unknown>(name: string): BpfMap<K, V> {
    const map = find(this.#maps, name, "map");
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
    const map = find(this.#maps, name, "map");
    if (!(map instanceof EventMap))
      throw new LibraryError("library/wrong-kind", `Map ${name} is no ring buffer or perf event array`);
    // As above.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return map as EventMap<E>;
  }

  /**
   * This object as one that has what `names` lists, which is checked: how a library's subskeleton (`bpfkit gen
   * subskeleton`) finds its part in the object it was linked into.
   * @throws LibraryError `library/no-such-name` for the first name that is missing
   */
  part<P extends ObjectTypes>(names: {
    readonly programs: readonly string[];
    readonly maps: readonly string[];
    readonly globals: readonly string[];
  }): BpfObject<P> {
    for (const name of names.programs) find(this.#programs, name, "program");
    for (const name of names.maps) find(this.#maps, name, "map");
    for (const name of names.globals)
      if (!(name in this.#globals)) throw missing(this.#globals, name, "global variable");
    // Checked by name; types are the linker's to compare.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return this as BpfObject<ObjectTypes> as BpfObject<P>;
  }

  [Symbol.dispose](): void {
    this.#resources[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
  }
}

/** Names come from the file: no name of Object.prototype may be taken for one of them. */
function nameTable<V>(
  entries: Iterable<readonly [string, V]>,
  programs: readonly string[] = [],
): Readonly<Record<string, V>> {
  const table = emptyRecord<V>();
  for (const [name, value] of entries) table[name] = value;
  // A skeleton's types have all programs: using one that was not to be loaded says so.
  for (const name of programs)
    if (!(name in table)) Object.defineProperty(table, name, { get: () => notLoaded(name) });
  return Object.freeze(table);
}

function notLoaded(name: string): never {
  throw new LibraryError("library/not-loaded", `Program ${name} was not to be loaded`, [
    `Load it: load(..., { programs: { ${name}: true } })`,
  ]);
}

function find<V>(table: Readonly<Record<string, V>>, name: string, what: string): V {
  const found = table[name];
  if (found !== undefined) return found;
  throw missing(table, name, what);
}

function missing(table: Readonly<Record<string, unknown>>, name: string, what: string): LibraryError {
  const names = Object.keys(table);
  return new LibraryError("library/no-such-name", `The object has no ${what} ${name}`, [
    names.length > 0 ? `It has ${names.join(", ")}` : `It has no ${what}s`,
  ]);
}
