import { readFileSync } from "node:fs";
import type { Fd, Kernel } from "../kernel/index.ts";
import { Features, loadObject } from "../loader/index.ts";
import { fromElf } from "../object/index.ts";
import type { MapSpec, ObjectSpec } from "../object/index.ts";
import { openKernel } from "../open-kernel.ts";
import { describeObject } from "../schema/index.ts";
import { DisposalStack } from "../util/index.ts";
import { BpfObject } from "./bpf-object.ts";
import type { ObjectTypes, UnknownObject } from "./bpf-object.ts";
import { initialContents } from "./globals.ts";
import { LibraryError } from "./library-error.ts";

/** A BPF object: path of an ELF file, its bytes, or a spec. */
export type ObjectInput = string | URL | Uint8Array | ObjectSpec;

/**
 * What is changed in an object before it is loaded, and where it goes.
 */
export interface LoadOptions {
  /** Absent: the running kernel, opened for this object alone. */
  readonly kernel?: Kernel;
  /** First values of global variables, constants (`const volatile`) among them. */
  readonly globals?: Readonly<Record<string, unknown>>;
  /** Changes to maps before they are created, by name. */
  readonly maps?: Readonly<Record<string, MapChanges>>;
  /** Which programs to load, by name; absent: all but those whose section begins with `?`. */
  readonly programs?: Readonly<Record<string, boolean>>;
  /** Struct of the records of ring and perf buffers by map name, as `struct event`, where the object does not tell. */
  readonly events?: Readonly<Record<string, string>>;
  /**
   * Programs in the kernel, by the name of the program of this object that goes there: whose function it replaces
   * (`freplace`), or whose entry and exit it sees (`fentry`, `fexit`).
   */
  readonly targets?: Readonly<Record<string, { readonly fd: Fd }>>;
  /** Folder of a bpf file system for maps with LIBBPF_PIN_BY_NAME; /sys/fs/bpf where it is not given. */
  readonly pins?: string;
  /**
   * Root of a bpf file system that lends the right to load (a token, Linux 6.9) where this process has none itself;
   * /sys/fs/bpf where it is not given.
   */
  readonly tokenFrom?: string;
  /** 1 or 2: keep the verifier's log of every program. */
  readonly logLevel?: number;
}

/**
 * What is changed in a map before it is created.
 */
export interface MapChanges {
  /** Elements; bytes of rings. */
  readonly maxEntries?: number;
  /** False: not created, as for struct_ops of another kernel; what refers to it cannot be loaded. */
  readonly create?: boolean;
  /** A map that is in the kernel already, which takes this one's place; it stays the caller's. */
  readonly use?: { readonly fd: Fd };
}

/**
 * Loads an object into the kernel: creates its maps, relocates its programs against the kernel's types and loads
 * them. Nothing stays if it fails. Skeletons (`bpfkit gen skeleton`) call it with the object's types.
 *
 * @throws LibraryError for options that name nothing; ElfError, BtfError, ObjectError for a broken object;
 *   VerifierError with the verifier's log; SyscallError for other refusals
 *
 * @example
 * ```ts
 * import { assembleObject, load } from "bpfkit";
 *
 * await using object = await load(assembleObject("socket", "w0 = 7\nexit"));
 * console.log(object.program("program").testRun({ data: new Uint8Array(14) }).result);
 * // prints 7
 * ```
 */
export async function load<T extends ObjectTypes = UnknownObject>(
  input: ObjectInput,
  options: LoadOptions = {},
): Promise<BpfObject<T>> {
  const spec = adjusted(readObject(input), options);
  const schema = describeObject(spec, options.events ? { events: options.events } : {});
  const contents = initialContents(
    schema.globals,
    (section) => spec.maps.find(({ name }) => name === section)?.contents,
    options.globals ?? {},
  );
  const resources = new DisposalStack();
  try {
    const kernel = options.kernel ?? resources.use(await openKernel());
    const { logLevel = 0, pins, tokenFrom } = options;
    const programs = spec.programs.map(({ name }) => name);
    const loaded = resources.use(
      loadObject(spec, {
        kernel,
        contents,
        logLevel,
        reuse: descriptors(Object.entries(options.maps ?? {}).map(([name, { use }]) => [name, use])),
        targets: descriptors(Object.entries(options.targets ?? {})),
        ...(pins !== undefined && { pinRoot: pins }),
        ...(tokenFrom !== undefined && { tokenFrom }),
      }),
    );
    return new BpfObject<T>({ kernel, features: new Features(kernel), loaded, schema, programs, resources });
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }
}

/**
 * Reads a BPF object; what comes out is plain data, the same on every machine.
 * @throws LibraryError `library/no-file`; ElfError, BtfError, ObjectError for broken bytes
 *
 * @example
 * ```ts
 * import { readObject } from "bpfkit";
 *
 * const { programs, maps, license } = readObject("events.bpf.o");
 * console.log(license, programs.map(({ name, section }) => `${name}: ${section}`));
 * console.log(maps.map(({ name }) => name).includes("counts"));
 * // prints GPL [ 'send: socket', 'multiply: socket' ]
 * // prints true
 * ```
 */
export function readObject(input: ObjectInput): ObjectSpec {
  if (typeof input === "string" || input instanceof URL) return fromElf(readFile(input)).spec;
  return input instanceof Uint8Array ? fromElf(input).spec : input;
}

function readFile(path: string | URL): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LibraryError("library/no-file", `Cannot read ${String(path)}: ${reason}`, [], cause);
  }
}

function descriptors(
  entries: readonly (readonly [name: string, handle: { readonly fd: Fd } | undefined])[],
): ReadonlyMap<string, Fd> {
  return new Map(entries.flatMap(([name, handle]) => (handle ? [[name, handle.fd] as const] : [])));
}

function adjusted(spec: ObjectSpec, { maps = {}, programs = {}, targets = {} }: LoadOptions): ObjectSpec {
  for (const name of Object.keys(maps)) known(name, spec.maps, "map");
  for (const name of [...Object.keys(programs), ...Object.keys(targets)])
    known(name, spec.programs, "program");
  return {
    ...spec,
    maps: spec.maps.map((map) => changedMap(map, Object.hasOwn(maps, map.name) ? maps[map.name] : undefined)),
    programs: spec.programs.map((program) => {
      const autoload = Object.hasOwn(programs, program.name) ? programs[program.name] : undefined;
      return autoload === undefined ? program : { ...program, autoload };
    }),
  };
}

function changedMap(map: MapSpec, changes: MapChanges | undefined): MapSpec {
  if (!changes) return map;
  const { maxEntries = map.maxEntries, create } = changes;
  return { ...map, maxEntries, ...(create !== undefined && { autocreate: create }) };
}

function known(name: string, named: readonly { readonly name: string }[], what: string): void {
  if (named.some((other) => other.name === name)) return;
  throw new LibraryError("library/no-such-name", `The object has no ${what} ${name}`, [
    `It has ${named.map((other) => other.name).join(", ")}`,
  ]);
}
