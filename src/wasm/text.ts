import { BULK, BULK_PREFIX, INDEXED, MEMORY, PLAIN, VALUE_TYPE } from "./instructions.ts";

interface Row {
  readonly name: string;
  readonly form: "plain" | "memory" | "index" | "block" | "table" | "indirect" | "constant";
}

const ROWS: ReadonlyMap<number, Row> = new Map([
  ...Object.entries(PLAIN).map(([name, code]): [number, Row] => [code, { name, form: "plain" }]),
  ...Object.entries(MEMORY).map(([name, code]): [number, Row] => [code, { name, form: "memory" }]),
  ...Object.entries(INDEXED).map(([name, code]): [number, Row] => [code, { name, form: formOf(name) }]),
]);

function formOf(name: string): Row["form"] {
  if (name === "block" || name === "loop" || name === "if") return "block";
  if (name === "br_table") return "table";
  if (name === "call_indirect") return "indirect";
  return name.endsWith(".const") ? "constant" : "index";
}

/** A function's body in the text format, one instruction a line, two spaces a level. */
export function printBody(body: Uint8Array): string {
  const reader = new Cursor(body);
  let text = "";
  let level = 0;
  while (reader.position < body.length) {
    const code = reader.u8();
    if (code === BULK_PREFIX) {
      text += `${"  ".repeat(level)}${bulk(reader)}\n`;
      continue;
    }
    const row = ROWS.get(code);
    if (!row) throw new Error(`no WebAssembly instruction 0x${code.toString(16)}`);
    if (row.name === "end" || row.name === "else") level = Math.max(0, level - 1);
    text += `${"  ".repeat(level)}${row.name}${immediates(row, reader)}\n`;
    if (row.form === "block" || row.name === "else") level++;
  }
  return text;
}

const SECTION_CODE = 10;
const HEADER_SIZE = 8;

/** The functions of a module, as {@link printBody} prints each. @throws Error for what is no module of ours */
export function printModule(module: Uint8Array): string {
  const reader = new Cursor(module);
  reader.position = HEADER_SIZE;
  let text = "";
  while (reader.position < module.length) {
    const section = reader.u8();
    const end = readUnsigned(reader) + reader.position;
    if (section === SECTION_CODE) text += printFunctions(module, reader);
    reader.position = end;
  }
  return text;
}

function printFunctions(module: Uint8Array, reader: Cursor): string {
  const count = readUnsigned(reader);
  let text = "";
  for (let index = 0; index < count; index++) {
    const end = readUnsigned(reader) + reader.position;
    const types: string[] = [];
    for (let groups = readUnsigned(reader); groups > 0; groups--) {
      const number = readUnsigned(reader);
      const type = reader.u8() === VALUE_TYPE.i32 ? "i32" : "i64";
      for (let local = 0; local < number; local++) types.push(type);
    }
    const locals = types.length === 0 ? "" : `  (local ${types.join(" ")})\n`;
    const body = printBody(module.subarray(reader.position, end - 1))
      .replace(/^/gm, "  ")
      .trimEnd();
    text += `(func ${index}\n${locals}${body})\n`;
    reader.position = end;
  }
  return text;
}

function bulk(reader: Cursor): string {
  const code = reader.u8();
  const [name] = Object.entries(BULK).find(([, value]) => value === code) ?? [];
  if (name === undefined) throw new Error(`no WebAssembly instruction 0xfc 0x${code.toString(16)}`);
  for (let memories = name === "memory.copy" ? 2 : 1; memories > 0; memories--) reader.u8();
  return name;
}

class Cursor {
  readonly #bytes: Uint8Array;
  position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  u8(): number {
    const byte = this.#bytes[this.position++];
    if (byte === undefined) throw new Error("the WebAssembly ends inside an instruction");
    return byte;
  }
}

const RESULTS: Readonly<Record<number, string>> = { 0x7f: " (result i32)", 0x7e: " (result i64)" };

function immediates(row: Row, reader: Cursor): string {
  switch (row.form) {
    case "plain":
      return "";
    case "memory": {
      readUnsigned(reader);
      const offset = readUnsigned(reader);
      return offset === 0 ? "" : ` offset=${offset}`;
    }
    case "index":
      return ` ${readUnsigned(reader)}`;
    case "block":
      return RESULTS[reader.u8()] ?? "";
    case "table": {
      const count = readUnsigned(reader);
      return Array.from({ length: count + 1 }, () => ` ${readUnsigned(reader)}`).join("");
    }
    case "indirect": {
      const type = readUnsigned(reader);
      reader.u8();
      return ` (type ${type})`;
    }
    case "constant":
      return ` ${readSigned(reader)}`;
  }
}

function readUnsigned(reader: Cursor): number {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const group = reader.u8();
    value |= (group & 0x7f) << shift;
    if (group < 0x80) return value >>> 0;
  }
}

function readSigned(reader: Cursor): bigint {
  let value = 0n;
  for (let shift = 0n; ; shift += 7n) {
    const group = reader.u8();
    value |= BigInt(group & 0x7f) << shift;
    if (group < 0x80) return BigInt.asIntN(Number(shift) + 7, value);
  }
}
