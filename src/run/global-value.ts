import type { Shape } from "../codec/index.ts";
import { BpfkitError } from "../errors.ts";

/**
 * A global variable's value from its text on the command line: `42`, `0x2a`, `true`, an enumerator's name, text,
 * elements of an array with commas between them.
 * @throws BpfkitError `run/bad-value`
 */
export function parseGlobal(name: string, shape: Shape, text: string): unknown {
  switch (shape.kind) {
    case "int":
      return Number(integer(name, text));
    case "bigint":
    case "pointer":
      return integer(name, text);
    case "float":
      return decimal(name, text);
    case "boolean":
      if (/^(true|yes|1)$/.test(text)) return true;
      if (/^(false|no|0)$/.test(text)) return false;
      throw bad(name, text, "true or false");
    case "enum": {
      const known = shape.enumerators.find((enumerator) => enumerator.name === text);
      const value = known?.value ?? integer(name, text);
      return shape.size === 8 ? value : Number(value);
    }
    case "text":
      return text;
    case "bytes":
      return Uint8Array.from(text.split(","), (part) => Number(integer(name, part)));
    case "array":
      return text.split(",").map((part) => parseGlobal(name, shape.element, part));
    case "struct":
    case "union":
      throw bad(name, text, "a number or a text: structs are set from TypeScript");
  }
}

function integer(name: string, text: string): bigint {
  const [, sign, digits] = /^(-?)(0x[0-9a-f]+|\d+)$/i.exec(text.trim()) ?? [];
  if (digits === undefined) throw bad(name, text, "a whole number");
  return sign === "-" ? -BigInt(digits) : BigInt(digits);
}

function decimal(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw bad(name, text, "a number");
  return value;
}

function bad(name: string, text: string, wanted: string): BpfkitError {
  return new BpfkitError(`Variable ${name} cannot be ${JSON.stringify(text)}: it takes ${wanted}`, {
    code: "run/bad-value",
  });
}
