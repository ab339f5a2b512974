import { labelNumber } from "./histogram.ts";
import { keyText, valueText } from "./value-text.ts";
import { isHistogram, type Histogram, type Integer, type MapSnapshot, type Value } from "./value.ts";

/** One line of `-f json`, without its newline. Spaces stand where bpftrace puts them. */
export function jsonLine(type: string, data: string): string {
  return `{"type": "${type}", "data": ${data}}`;
}

export function jsonString(text: string): string {
  return JSON.stringify(text);
}

/** A number where a double holds it, else its digits as a string. */
export function jsonInteger(value: Integer): string {
  if (typeof value === "number") return String(value);
  return BigInt(Number(value)) === value ? String(value) : `"${value}"`;
}

export function valueJson(value: Value): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number" || typeof value === "bigint") return jsonInteger(value);
  if (typeof value === "string") return jsonString(value);
  switch (value.kind) {
    case "symbolic":
      return jsonInteger(value.number);
    case "bytes":
      return `[${value.bytes.join(",")}]`;
    case "array":
    case "tuple":
      return `[${value.values.map(valueJson).join(",")}]`;
    case "record":
      return `{${value.fields.map(([name, field]) => `${jsonString(name)}: ${valueJson(field)}`).join(", ")}}`;
    case "stack":
      return jsonString(valueText(value));
  }
}

/** A map as one line; undefined where an empty map prints nothing. */
export function mapJson({ name, type, scalar, entries }: MapSnapshot): string | undefined {
  if (entries.length === 0) return undefined;
  const shown = entries.map(({ key, value }) => {
    const data = isHistogram(value) ? histogramJson(value) : valueJson(value);
    // Keys are text without any blank, as bpftrace writes them.
    return scalar || key === undefined ? data : `${jsonString(keyText(key).replaceAll(" ", ""))}: ${data}`;
  });
  const body = scalar ? shown[0]! : `{${shown.join(", ")}}`;
  return jsonLine(type, `{${jsonString(name)}: ${body}}`);
}

/** Both bounds are inclusive here, unlike in the text. */
function histogramJson({ buckets }: Histogram): string {
  const rows = buckets.map(({ low, high, count }) => {
    const parts = [`"count": ${count}`];
    if (high !== undefined) parts.unshift(`"max": ${jsonInteger(before(labelNumber(high)))}`);
    if (low !== undefined) parts.unshift(`"min": ${jsonInteger(labelNumber(low))}`);
    return `{${parts.join(", ")}}`;
  });
  return `[${rows.join(",")}]`;
}

function before(value: Integer): Integer {
  return typeof value === "number" ? value - 1 : value - 1n;
}
