import { jsonString } from "./value-json.ts";

/**
 * Values as the library gives them, of C types: numbers, bigints, booleans, texts, bytes, arrays of them, and
 * structs as objects.
 */
type PlainRecord = Readonly<Record<string, unknown>>;

/** JSON with every integer as a number, whatever its size: nothing is rounded. */
export function plainJson(value: unknown): string {
  if (typeof value === "string") return jsonString(value);
  if (typeof value === "number" && !Number.isFinite(value)) return "null";
  if (value instanceof Uint8Array) return `[${value.join(",")}]`;
  if (Array.isArray(value)) return `[${value.map(plainJson).join(",")}]`;
  if (isRecord(value))
    return `{${Object.entries(value)
      .map(([name, member]) => `${jsonString(name)}:${plainJson(member)}`)
      .join(",")}}`;
  return atomText(value) ?? "null";
}

/** `pid=12 comm="my app" to.port=80`: a struct's members on one line; anything else by itself. */
export function plainText(value: unknown): string {
  return isRecord(value) ? members(value, "").join(" ") : scalarText(value);
}

function members(record: PlainRecord, prefix: string): string[] {
  return Object.entries(record).flatMap(([name, value]) =>
    isRecord(value) ? members(value, `${prefix}${name}.`) : [`${prefix}${name}=${scalarText(value)}`],
  );
}

function scalarText(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=[\]{},]+$/.test(value) ? value : jsonString(value);
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.length).toString("hex");
  if (Array.isArray(value)) return `[${trimmed(value).map(scalarText).join(" ")}]`;
  if (isRecord(value)) return `{${members(value, "").join(" ")}}`;
  return atomText(value) ?? "none";
}

function atomText(value: unknown): string | undefined {
  return typeof value === "number" || typeof value === "bigint" || typeof value === "boolean"
    ? String(value)
    : undefined;
}

/** Zeros at the end of an array are room that was not used. */
function trimmed(values: readonly unknown[]): readonly unknown[] {
  const last = values.findLastIndex((value) => value !== 0 && value !== 0n);
  return values.slice(0, last + 1);
}

function isRecord(value: unknown): value is PlainRecord {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}
