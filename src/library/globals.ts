import type { Codec } from "../codec/index.ts";
import { compileCodec } from "../codec/index.ts";
import type { Kernel } from "../kernel/index.ts";
import type { LoadedMap } from "../loader/index.ts";
import type { GlobalSchema } from "../schema/index.ts";
import { BPF_F } from "../uapi/index.ts";
import { alignUp, emptyRecord, memoryOf } from "../util/index.ts";
import type { DisposalStack, Memory } from "../util/index.ts";
import { LibraryError } from "./library-error.ts";

const KEY = new Uint8Array(4);

/** Global variables by name: reading and assigning goes to the memory that the programs use. */
export function globalVariables(
  kernel: Kernel,
  schemas: readonly GlobalSchema[],
  maps: ReadonlyMap<string, LoadedMap>,
  resources: DisposalStack,
): Record<string, unknown> {
  const sections = new Map<string, Section>();
  const globals = emptyRecord<unknown>();
  for (const schema of schemas) {
    const map = maps.get(schema.section);
    if (!map) continue;
    const section = sections.get(schema.section) ?? new Section(kernel, map, schema.readOnly, resources);
    sections.set(schema.section, section);
    const variable = new Variable(schema, section);
    Object.defineProperty(globals, schema.name, {
      enumerable: true,
      get: () => variable.get(),
      set(value: unknown) {
        variable.set(value);
      },
    });
  }
  return Object.preventExtensions(globals);
}

/**
 * First contents of data sections with some variables set, by map name, as the loader takes them.
 * @throws LibraryError `library/no-such-name`; CodecError for what a type cannot hold
 */
export function initialContents(
  schemas: readonly GlobalSchema[],
  contents: (section: string) => Uint8Array | undefined,
  values: Readonly<Record<string, unknown>>,
): Map<string, Uint8Array> {
  const sections = new Map<string, Uint8Array>();
  for (const [name, value] of Object.entries(values)) {
    const schema = schemas.find((global) => global.name === name);
    if (!schema)
      throw new LibraryError("library/no-such-name", `The object has no global variable ${name}`, [
        schemas.length > 0
          ? `Its variables are ${schemas.map((global) => global.name).join(", ")}`
          : "It has none, or no BTF: compile with -g",
      ]);
    if (schema.section === ".kconfig")
      throw new LibraryError(
        "library/wrong-kind",
        `${name} is the kernel's to say: it is a __kconfig variable`,
      );
    let bytes = sections.get(schema.section);
    if (!bytes) {
      bytes = new Uint8Array(schema.sectionSize);
      bytes.set(contents(schema.section) ?? []);
      sections.set(schema.section, bytes);
    }
    bytes.set(variableCodec(schema).write(value), schema.offset);
  }
  return sections;
}

function variableCodec({ name, shape }: GlobalSchema): Codec<unknown> {
  return compileCodec<unknown>(shape, name);
}

class Variable {
  readonly #schema: GlobalSchema;
  readonly #section: Section;
  #codec: Codec<unknown> | undefined;

  constructor(schema: GlobalSchema, section: Section) {
    this.#schema = schema;
    this.#section = section;
  }

  get(): unknown {
    const { offset, shape } = this.#schema;
    return this.#codecOf().decode(this.#section.memory(), offset, offset + shape.size);
  }

  set(value: unknown): void {
    this.#section.write(this.#schema.name, this.#schema.offset, this.#codecOf().write(value));
  }

  #codecOf(): Codec<unknown> {
    return (this.#codec ??= variableCodec(this.#schema));
  }
}

/** A data section's only value: mapped where the kernel can (Linux 5.5), else looked up and updated. */
class Section {
  readonly #kernel: Kernel;
  readonly #map: LoadedMap;
  readonly #readOnly: boolean;
  readonly #resources: DisposalStack;
  #mapped: Memory | undefined;

  constructor(kernel: Kernel, map: LoadedMap, readOnly: boolean, resources: DisposalStack) {
    this.#kernel = kernel;
    this.#map = map;
    this.#readOnly = readOnly;
    this.#resources = resources;
  }

  memory(): Memory {
    this.#check();
    if (this.#mapped) return this.#mapped;
    if ((this.#map.spec.flags & BPF_F.MMAPABLE) === 0) return memoryOf(this.#value());
    const size = alignUp(this.#map.spec.valueSize, this.#kernel.pageSize);
    const region = this.#kernel.mmap(this.#map.fd, size, this.#readOnly ? "read" : "readWrite");
    return (this.#mapped = memoryOf(this.#resources.use(region).bytes));
  }

  write(name: string, offset: number, value: Uint8Array): void {
    if (this.#readOnly)
      throw new LibraryError("library/wrong-kind", `${name} is constant once the object is loaded`, [
        `Set it at load: load(..., { globals: { ${name}: ... } })`,
      ]);
    const memory = this.memory();
    memory.bytes.set(value, offset);
    if (memory !== this.#mapped) this.#map.update(KEY, memory.bytes);
  }

  #value(): Uint8Array {
    const value = this.#map.lookup(KEY);
    if (value) return value;
    throw new LibraryError("library/no-key", `Section ${this.#map.name} has no value`);
  }

  #check(): void {
    if (this.#resources.disposed)
      throw new LibraryError("library/closed", "A global variable was used after its object was closed");
  }
}
