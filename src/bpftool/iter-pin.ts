import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { BPF_ATTACH_TYPE, errnoMessage } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import { pinObject } from "./bpffs.ts";
import { DONE } from "./command.ts";
import type { Command } from "./command.ts";
import { openOne } from "./handle.ts";
import type { OpenObject } from "./handle.ts";
import { loadFor, readObjectFile } from "./object-file.ts";
import { ToolError } from "./tool-error.ts";

/** ENOENT and EINVAL as exit codes. */
const NO_FILE = 254;
const EINVAL = 234;

/** iter pin OBJ PATH [map MAP]: reading PATH runs the object's iterator. */
export const pinIterator: Command = async ({ args, kernel: open, options, inform }) => {
  args.require(2, "pin");
  const file = args.take("OBJ");
  const path = args.take("PATH");
  const kernel = await open();
  using map = takeMap(kernel, args);
  const { spec } = readObjectFile(file, NO_FILE);
  const iterator = spec.programs.find(
    ({ expectedAttachType }) => expectedAttachType === BPF_ATTACH_TYPE.TRACE_ITER,
  );
  if (!iterator)
    throw new ToolError(`can't find an iterator in objfile ${file}`, EINVAL, [
      "An iterator's program is in a section named iter/TARGET, as iter/task",
    ]);
  using loaded = loadFor(kernel, { ...spec, programs: [iterator] }, options, inform);
  const link = createLink(kernel, loaded.programs.get(iterator.name)!.fd, iterator.name, map?.fd);
  try {
    pinObject(kernel, link, path, options);
  } finally {
    kernel.close(link);
  }
  return DONE;
};

function takeMap(kernel: Kernel, args: Arguments): OpenObject | undefined {
  if (args.left === 0) return undefined;
  args.expect("map");
  const map = openOne(kernel, "map", args);
  args.end();
  return map;
}

function createLink(kernel: Kernel, program: Fd, name: string, map: Fd | undefined): Fd {
  try {
    return kernel.bpf("LINK_CREATE", {
      prog_fd: program,
      attach_type: BPF_ATTACH_TYPE.TRACE_ITER,
      // union bpf_iter_link_info: of iterators over a map's elements the map.
      ...(map !== undefined && { iter_info: iteratorInfo(map) }),
    });
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new ToolError(
      `attach_iter failed for program ${name}: ${errnoMessage(error.errno)}`,
      -error.errno & 255,
      [
        ...error.hints,
        ...(map === undefined ? ["Iterators over the elements of a map want it: map MAP"] : []),
      ],
    );
  }
}

const INFO_SIZE = 16;

function iteratorInfo(map: Fd): Uint8Array {
  const bytes = new Uint8Array(INFO_SIZE);
  new DataView(bytes.buffer).setUint32(0, map, true);
  return bytes;
}
