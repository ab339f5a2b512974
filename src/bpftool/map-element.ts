import { BPF_ANY, BPF_EXIST, BPF_NOEXIST } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import { openOne } from "./handle.ts";
import type { OpenObject } from "./handle.ts";
import { holdsMaps, holdsPrograms } from "./opened-map.ts";
import type { OpenedMap } from "./opened-map.ts";
import { ToolError } from "./tool-error.ts";

/** An element as a command line names it; disposal closes the map or program that is its value. */
export interface Element extends Disposable {
  readonly key: Uint8Array;
  /** For per-CPU maps, the same value for each CPU. */
  readonly value: Uint8Array;
  readonly flags: number;
}

interface ElementParts {
  readonly value: boolean;
  readonly flags: boolean;
  readonly inform: (text: string) => void;
}

const FLAGS = [
  ["any", BPF_ANY],
  ["noexist", BPF_NOEXIST],
  ["exist", BPF_EXIST],
] as const;

/** `[key DATA] [value VALUE] [FLAGS]` in any order; a map without keys takes no key, one with keys needs it. */
export function takeElement(opened: OpenedMap, args: Arguments, parts: ElementParts): Element {
  const { info } = opened;
  let key: Uint8Array | undefined;
  let value: Uint8Array | undefined;
  let object: OpenObject | undefined;
  let flags: number | undefined;
  try {
    while (args.left > 0) {
      const flag = FLAGS.find(([name]) => name.startsWith(args.peek() ?? ""));
      if (args.accept("key")) {
        if (key) throw new ToolError("duplicate key");
        if (info.keySize === 0) throw new ToolError("unnecessary key");
        key = takeBytes(args, "key", info.keySize);
      } else if (args.accept("value")) {
        if (value) throw new ToolError("duplicate value");
        if (!parts.value) throw new ToolError("unnecessary value");
        object = takeObject(opened, args, parts.inform);
        value = object ? Uint8Array.from(fdBytes(object.fd)) : takeBytes(args, "value", info.valueSize);
      } else if (flag && parts.flags) {
        if (flags !== undefined) throw new ToolError(`flags specified multiple times: ${args.peek()}`);
        args.take("flags");
        [, flags] = flag;
      } else throw new ToolError(`expected key or value, got: ${args.peek()}`);
    }
    if (!key && info.keySize > 0) throw new ToolError("did not find key");
    if (!value && parts.value && info.valueSize > 0) throw new ToolError("did not find value");
  } catch (error) {
    object?.[Symbol.dispose]();
    throw error;
  }
  return {
    key: key ?? new Uint8Array(0),
    value: everyCpu(opened, value ?? new Uint8Array(0)),
    flags: flags ?? BPF_ANY,
    [Symbol.dispose]: () => object?.[Symbol.dispose](),
  };
}

/** The value of a map that holds maps or programs is one of them, by its handle. */
function takeObject(
  { kernel, info }: OpenedMap,
  args: Arguments,
  inform: (text: string) => void,
): OpenObject | undefined {
  const maps = holdsMaps(info);
  if (!maps && !holdsPrograms(info)) return undefined;
  if (args.left < 2)
    throw new ToolError(`not enough value arguments for map ${maps ? "in map" : "of progs"}`);
  if (!maps)
    inform(
      "Warning: the programs of this map go when no process holds the map any more: pin it, or keep it open\n",
    );
  return openOne(kernel, maps ? "map" : "prog", args);
}

function fdBytes(fd: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(fd).buffer);
}

function everyCpu({ map, kernel }: OpenedMap, value: Uint8Array): Uint8Array {
  if (!map.perCpu) return value;
  const count = kernel.files.possibleCpus().length;
  const values = new Uint8Array(map.valueStride * count);
  for (let cpu = 0; cpu < count; cpu++) values.set(value, cpu * map.valueStride);
  return values;
}

/** `[hex] BYTES`: numbers as strtoul(3) reads them, or two hexadecimal digits each. */
export function takeBytes(args: Arguments, what: "key" | "value", size: number): Uint8Array {
  const hex = args.accept("hex");
  return Uint8Array.from({ length: size }, (_, index) => {
    const word = args.left > 0 ? args.take(what) : undefined;
    if (word === undefined) throw new ToolError(`${what} expected ${size} bytes got ${index}`);
    const value = hex ? hexNumber(word) : cNumber(word);
    if (value === undefined || value > 255) throw new ToolError(`error parsing byte: ${word}`);
    return value;
  });
}

function hexNumber(word: string): number | undefined {
  return /^(0x)?[0-9a-f]+$/i.test(word) ? Number.parseInt(word, 16) : undefined;
}

function cNumber(word: string): number | undefined {
  if (/^0x[0-9a-f]+$/i.test(word)) return Number.parseInt(word, 16);
  if (/^0[0-7]*$/.test(word)) return Number.parseInt(word, 8);
  return /^[1-9][0-9]*$/.test(word) ? Number(word) : undefined;
}
