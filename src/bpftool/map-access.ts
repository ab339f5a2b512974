import type { Btf } from "../btf/index.ts";
import { mapInfo } from "../inspect/index.ts";
import type { MapInfo } from "../inspect/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { LoadedMap } from "../loader/index.ts";
import type { MapEntry } from "../loader/index.ts";
import { BPF_ANY, BPF_EXIST, BPF_MAP_TYPE, BPF_NOEXIST } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import { DONE } from "./command.ts";
import type { Command } from "./command.ts";
import { objectBtf, openMaps, single } from "./handle.ts";
import { formatJson } from "./json.ts";
import type { Json } from "./json.ts";
import { ToolError } from "./tool-error.ts";
import { typedValue } from "./typed-value.ts";

const MAPS_IN_MAPS: ReadonlySet<number> = new Set([BPF_MAP_TYPE.ARRAY_OF_MAPS, BPF_MAP_TYPE.HASH_OF_MAPS]);
/** ENOENT: bpftool's code for a key that is not there. */
const NOT_FOUND = 254;

/** An opened map with what is needed to print its elements. */
interface OpenedMap extends Disposable {
  readonly kernel: Kernel;
  readonly info: MapInfo;
  readonly map: LoadedMap;
  readonly btf: Btf | undefined;
}

function openMap(kernel: Kernel, fd: Fd): OpenedMap {
  const info = mapInfo(kernel, fd);
  const map = new LoadedMap(
    kernel,
    {
      name: info.name,
      type: info.type,
      keySize: info.keySize,
      valueSize: info.valueSize,
      maxEntries: info.maxEntries,
      flags: info.flags,
    },
    fd,
  );
  const btf = info.btfId === 0 || info.btfValueTypeId === 0 ? undefined : objectBtf(kernel, info.btfId);
  return { kernel, info, map, btf, [Symbol.dispose]: () => map[Symbol.dispose]() };
}

export const dumpMap: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  using opened = openMap(kernel, single(kernel, "map", openMaps(kernel, args)));
  args.end();
  const entries = opened.map.entries();
  return {
    text: () => dumpText(opened, entries),
    json: () => entries.map((entry) => entryJson(opened, entry)),
  };
};

export const lookupMap: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  using opened = openMap(kernel, single(kernel, "map", openMaps(kernel, args)));
  const key = takeBytes(args, "key", opened.info.keySize);
  args.end();
  const value = opened.map.lookup(key);
  if (!value) {
    return {
      text: () => `key:\n${hexText(key)}\n\nNot found\n`,
      json: () => null,
      exitCode: NOT_FOUND,
    };
  }
  const entry = { key, value };
  return {
    text: () =>
      opened.btf ? `${formatJson(typedEntry(opened, entry, true), true)}\n` : entryText(opened, entry),
    json: () => entryJson(opened, entry),
  };
};

export const updateMap: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  using opened = openMap(kernel, single(kernel, "map", openMaps(kernel, args)));
  const { info, map } = opened;
  const key = takeBytes(args, "key", info.keySize);
  const given = takeBytes(args, "value", info.valueSize);
  const flags = takeFlags(args);
  args.end();
  const copies = map.perCpu ? kernel.files.possibleCpus().length : 1;
  const value = new Uint8Array(map.valueStride * copies);
  for (let cpu = 0; cpu < copies; cpu++) value.set(given, cpu * map.valueStride);
  map.update(key, value, flags);
  return DONE;
};

export const deleteFromMap: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  using opened = openMap(kernel, single(kernel, "map", openMaps(kernel, args)));
  const key = takeBytes(args, "key", opened.info.keySize);
  args.end();
  if (!opened.map.delete(key)) throw new ToolError("delete failed: No such file or directory");
  return DONE;
};

export const nextKey: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  using opened = openMap(kernel, single(kernel, "map", openMaps(kernel, args)));
  const key = args.left > 0 ? takeBytes(args, "key", opened.info.keySize) : undefined;
  args.end();
  const next_key = new Uint8Array(opened.info.keySize);
  if (!kernel.bpf("MAP_GET_NEXT_KEY", { map_fd: opened.map.fd, key, next_key }))
    throw new ToolError("can't get next key: No such file or directory", NOT_FOUND);
  return {
    text: () => `key:${key ? `\n${hexText(key)}` : " None"}\nnext key:\n${hexText(next_key)}\n`,
    json: () => ({ key: key ? hexJson(key) : null, next_key: hexJson(next_key) }),
  };
};

export const freezeMap: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  const fd = single(kernel, "map", openMaps(kernel, args));
  args.end();
  kernel.bpf("MAP_FREEZE", { map_fd: fd });
  kernel.close(fd);
  return DONE;
};

function takeFlags(args: Arguments): number {
  if (args.accept("any")) return BPF_ANY;
  if (args.accept("exist")) return BPF_EXIST;
  return args.accept("noexist") ? BPF_NOEXIST : BPF_ANY;
}

/** `key [hex] BYTES`. */
function takeBytes(args: Arguments, keyword: "key" | "value", size: number): Uint8Array {
  if (!args.accept(keyword)) throw new ToolError(`expected '${keyword}', got: ${args.peek() ?? "nothing"}`);
  const hex = args.accept("hex");
  return Uint8Array.from({ length: size }, () => {
    const word = args.take(`${keyword} of ${size} bytes`);
    const value = hex ? Number.parseInt(word, 16) : Number(word);
    if (!Number.isInteger(value) || value < 0 || value > 255)
      throw new ToolError(`error parsing byte: ${word}`);
    return value;
  });
}

function dumpText(opened: OpenedMap, entries: readonly MapEntry[]): string {
  if (opened.btf)
    return `${formatJson(
      entries.map((entry) => typedEntry(opened, entry, true)),
      true,
    )}\n`;
  const count = `Found ${entries.length} element${entries.length === 1 ? "" : "s"}\n`;
  return entries.map((entry) => entryText(opened, entry)).join("") + count;
}

function entryText({ info, map }: OpenedMap, { key, value }: MapEntry): string {
  if (map.perCpu) {
    const values = cpuValues(map, value).map(
      (bytes, cpu) =>
        `value (CPU ${String(cpu).padStart(2, "0")}):${broken(info.valueSize)}${hexText(bytes)}\n`,
    );
    return `key:${broken(info.keySize)}${hexText(key)}\n${values.join("")}`;
  }
  if (MAPS_IN_MAPS.has(info.type)) {
    const id = new DataView(value.buffer, value.byteOffset).getUint32(0, true);
    return `key:${broken(info.keySize)}${hexText(key)}\ninner_map_id:${broken(info.valueSize)}${id} \n`;
  }
  const names = info.keySize > 16 || info.valueSize > 16 ? "\n" : " ";
  const between = info.keySize + info.valueSize <= 24 ? "  " : "\n";
  return `key:${names}${hexText(key)}${between}value:${names}${hexText(value)}\n`;
}

function entryJson(opened: OpenedMap, entry: MapEntry): Json {
  const { map, btf } = opened;
  const raw = map.perCpu
    ? { values: cpuValues(map, entry.value).map((value, cpu) => ({ cpu, value: hexJson(value) })) }
    : { value: hexJson(entry.value) };
  return {
    key: hexJson(entry.key),
    ...raw,
    formatted: btf ? typedEntry(opened, entry, false) : undefined,
  };
}

function typedEntry({ info, map, btf }: OpenedMap, { key, value }: MapEntry, plain: boolean): Json {
  const typed = (bytes: Uint8Array): Json => typedValue(btf!, info.btfValueTypeId, bytes, plain);
  return {
    // Arrays of global data have no key type.
    key: info.btfKeyTypeId === 0 ? undefined : typedValue(btf!, info.btfKeyTypeId, key, plain),
    ...(map.perCpu
      ? { values: cpuValues(map, value).map((bytes, cpu) => ({ cpu, value: typed(bytes) })) }
      : { value: typed(value) }),
  };
}

function cpuValues(map: LoadedMap, value: Uint8Array): Uint8Array[] {
  const count = Math.floor(value.length / map.valueStride);
  return Array.from({ length: count }, (_, cpu) =>
    value.subarray(cpu * map.valueStride, cpu * map.valueStride + map.spec.valueSize),
  );
}

/** Long values begin on a line of their own. */
function broken(size: number): string {
  return size > 16 ? "\n" : " ";
}

/** Sixteen bytes a line, with a gap in the middle. */
function hexText(bytes: Uint8Array): string {
  return [...bytes]
    .map((byte, index) => {
      const gap = index === 0 ? "" : index % 16 === 0 ? "\n" : index % 8 === 0 ? "  " : " ";
      return `${gap}${byte.toString(16).padStart(2, "0")}`;
    })
    .join("");
}

function hexJson(bytes: Uint8Array): string[] {
  return [...bytes].map((byte) => `0x${byte.toString(16).padStart(2, "0")}`);
}
