import { SyscallError } from "../kernel/index.ts";
import { BPF_MAP_TYPE, errnoMessage } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import { pinObject } from "./bpffs.ts";
import { DONE } from "./command.ts";
import type { Command } from "./command.ts";
import { deviceIndex } from "./device.ts";
import { openOne } from "./handle.ts";
import type { OpenObject } from "./handle.ts";
import { ToolError } from "./tool-error.ts";

const NUMBERS = ["key", "value", "entries", "flags"] as const;
const NAME_LENGTH = 15;

/** map create FILE type TYPE key SIZE value SIZE entries N name NAME [flags N] [inner_map MAP] [offload_dev NAME]. */
export const createMap: Command = async ({ args, kernel: open, options, inform }) => {
  args.require(7, "create");
  const pathname = args.take("FILE");
  const kernel = await open();
  const numbers = new Map<(typeof NUMBERS)[number], number>();
  let type: number | undefined;
  let map_name: string | undefined;
  let inner: OpenObject | undefined;
  let map_ifindex: number | undefined;
  try {
    while (args.left > 0) {
      args.require(2, "create");
      if (args.accept("type")) type = mapType(args);
      else if (args.accept("name")) map_name = args.take("name");
      else if (args.accept("inner_map")) inner = openOne(kernel, "map", args);
      else if (args.accept("offload_dev")) map_ifindex = deviceIndex(kernel, args.take("NAME"));
      else {
        const number = NUMBERS.find((name) => args.accept(name));
        if (number === undefined) throw new ToolError(`unknown arg ${args.peek()}`);
        numbers.set(number, args.id(number));
      }
    }
    if (map_name === undefined) throw new ToolError("map name not specified");
    if (map_name.length > NAME_LENGTH)
      inform(`Warning: map name is longer than ${NAME_LENGTH} characters, it will be truncated.\n`);
    const map_fd = create();
    try {
      pinObject(kernel, map_fd, pathname, options);
    } finally {
      kernel.close(map_fd);
    }
    return DONE;
  } finally {
    inner?.[Symbol.dispose]();
  }

  function create() {
    try {
      return kernel.bpf("MAP_CREATE", {
        map_type: type ?? BPF_MAP_TYPE.UNSPEC,
        key_size: numbers.get("key") ?? 0,
        value_size: numbers.get("value") ?? 0,
        max_entries: numbers.get("entries") ?? 0,
        map_flags: numbers.get("flags") ?? 0,
        map_name: map_name?.slice(0, NAME_LENGTH),
        inner_map_fd: inner?.fd,
        map_ifindex,
      });
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      throw new ToolError(`map create failed: ${errnoMessage(error.errno)}`, 255, error.hints);
    }
  }
};

function mapType(args: Arguments): number {
  const name = args.take("type");
  const types: Readonly<Record<string, number>> = BPF_MAP_TYPE;
  const upper = name.toUpperCase();
  const type = Object.hasOwn(types, upper) ? types[upper] : undefined;
  if (type === undefined)
    throw new ToolError(`unrecognized map type: ${name}`, 255, [
      "Types are listed by: bpftool feature list_builtins map_types",
    ]);
  return type;
}
