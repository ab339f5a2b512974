import { closeSync, openSync } from "node:fs";
import { SyscallError } from "../kernel/index.ts";
import { BPF_ATTACH_FLAG, errnoMessage } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import { parseAttachType } from "./attach-types.ts";
import { DONE } from "./command.ts";
import type { Answer, Command, CommandContext } from "./command.ts";
import { openOne } from "./handle.ts";
import { fileReason } from "./file-reason.ts";
import { ToolError } from "./tool-error.ts";

/** cgroup attach CGROUP ATTACH_TYPE PROG [multi | override]. */
export const attachToCgroup: Command = (context) => change(context, "attach");
/** cgroup detach CGROUP ATTACH_TYPE PROG. */
export const detachFromCgroup: Command = (context) => change(context, "detach");

async function change({ args, kernel: open }: CommandContext, action: "attach" | "detach"): Promise<Answer> {
  if (args.left < 4) throw new ToolError(`too few parameters for cgroup ${action}`);
  const kernel = await open();
  using cgroup = openCgroup(args.take("CGROUP"));
  const attach_type = takeType(args);
  using program = openOne(kernel, "prog", args);
  const attach_flags = action === "attach" ? takeFlags(args) : 0;
  args.end();
  try {
    const attr = { target_fd: cgroup.fd, attach_bpf_fd: program.fd, attach_type };
    if (action === "attach") kernel.bpf("PROG_ATTACH", { ...attr, attach_flags });
    else kernel.bpf("PROG_DETACH", attr);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new ToolError(`failed to ${action} program: ${errnoMessage(error.errno)}`, 255, error.hints);
  }
  return DONE;
}

function openCgroup(path: string): Disposable & { readonly fd: number } {
  try {
    const fd = openSync(path, "r");
    return { fd, [Symbol.dispose]: () => closeSync(fd) };
  } catch (cause) {
    throw new ToolError(`can't open cgroup ${path}: ${fileReason(cause)}`);
  }
}

function takeType(args: Arguments): number {
  const word = args.take("ATTACH_TYPE");
  const type = parseAttachType(word, (name) => name.startsWith("cgroup_"));
  if (type === undefined)
    throw new ToolError(`invalid attach type: ${word}`, 255, [
      "Names are listed by: bpftool feature list_builtins attach_types",
    ]);
  return type;
}

function takeFlags(args: Arguments): number {
  let flags = 0;
  while (args.left > 0) {
    if (args.accept("multi")) flags |= BPF_ATTACH_FLAG.ALLOW_MULTI;
    else if (args.accept("override")) flags |= BPF_ATTACH_FLAG.ALLOW_OVERRIDE;
    else throw new ToolError(`unknown option: ${args.peek()}`);
  }
  return flags;
}
