import type { ArrayShape, Shape, ShapeField, StructShape } from "./shape.ts";

/** Body of a function of `runtime` (runtime.ts) that gives `{ decode, encode }`. */
export interface CodecSource {
  readonly source: string;
  readonly minimumSize: number;
}

/**
 * Writes the functions that read and write values of a shape: one for each struct and array type, with offsets
 * as constants and object literals, whose fields V8 gives fixed places.
 */
export function generateCodec(shape: Shape): CodecSource {
  const generator = new Generator();
  const tail = tailOf(shape);
  const decode = tail ? generator.decodeTail(shape, tail) : `return ${generator.read(shape, "o")};`;
  const encode = generator.write(shape, "o", "x", "name");
  const source = [
    '"use strict";',
    "const texts = new runtime.TextReader();",
    ...generator.functions,
    `return { decode(m, o, e) { ${decode} }, encode(m, o, x, name) { ${encode} } };`,
  ].join("\n");
  return { source, minimumSize: tail ? tail.offset : shape.size };
}

/** The last member of a struct where it is an array: it may be cut, or have more elements than C says. */
function tailOf(shape: Shape): ShapeField | undefined {
  if (shape.kind !== "struct") return undefined;
  const last = shape.fields.at(-1);
  if (!last || last.bits) return undefined;
  const { kind, size } = last.shape;
  const isArray = kind === "text" || kind === "bytes" || (kind === "array" && last.shape.element.size > 0);
  // A member of a union that is flattened into the struct may be last and yet not at the end.
  const behind = shape.fields.every(
    (field) => field === last || field.offset + field.shape.size <= last.offset,
  );
  return isArray && behind && last.offset + size <= shape.size ? last : undefined;
}

class Generator {
  readonly functions: string[] = [];
  readonly #readers = new Map<Shape, string>();
  readonly #writers = new Map<Shape, string>();

  /** Expression for the value at `at`, an expression too. */
  read(shape: Shape, at: string): string {
    switch (shape.kind) {
      case "int":
        return `m.view.${getter(shape.size, shape.signed)}(${at}${shape.size > 1 ? ", true" : ""})`;
      case "bigint":
        return shape.size === 8
          ? `m.view.getBig${shape.signed ? "Int" : "Uint"}64(${at}, true)`
          : `runtime.readWide(m.view, ${at}, ${shape.signed})`;
      case "enum":
        return shape.size === 8
          ? `m.view.getBig${shape.signed ? "Int" : "Uint"}64(${at}, true)`
          : `m.view.${getter(shape.size, shape.signed)}(${at}${shape.size > 1 ? ", true" : ""})`;
      case "boolean":
        return `m.view.${getter(shape.size, false)}(${at}${shape.size > 1 ? ", true" : ""}) !== 0`;
      case "float":
        return `m.view.getFloat${shape.size * 8}(${at}, true)`;
      case "pointer":
        return `m.view.getBigUint64(${at}, true)`;
      case "text":
        return `texts.read(m, ${at}, ${at} + ${shape.size})`;
      case "bytes":
        return `runtime.readBytes(m, ${at}, ${at} + ${shape.size})`;
      case "array":
        return `${this.#arrayReader(shape)}(m, ${at}, ${shape.length})`;
      case "struct":
      case "union":
        return `${this.#structReader(shape)}(m, ${at})`;
    }
  }

  /** Statements that read a struct whose last member reaches to `e`. */
  decodeTail(shape: Shape, tail: ShapeField): string {
    if (shape.kind !== "struct") return "";
    const end = tail.shape.size === 0 ? "e" : `Math.min(e, o + ${tail.offset + tail.shape.size})`;
    const at = `o + ${tail.offset}`;
    const { shape: last } = tail;
    const value =
      last.kind === "array"
        ? `${this.#arrayReader(last)}(m, ${at}, Math.floor((${end} - (${at})) / ${strideOf(last)}))`
        : `${last.kind === "text" ? "texts.read" : "runtime.readBytes"}(m, ${at}, ${end})`;
    const fields = shape.fields.map((field) =>
      field === tail ? `${key(field.name)}: ${value}` : this.#readField(field, "o"),
    );
    return `return { ${fields.join(", ")} };`;
  }

  /** Statements that write the value `from`; `name` is an expression for errors. */
  write(shape: Shape, at: string, from: string, name: string): string {
    switch (shape.kind) {
      case "int":
        return `runtime.writeInt(m.view, ${at}, ${shape.size}, ${shape.signed}, ${from}, ${name});`;
      case "bigint":
        return `runtime.writeBig(m.view, ${at}, ${shape.size}, ${shape.signed}, ${from}, ${name});`;
      case "enum":
        return shape.size === 8
          ? `runtime.writeBig(m.view, ${at}, 8, ${shape.signed}, ${from}, ${name});`
          : `runtime.writeInt(m.view, ${at}, ${shape.size}, ${shape.signed}, ${from}, ${name});`;
      case "boolean":
        return `runtime.writeBoolean(m.view, ${at}, ${shape.size}, ${from}, ${name});`;
      case "float":
        return `runtime.writeFloat(m.view, ${at}, ${shape.size}, ${from}, ${name});`;
      case "pointer":
        return `runtime.writeBig(m.view, ${at}, 8, false, ${from}, ${name});`;
      case "text":
      case "bytes":
        return `runtime.writeBytes(m, ${at}, ${shape.size}, ${from}, ${name});`;
      case "array":
      case "struct":
      case "union":
        return `${this.#writer(shape)}(m, ${at}, ${from}, ${name});`;
    }
  }

  #readField(field: ShapeField, base: string): string {
    const at = `${base} + ${field.offset}`;
    return `${key(field.name)}: ${field.bits ? readBits(field, at) : this.read(field.shape, at)}`;
  }

  #structReader(shape: StructShape): string {
    return this.#define(this.#readers, shape, "read", (name) => {
      const fields = shape.fields.map((field) => this.#readField(field, "o"));
      return `function ${name}(m, o) { return { ${fields.join(", ")} }; }`;
    });
  }

  #arrayReader(shape: ArrayShape): string {
    return this.#define(this.#readers, shape, "read", (name) => {
      const { element } = shape;
      return (
        `function ${name}(m, o, n) { const list = new Array(n); ` +
        `for (let i = 0, at = o; i < n; i++, at += ${strideOf(shape)}) list[i] = ${this.read(element, "at")}; ` +
        `return list; }`
      );
    });
  }

  #writer(shape: ArrayShape | StructShape): string {
    return this.#define(this.#writers, shape, "write", (name) =>
      shape.kind === "array" ? this.#arrayWriter(shape, name) : this.#structWriter(shape, name),
    );
  }

  #arrayWriter(shape: ArrayShape, name: string): string {
    const { element, length, size } = shape;
    const write = this.write(element, `o + i * ${strideOf(shape)}`, "x[i]", '(name + "[" + i + "]")');
    return (
      `function ${name}(m, o, x, name) { m.bytes.fill(0, o, o + ${size}); ` +
      `const n = runtime.checkList(x, ${length}, name); for (let i = 0; i < n; i++) { ${write} } }`
    );
  }

  #structWriter({ fields, size }: StructShape, name: string): string {
    const known = `known${this.functions.length}_${name}`;
    const writes = fields.map((field) => {
      const at = `o + ${field.offset}`;
      const from = `x[${JSON.stringify(field.name)}]`;
      const path = `name + ${JSON.stringify(`.${field.name}`)}`;
      const write = field.bits ? writeBits(field, at, from, path) : this.write(field.shape, at, from, path);
      return `if (${from} !== undefined) { ${write} }`;
    });
    const names = JSON.stringify(fields.map((field) => field.name));
    return (
      `const ${known} = new Set(${names}); ` +
      `function ${name}(m, o, x, name) { if (x instanceof Uint8Array) { runtime.writeRaw(m, o, ${size}, x, name); return; } ` +
      `runtime.checkFields(x, ${known}, name); ` +
      `m.bytes.fill(0, o, o + ${size}); ${writes.join(" ")} }`
    );
  }

  #define(known: Map<Shape, string>, shape: Shape, verb: string, make: (name: string) => string): string {
    let name = known.get(shape);
    if (name === undefined) {
      name = `${verb}${known.size}`;
      known.set(shape, name);
      this.functions.push(make(name));
    }
    return name;
  }
}

function strideOf({ stride, element }: ArrayShape): number {
  return stride ?? element.size;
}

/** `__proto__: x` alone would set the prototype. */
function key(name: string): string {
  return name === "__proto__" ? '["__proto__"]' : JSON.stringify(name);
}

function getter(size: 1 | 2 | 4 | 8, signed: boolean): string {
  return `get${signed ? "Int" : "Uint"}${size * 8}`;
}

function readBits({ shape, bits }: ShapeField, at: string): string {
  const { offset, width } = bits!;
  const signed = "signed" in shape && shape.signed;
  if (width > 32) return `runtime.readBigBits(m.view, ${at}, ${offset}, ${width}, ${signed})`;
  const value = `runtime.readBits(m.view, ${at}, ${offset}, ${width}, ${signed})`;
  if (shape.kind === "boolean") return `${value} !== 0`;
  return shape.kind === "enum" && shape.size === 8 ? `BigInt(${value})` : value;
}

function writeBits({ shape, bits }: ShapeField, at: string, from: string, path: string): string {
  const { offset, width } = bits!;
  const signed = "signed" in shape && shape.signed;
  return `runtime.writeBits(m.view, ${at}, ${offset}, ${width}, ${signed}, ${from}, ${path});`;
}
