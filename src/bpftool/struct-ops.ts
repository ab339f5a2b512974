import { parseBtf } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import { eachObject, mapInfo, mapInfoBytes, programCode, programInfo, withObject } from "../inspect/index.ts";
import type { MapInfo } from "../inspect/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { BPF_MAP_TYPE, ERRNO, errnoMessage } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import { DONE } from "./command.ts";
import type { Command } from "./command.ts";
import { objectBtf, openById } from "./handle.ts";
import { formatJson } from "./json.ts";
import type { Json } from "./json.ts";
import { ToolError } from "./tool-error.ts";
import { typedValue } from "./typed-value.ts";

/** In front of the name of the kernel's struct, in the type of a struct_ops map's value. */
const VALUE_PREFIX = "bpf_struct_ops_";
const FIRST_KEY = new Uint8Array(4);

interface StructOpsMap {
  readonly fd: Fd;
  readonly info: MapInfo;
}

/** struct_ops show [STRUCT_OPS_MAP]. */
export const showStructOps: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  using maps = openStructOps(kernel, args);
  const rows = maps.list.map(({ info }) => ({ info, struct: kernelStruct(maps.types, info) }));
  return {
    text: () =>
      rows.map(({ info, struct }) => `${info.id}: ${info.name.padEnd(15)} ${struct.padEnd(32)}\n`).join(""),
    json: () => rows.map(({ info, struct }) => ({ id: info.id, name: info.name, kernel_struct_ops: struct })),
  };
};

/** struct_ops dump [STRUCT_OPS_MAP]: what the kernel says of the map, and the struct with its programs. */
export const dumpStructOps: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  using maps = openStructOps(kernel, args);
  const { types } = maps;
  const infoType = types.findByName("bpf_map_info");
  if (infoType === undefined) throw new ToolError("can't find bpf_map_info from btf_vmlinux");
  const values = maps.list.map(({ fd, info }) => ({
    info: mapInfoBytes(kernel, fd, types.size(infoType)),
    type: info.btfVmlinuxValueTypeId,
    value: lookup(kernel, fd, info),
  }));
  const json = (plain: boolean): Json =>
    values.flatMap(({ info, type, value }) => [
      { bpf_map_info: typedValue(types, infoType, info, plain) },
      {
        [types.name(type)]: typedValue(types, type, value, plain, {
          programName: (id) => functionName(kernel, id),
        }),
      },
    ]);
  return { text: () => `${formatJson(json(true), true)}\n`, json: () => json(false) };
};

/** struct_ops unregister STRUCT_OPS_MAP. */
export const unregisterStructOps: Command = async ({ args, kernel: open, inform }) => {
  args.require(2, "unregister");
  const kernel = await open();
  using maps = openStructOps(kernel, args);
  for (const { fd, info } of maps.list) {
    const what = `${kernelStruct(maps.types, info)} ${info.name} id ${info.id}`;
    try {
      if (!kernel.bpf("MAP_DELETE_ELEM", { map_fd: fd, key: FIRST_KEY }))
        throw new ToolError(`can't unload ${what}: ${errnoMessage(ERRNO.ENOENT)}`);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      const hint =
        error.errno === ERRNO.EOPNOTSUPP
          ? ["It was registered by a link: detach that, as `link show` lists it"]
          : error.hints;
      throw new ToolError(`can't unload ${what}: ${errnoMessage(error.errno)}`, 255, hint);
    }
    inform(`Unregistered ${what}\n`);
  }
  return DONE;
};

export function kernelStruct(types: Btf, { btfVmlinuxValueTypeId: id }: MapInfo): string {
  return types.name(id).slice(VALUE_PREFIX.length);
}

/** The kernel's types, without which struct_ops maps say nothing. */
export function structOpsTypes(kernel: Kernel): Btf {
  return parseBtf(kernel.files.btf());
}

interface OpenStructOps extends Disposable {
  readonly types: Btf;
  readonly list: readonly StructOpsMap[];
}

/** All of them, or those that the words name; named ones must be there. */
function openStructOps(kernel: Kernel, args: Arguments): OpenStructOps {
  const types = structOpsTypes(kernel);
  const list = args.left === 0 ? allMaps(kernel, () => true) : namedMaps(kernel, args);
  args.end();
  return {
    types,
    list,
    [Symbol.dispose]: () => {
      for (const { fd } of list) kernel.close(fd);
    },
  };
}

function namedMaps(kernel: Kernel, args: Arguments): StructOpsMap[] {
  if (args.accept("id")) {
    const fd = openById(kernel, "map", args.id("ID"));
    const info = mapInfo(kernel, fd);
    if (info.type === BPF_MAP_TYPE.STRUCT_OPS) return [{ fd, info }];
    kernel.close(fd);
    throw new ToolError(`${info.name} id ${info.id} is not a struct_ops map`);
  }
  args.expect("name");
  const name = args.take("name");
  const found = allMaps(kernel, (info) => info.name === name);
  if (found.length === 0) throw new ToolError(`no struct_ops found for ${name}`);
  return found;
}

function allMaps(kernel: Kernel, matches: (info: MapInfo) => boolean): StructOpsMap[] {
  const infos = [...eachObject(kernel, "map", mapInfo)];
  return infos
    .filter((info) => info.type === BPF_MAP_TYPE.STRUCT_OPS && matches(info))
    .map((info) => ({ fd: openById(kernel, "map", info.id), info }));
}

/** The name that a program's types have for its first function. */
function functionName(kernel: Kernel, id: number): string | undefined {
  try {
    return withObject(kernel, "prog", id, (fd) => {
      const { btfId } = programInfo(kernel, fd);
      const [main] = programCode(kernel, fd).functions;
      return btfId === 0 || !main ? undefined : objectBtf(kernel, btfId).name(main.typeId);
    });
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
}

function lookup(kernel: Kernel, fd: Fd, info: MapInfo): Uint8Array {
  const value = new Uint8Array(info.valueSize);
  if (kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: fd, key: FIRST_KEY, value })) return value;
  throw new ToolError(`can't lookup struct_ops map ${info.name} id ${info.id}`);
}
