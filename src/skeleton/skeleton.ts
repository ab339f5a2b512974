import type { ObjectSpec } from "../object/index.ts";
import { describeObject } from "../schema/index.ts";
import type { GlobalSchema, MapSchema, ObjectSchema } from "../schema/index.ts";
import { commentName, pascalCase, propertyName } from "./names.ts";
import { TypeWriter } from "./types.ts";

export interface SkeletonOptions {
  /** `execsnoop`: what the object is called, in C's or TypeScript's way. */
  readonly name: string;
  /** Struct of the records of ring and perf buffers, by map name, where the object does not tell. */
  readonly events?: Readonly<Record<string, string>>;
  /** What the module imports bpfkit from. */
  readonly module?: string;
}

const LINE = 116;

/**
 * One self-contained module for an object: its bytes, and every program, map, global variable and record typed
 * from its BTF. The text depends on the object alone.
 * @throws BpfkitError, BtfError, CodecError for an object whose types make no sense
 */
export function skeletonModule(spec: ObjectSpec, object: Uint8Array, options: SkeletonOptions): string {
  const writer = new SkeletonWriter(spec, options);
  return writer.withObject(object);
}

/**
 * The types of an object without its bytes: for a library whose object is linked into others. `of(object)` gives
 * the library's part of an object that has it.
 */
export function subskeletonModule(spec: ObjectSpec, options: SkeletonOptions): string {
  return new SkeletonWriter(spec, options).withoutObject();
}

class SkeletonWriter {
  readonly #spec: ObjectSpec;
  readonly #schema: ObjectSchema;
  readonly #name: string;
  readonly #types: string;
  readonly #module: string;
  readonly #writer = new TypeWriter();
  readonly #imports = new Set<string>(["BpfObject"]);

  constructor(spec: ObjectSpec, { name, events, module = "bpfkit" }: SkeletonOptions) {
    this.#spec = spec;
    this.#schema = describeObject(spec, events ? { events } : {});
    this.#module = module;
    // Taken first: the object's own name stays as it is when one of its structs is called the same.
    this.#name = this.#writer.take(pascalCase(name));
    this.#types = this.#writer.take(`${this.#name}Types`);
  }

  withObject(object: Uint8Array): string {
    this.#imports.add("Input").add("LoadOptions").add("MapChanges");
    const body = this.#body();
    const options = this.#writer.take(`${this.#name}Options`);
    const events = this.#recordTypes();
    return [
      this.#head(`import { load as loadObject } from ${JSON.stringify(this.#module)};\n`),
      body,
      `/** Options of \`load\`; \`globals\` are first values, also of constants. */\n`,
      `export interface ${options} extends Omit<LoadOptions, "globals" | "maps" | "programs"> {\n`,
      `  readonly globals?: { readonly [Name in keyof Globals]?: Input<Globals[Name]> };\n`,
      `  readonly maps?: { readonly [Name in keyof Maps]?: MapChanges };\n`,
      `  readonly programs?: { readonly [Name in keyof Programs]?: boolean };\n`,
      `}\n\n`,
      `/** Loads the object into the kernel; \`using\` or \`await using\` closes it. */\n`,
      `export function load(options: ${options} = {}): Promise<${this.#name}> {\n`,
      `  return loadObject<${this.#types}>(objectBytes(), `,
      events === "" ? `options);\n` : `{ ...options, events: { ${events}, ...options.events } });\n`,
      `}\n\n`,
      `/** The ELF file. */\n`,
      `export function objectBytes(): Uint8Array {\n  return Buffer.from(object, "base64");\n}\n\n`,
      `const object = [\n${base64Lines(object)}].join("");\n`,
    ].join("");
  }

  withoutObject(): string {
    this.#imports.add("ObjectTypes");
    const body = this.#body();
    return [
      this.#head(""),
      body,
      `/**\n * The part of an object that comes from this library. The object has it if it was linked in: names that are\n`,
      ` * missing are an error.\n */\n`,
      `export function of(object: BpfObject<ObjectTypes>): ${this.#name} {\n`,
      `  return object.part<${this.#types}>(${this.#partNames()});\n}\n`,
    ].join("");
  }

  #partNames(): string {
    const { maps, globals } = this.#schema;
    return `{ programs: ${nameList(this.#spec.programs)}, maps: ${nameList(maps)}, globals: ${nameList(globals)} }`;
  }

  /** What all modules begin with. */
  #head(values: string): string {
    const types = [...this.#imports].sort().join(", ");
    return (
      `// Made by \`bpfkit gen skeleton\` from the types of ${commentName(this.#name)}: make it again, do not edit it.\n` +
      `${values}import type { ${types} } from ${JSON.stringify(this.#module)};\n\n`
    );
  }

  #body(): string {
    if (this.#spec.programs.length > 0) this.#imports.add("Program");
    const programs = this.#spec.programs.map(
      ({ name, section }) =>
        `  /** SEC("${commentName(section)}") */\n  readonly ${propertyName(name)}: Program;\n`,
    );
    const maps = this.#schema.maps.map(
      (map) => `  readonly ${propertyName(map.name)}: ${this.#mapType(map)};\n`,
    );
    const globals = this.#schema.globals.map((global) => this.#global(global));
    return [
      this.#writer.declarations,
      `/** Programs, by name. */\nexport interface Programs {\n${programs.join("")}}\n\n`,
      `/** Maps, by name. */\nexport interface Maps {\n${maps.join("")}}\n\n`,
      `/** Global variables, by name. */\nexport interface Globals {\n${globals.join("")}}\n\n`,
      `/** Everything that the object has. */\nexport interface ${this.#types} {\n`,
      `  readonly programs: Programs;\n`,
      `  readonly maps: Maps;\n`,
      `  readonly globals: Globals;\n}\n\n`,
      `export type ${this.#name} = BpfObject<${this.#types}>;\n\n`,
    ].join("");
  }

  #global({ section, readOnly, ...field }: GlobalSchema): string {
    const type = this.#writer.fieldType(field);
    const line = `${propertyName(field.name)}: ${type};\n`;
    return readOnly ? `  /** ${commentName(section)}: set by load(). */\n  readonly ${line}` : `  ${line}`;
  }

  #mapType({ kind, key, value, perCpu }: MapSchema): string {
    const type = value ? this.#writer.type(value) : "Uint8Array";
    const use = (name: string, ...parameters: string[]): string => {
      this.#imports.add(name);
      return parameters.length === 0 ? name : `${name}<${parameters.join(", ")}>`;
    };
    switch (kind) {
      case "keyed":
        return use("BpfMap", key ? this.#writer.type(key) : "Uint8Array", perCpu ? `${type}[]` : type);
      case "queue":
        return use("QueueMap", type);
      case "bloom":
        return use("BloomMap", type);
      case "ring":
      case "perf":
        return use("EventMap", type);
      case "userRing":
        return use("UserRingMap", type);
      case "other":
        return use("OtherMap");
    }
  }

  /** The records' types are fixed in the module: what the library would find itself may change with it. */
  #recordTypes(): string {
    return this.#schema.maps
      .flatMap(({ name, kind, value }) =>
        (kind === "ring" || kind === "perf" || kind === "userRing") &&
        value &&
        "name" in value &&
        value.name !== ""
          ? [`${propertyName(name)}: ${JSON.stringify(value.name)}`]
          : [],
      )
      .join(", ");
  }
}

function nameList(items: readonly { readonly name: string }[]): string {
  return `[${items.map(({ name }) => JSON.stringify(name)).join(", ")}]`;
}

function base64Lines(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("base64");
  const lines = text.match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return lines.map((line) => `  "${line}",\n`).join("");
}
