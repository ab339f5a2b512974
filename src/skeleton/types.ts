import type { EnumShape, Shape, ShapeField, StructShape } from "../codec/index.ts";
import { commentName, NameTable, propertyName } from "./names.ts";

/** Writes shapes as TypeScript types, and declares those that have names. */
export class TypeWriter {
  readonly #names = new NameTable();
  readonly #known = new Map<Shape, string>();
  readonly #declarations: string[] = [];

  /** Declarations of all named types so far, each with an empty line behind it. */
  get declarations(): string {
    return this.#declarations.map((text) => `${text}\n\n`).join("");
  }

  /** A name that no type has. */
  take(name: string): string {
    return this.#names.take(name);
  }

  /** What values of a shape are in TypeScript. */
  type(shape: Shape): string {
    switch (shape.kind) {
      case "int":
      case "float":
        return "number";
      case "bigint":
      case "pointer":
        return "bigint";
      case "boolean":
        return "boolean";
      case "text":
        return "string";
      case "bytes":
        return "Uint8Array";
      case "enum":
        return shape.name === "" ? enumType(shape) : this.#enum(shape);
      case "array":
        return `${this.type(shape.element)}[]`;
      case "struct":
      case "union":
        return shape.name === "" ? `{ ${this.#fields(shape).join(" ")} }` : this.#struct(shape);
    }
  }

  /** `readonly name: type;` */
  field(field: ShapeField): string {
    return `readonly ${propertyName(field.name)}: ${this.fieldType(field)};`;
  }

  fieldType({ shape, bits }: ShapeField): string {
    // Wide bitfields of narrow types do not exist, but narrow ones of wide types do.
    if (bits && bits.width > 32 && shape.kind !== "bigint") return "bigint";
    return this.type(shape);
  }

  #fields({ fields }: StructShape): string[] {
    return fields.map((field) => this.field(field));
  }

  #struct(shape: StructShape): string {
    const known = this.#known.get(shape);
    if (known !== undefined) return known;
    const name = this.#names.take(shape.name);
    this.#known.set(shape, name);
    const fields = this.#fields(shape).map((line) => `  ${line}\n`);
    this.#declarations.push(
      `/** ${shape.kind} ${commentName(shape.name)}, ${shape.size} bytes. */\n` +
        `export interface ${name} {\n${fields.join("")}}`,
    );
    return name;
  }

  /** A type for its values, and a constant with the names. */
  #enum(shape: EnumShape): string {
    const known = this.#known.get(shape);
    if (known !== undefined) return known;
    const name = this.#names.take(shape.name);
    this.#known.set(shape, name);
    const suffix = shape.size === 8 ? "n" : "";
    const values = shape.enumerators.map(
      (enumerator) => `  ${propertyName(enumerator.name)}: ${enumerator.value}${suffix},\n`,
    );
    this.#declarations.push(
      `/** enum ${commentName(shape.name)}: a value may be another than those that have names. */\n` +
        `export type ${name} = ${enumType(shape)};\n` +
        `export const ${name} = {\n${values.join("")}} as const;`,
    );
    return name;
  }
}

function enumType({ size }: EnumShape): string {
  return size === 8 ? "bigint" : "number";
}
