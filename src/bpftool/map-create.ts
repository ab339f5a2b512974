import { BPF_MAP_TYPE } from "../uapi/index.ts";
import { mapInfo } from "../inspect/index.ts";
import type { Arguments } from "./arguments.ts";
import { DONE } from "./command.ts";
import type { Answer, Command } from "./command.ts";
import { openMaps, single } from "./handle.ts";
import { ToolError } from "./tool-error.ts";

const NUMBERS = ["key", "value", "entries", "flags"] as const;

/** map create FILE type TYPE key SIZE value SIZE entries N name NAME [flags N] [inner_map MAP]. */
export const createMap: Command = async ({ args, kernel: open }) => {
  const pathname = args.take("FILE");
  const kernel = await open();
  const numbers = new Map<(typeof NUMBERS)[number], number>();
  let type: number | undefined;
  let map_name: string | undefined;
  let inner: ReturnType<typeof single> | undefined;
  while (args.left > 0) {
    const number = NUMBERS.find((name) => args.accept(name));
    if (number !== undefined) numbers.set(number, args.number(number));
    else if (args.accept("type")) type = mapType(args);
    else if (args.accept("name")) map_name = args.take("name");
    else if (args.accept("inner_map")) inner = single(kernel, "map", openMaps(kernel, args));
    else throw new ToolError(`unknown arg ${args.peek()}`);
  }
  if (map_name === undefined) throw new ToolError("map name not specified");
  if (type === undefined) throw new ToolError("map type not specified");
  const fd = kernel.bpf("MAP_CREATE", {
    map_type: type,
    key_size: numbers.get("key") ?? 0,
    value_size: numbers.get("value") ?? 0,
    max_entries: numbers.get("entries") ?? 0,
    map_flags: numbers.get("flags") ?? 0,
    map_name,
    inner_map_fd: inner,
  });
  kernel.bpf("OBJ_PIN", { bpf_fd: fd, pathname });
  kernel.close(fd);
  return DONE;
};

/** map {push|enqueue} MAP value BYTES. */
export const pushToMap: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  const fd = single(kernel, "map", openMaps(kernel, args));
  const { valueSize } = mapInfo(kernel, fd);
  if (!args.accept("value")) throw new ToolError("expected 'value'");
  const hex = args.accept("hex");
  const value = Uint8Array.from({ length: valueSize }, () => {
    const byte = hex ? Number.parseInt(args.take("value"), 16) : args.number("value");
    if (!(byte >= 0 && byte <= 255)) throw new ToolError("error parsing byte");
    return byte;
  });
  kernel.bpf("MAP_UPDATE_ELEM", { map_fd: fd, value });
  kernel.close(fd);
  return DONE;
};

export const peekMap: Command = (context) => takeFromMap(context, "MAP_LOOKUP_ELEM");
export const popFromMap: Command = (context) => takeFromMap(context, "MAP_LOOKUP_AND_DELETE_ELEM");

const EMPTY = 254;

async function takeFromMap(
  { args, kernel: open }: Parameters<Command>[0],
  command: "MAP_LOOKUP_ELEM" | "MAP_LOOKUP_AND_DELETE_ELEM",
): Promise<Answer> {
  const kernel = await open();
  const fd = single(kernel, "map", openMaps(kernel, args));
  const value = new Uint8Array(mapInfo(kernel, fd).valueSize);
  const found = kernel.bpf(command, { map_fd: fd, value });
  kernel.close(fd);
  if (!found) return { text: () => "Error: empty map\n", json: () => null, exitCode: EMPTY };
  const hex = Array.from(value, (byte) => byte.toString(16).padStart(2, "0"));
  return { text: () => `value: ${hex.join(" ")}\n`, json: () => ({ value: hex.map((byte) => `0x${byte}`) }) };
}

function mapType(args: Arguments): number {
  const name = args.take("type");
  const types: Readonly<Record<string, number>> = BPF_MAP_TYPE;
  const upper = name.toUpperCase();
  const type = Object.hasOwn(types, upper) ? types[upper] : undefined;
  if (type === undefined) throw new ToolError(`unrecognized map type: ${name}`);
  return type;
}
