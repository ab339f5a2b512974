import { join } from "node:path";
import { attachStructOps } from "../attach/index.ts";
import { BpfkitError } from "../errors.ts";
import { linkInfo, mapInfo } from "../inspect/index.ts";
import type { Kernel } from "../kernel/index.ts";
import type { LoadedMap } from "../loader/index.ts";
import { BPF_MAP_TYPE } from "../uapi/index.ts";
import { makePinDirectory, pinObject } from "./bpffs.ts";
import { DONE } from "./command.ts";
import type { Command, CommandContext } from "./command.ts";
import { loadFor, readObjectFile } from "./object-file.ts";
import { kernelStruct, structOpsTypes } from "./struct-ops.ts";
import { ToolError } from "./tool-error.ts";

/** struct_ops register OBJ [LINK_DIR]: each struct of the object; those held by links are pinned in LINK_DIR. */
export const registerStructOps: Command = async (context) => {
  const { args, kernel: open, options, inform } = context;
  args.require(1, "register");
  const file = args.take("OBJ");
  const directory = args.left > 0 ? args.take("LINK_DIR") : undefined;
  args.end();
  const { spec } = readObjectFile(file);
  if (!spec.maps.some(({ type }) => type === BPF_MAP_TYPE.STRUCT_OPS))
    throw new ToolError(`no struct_ops found in ${file}`, 255, [
      "Such a struct is a variable in section .struct_ops or .struct_ops.link",
    ]);
  const kernel = await open();
  if (directory !== undefined) makePinDirectory(kernel, directory, options);
  using loaded = loadFor(kernel, spec, options, inform);
  for (const map of loaded.maps.values())
    if (map.spec.type === BPF_MAP_TYPE.STRUCT_OPS) register(kernel, map, directory, context);
  return DONE;
};

function register(
  kernel: Kernel,
  map: LoadedMap,
  directory: string | undefined,
  { options, inform }: CommandContext,
): void {
  const info = mapInfo(kernel, map.fd);
  const what = `${kernelStruct(structOpsTypes(kernel), info)} ${info.name}`;
  // Not disposed: without a link the kernel keeps what is registered by the map alone.
  const [link] = attached(kernel, map).fds;
  if (link === undefined) {
    inform(`Registered ${what} id ${info.id}\n`);
    return;
  }
  try {
    if (directory !== undefined) pinObject(kernel, link, join(directory, info.name), options);
    inform(`Registered ${what} map id ${info.id} link id ${linkInfo(kernel, link).id}\n`);
    if (directory === undefined)
      inform("The link that holds it ends with this command: give LINK_DIR to keep it\n");
  } finally {
    kernel.close(link);
  }
}

function attached(kernel: Kernel, map: LoadedMap): ReturnType<typeof attachStructOps> {
  try {
    return attachStructOps(kernel, map);
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    throw new ToolError(`can't register struct_ops ${map.name}: ${error.message}`, 255, error.hints);
  }
}
