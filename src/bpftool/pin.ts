import { SyscallError } from "../kernel/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { errnoMessage } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import { pinObject } from "./bpffs.ts";
import { DONE } from "./command.ts";
import type { Answer, Command, CommandContext } from "./command.ts";
import { openOne } from "./handle.ts";
import type { OpenObject } from "./handle.ts";
import { ToolError } from "./tool-error.ts";

const EINVAL = 234;

/** prog pin PROG FILE, and its kin for maps and links. */
export const pinProgram: Command = (context) => pin(context, "prog");
export const pinMap: Command = (context) => pin(context, "map");
export const pinLink: Command = (context) => pin(context, "link");

async function pin(
  { args, kernel: open, options }: CommandContext,
  kind: "prog" | "map" | "link",
): Promise<Answer> {
  args.require(3, "pin", EINVAL);
  const kernel = await open();
  using object = openOne(kernel, kind, args);
  const path = args.take("FILE");
  args.end();
  pinObject(kernel, object.fd, path, options);
  return DONE;
}

/** link detach LINK. */
export const detachLink: Command = async ({ args, kernel: open }) => {
  args.require(2, "detach", NOT_DETACHED);
  const kernel = await open();
  using link = openLink(kernel, args);
  args.end();
  try {
    kernel.bpf("LINK_DETACH", { link_fd: link.fd });
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new ToolError(`failed link detach: ${errnoMessage(error.errno)}`, NOT_DETACHED, [
      "Not every type of link can be taken off by somebody else; it goes with the last process that holds it",
    ]);
  }
  return DONE;
};

/** bpftool's code for a link that cannot be opened or detached. */
const NOT_DETACHED = 1;

function openLink(kernel: Kernel, args: Arguments): OpenObject {
  try {
    return openOne(kernel, "link", args);
  } catch (error) {
    throw error instanceof ToolError ? new ToolError(error.message, NOT_DETACHED, error.hints) : error;
  }
}
