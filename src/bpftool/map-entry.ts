import { errnoMessage, ERRNO } from "../uapi/index.ts";
import { RawJson } from "./json.ts";
import type { Json } from "./json.ts";
import { holdsMaps } from "./opened-map.ts";
import type { OpenedMap } from "./opened-map.ts";
import { typedValue } from "./typed-value.ts";

/** One element, or the errno by which the kernel refused to show its value. */
export interface DumpedEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array | number;
}

export function entryText({ info, map }: OpenedMap, { key, value }: DumpedEntry): string {
  if (typeof value === "number") return keyAndValue(key, errorText(value), errorText(value).length);
  if (map.perCpu) {
    const start = info.valueSize > 16 ? "\n" : " ";
    const values = cpuValues(map, value).map(
      (bytes, cpu) => `value (CPU ${String(cpu).padStart(2, "0")}):${start}${hexText(bytes)}\n`,
    );
    return `${key.length === 0 ? "" : `key:\n${hexText(key)}\n`}${values.join("")}`;
  }
  if (!holdsMaps(info)) return keyAndValue(key, hexText(value), info.valueSize);
  return keyAndValue(key, `${readId(value)} `, info.valueSize, "inner_map_id");
}

/** Short ones on one line. */
function keyAndValue(key: Uint8Array, value: string, size: number, title = "value"): string {
  const long = key.length > 16 || size > 16;
  const start = long ? "\n" : " ";
  const between = key.length + size <= 24 && !long ? "  " : "\n";
  const keyText = key.length === 0 ? "" : `key:${start}${hexText(key)}${between}`;
  return `${keyText}${size === 0 ? "" : `${title}:${start}${value}`}\n`;
}

function errorText(errno: number): string {
  return errno === ERRNO.ENOENT ? "<no entry>" : errnoMessage(errno);
}

export function entryJson(opened: OpenedMap, entry: DumpedEntry): Json {
  const { map, btf, info } = opened;
  const { key, value } = entry;
  if (typeof value === "number") return { key: hexJson(key), value: { error: errnoMessage(value) } };
  const raw = map.perCpu
    ? { values: cpuValues(map, value).map((bytes, cpu) => ({ cpu, value: hexJson(bytes) })) }
    : { value: hexJson(value), inner_map_id: holdsMaps(info) ? readId(value) : undefined };
  return {
    key: hexJson(key),
    ...raw,
    formatted: btf ? typedEntry(opened, key, value, false) : undefined,
  };
}

/** `plain`: as `map dump` shows it to people. */
export function typedEntry(
  { info, map, btf, valueType }: OpenedMap,
  key: Uint8Array,
  value: Uint8Array,
  plain: boolean,
): Json {
  const typed = (bytes: Uint8Array): Json => typedValue(btf!, valueType, bytes, plain);
  return {
    // Arrays of global data have no key type.
    key: info.btfKeyTypeId === 0 ? undefined : typedValue(btf!, info.btfKeyTypeId, key, plain),
    ...(map.perCpu
      ? { values: cpuValues(map, value).map((bytes, cpu) => ({ cpu, value: typed(bytes) })) }
      : { value: typed(value) }),
  };
}

function cpuValues(map: OpenedMap["map"], value: Uint8Array): Uint8Array[] {
  const count = map.valueStride === 0 ? 0 : Math.floor(value.length / map.valueStride);
  return Array.from({ length: count }, (_, cpu) =>
    value.subarray(cpu * map.valueStride, cpu * map.valueStride + map.spec.valueSize),
  );
}

function readId(value: Uint8Array): number {
  return value.length < 4 ? 0 : new DataView(value.buffer, value.byteOffset).getUint32(0, true);
}

/** Sixteen bytes a line, with a gap in the middle. */
export function hexText(bytes: Uint8Array): string {
  let text = "";
  bytes.forEach((byte, index) => {
    if (index > 0) text += index % 16 === 0 ? "\n" : index % 8 === 0 ? "  " : " ";
    text += HEX[byte];
  });
  return text;
}

export function hexJson(bytes: Uint8Array): readonly Json[] {
  return Array.from(bytes, (byte) => HEX_JSON[byte]!);
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
/** Made once: a map has many bytes, and none of them needs quoting again. */
const HEX_JSON: readonly RawJson[] = HEX.map((digits) => new RawJson(`"0x${digits}"`));
