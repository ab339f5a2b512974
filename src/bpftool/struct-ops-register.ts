import type { Command } from "./command.ts";
import { BPF_MAP_TYPE } from "../uapi/index.ts";
import { readObjectFile } from "./object-file.ts";
import { ToolError } from "./tool-error.ts";

/** struct_ops register OBJ [LINK_DIR]. */
export const registerStructOps: Command = ({ args }) => {
  args.require(1, "struct_ops register");
  const file = args.take("OBJ");
  if (args.left > 0) args.take("LINK_DIR");
  args.end();
  const spec = readObjectFile(file);
  if (!spec.maps.some(({ type }) => type === BPF_MAP_TYPE.STRUCT_OPS))
    throw new ToolError(`no struct_ops found in ${file}`, 255, [
      "Such a struct is a variable in section .struct_ops or .struct_ops.link",
    ]);
  throw new ToolError("registering struct_ops is not supported", 255, [
    "bpfkit does not load struct_ops yet",
  ]);
};
