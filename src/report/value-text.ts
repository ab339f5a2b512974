import { hexBuffer } from "./hex.ts";
import { histogramText } from "./histogram.ts";
import { isHistogram, type Frame, type MapSnapshot, type Value } from "./value.ts";

const INDENT = " ".repeat(8);

/** A value as print() shows it. */
export function valueText(value: Value): string {
  if (value === null) return "null";
  if (typeof value !== "object") return String(value);
  switch (value.kind) {
    case "symbolic":
      return value.text;
    case "bytes":
      return hexBuffer(value.bytes, "r");
    case "array":
      return `[${value.values.map(valueText).join(",")}]`;
    case "tuple":
      return `(${value.values.map(valueText).join(", ")})`;
    case "record": {
      const fields = value.fields.map(([name, field]) => `.${name} = ${valueText(field)}`);
      return fields.length === 0 ? "{}" : `{ ${fields.join(", ")} }`;
    }
    case "stack":
      return `\n${value.frames.map((frame) => frameText(frame, value.mode)).join("")}`;
  }
}

/** A key between the brackets of `@map[...]`: a tuple loses its parentheses there. */
export function keyText(key: Value): string {
  const isTuple = typeof key === "object" && key !== null && key.kind === "tuple";
  return isTuple ? key.values.map(valueText).join(", ") : valueText(key);
}

/** A map as print(@map) and the end of a session show it. */
export function mapText({ name, scalar, entries }: MapSnapshot): string {
  return entries
    .map(({ key, value }) => {
      const place = scalar || key === undefined ? name : `${name}[${keyText(key)}]`;
      return isHistogram(value) ? `${place}:\n${histogramText(value)}\n` : `${place}: ${valueText(value)}\n`;
    })
    .join("");
}

function frameText(frame: Frame, mode: string): string {
  const address = frame.address.toString(16);
  if (mode === "raw") return `${address}\n`;
  const place = frame.symbol === undefined ? `0x${address}` : `${frame.symbol}+${frame.offset ?? 0}`;
  if (mode !== "perf") return `${INDENT}${place}\n`;
  const module = frame.module ?? (frame.symbol === undefined ? "[unknown]" : undefined);
  return `\t${address} ${place}${module === undefined ? "" : ` (${module})`}\n`;
}
