import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { BPF_ATTACH_TYPE, errnoMessage } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import { parseAttachType } from "./attach-types.ts";
import { DONE } from "./command.ts";
import type { Command } from "./command.ts";
import { openOne } from "./handle.ts";
import type { OpenObject } from "./handle.ts";
import { ToolError } from "./tool-error.ts";

const EINVAL = 234;

const ATTACHABLE: ReadonlySet<string> = new Set([
  "sk_skb_stream_parser",
  "sk_skb_stream_verdict",
  "sk_skb_verdict",
  "sk_msg_verdict",
  "flow_dissector",
]);

/** prog attach PROG ATTACH_TYPE [MAP]. */
export const attachProgram: Command = async ({ args, kernel: open }) => {
  args.require(3, "attach", EINVAL);
  const kernel = await open();
  using request = takeRequest(kernel, args);
  guard("attach to", () =>
    kernel.bpf("PROG_ATTACH", {
      target_fd: request.target,
      attach_bpf_fd: request.program,
      attach_type: request.type,
    }),
  );
  return DONE;
};

/** prog detach PROG ATTACH_TYPE [MAP]. */
export const detachProgram: Command = async ({ args, kernel: open }) => {
  args.require(3, "detach", EINVAL);
  const kernel = await open();
  using request = takeRequest(kernel, args);
  guard("detach from", () =>
    kernel.bpf("PROG_DETACH", {
      target_fd: request.target,
      attach_bpf_fd: request.program,
      attach_type: request.type,
    }),
  );
  return DONE;
};

interface AttachRequest extends Disposable {
  readonly program: Fd;
  readonly type: number;
  /** A map, or 0: this network namespace. */
  readonly target: number;
}

function takeRequest(kernel: Kernel, args: Arguments): AttachRequest {
  const program = openOne(kernel, "prog", args);
  try {
    const type = parseAttachType(args.take("ATTACH_TYPE"), (name) => ATTACHABLE.has(name));
    if (type === undefined)
      throw new ToolError("invalid attach/detach type", EINVAL, [`One of: ${[...ATTACHABLE].join(", ")}`]);
    const map = type === BPF_ATTACH_TYPE.FLOW_DISSECTOR ? undefined : takeMap(kernel, args);
    return {
      program: program.fd,
      type,
      target: map?.fd ?? 0,
      [Symbol.dispose]() {
        map?.[Symbol.dispose]();
        program[Symbol.dispose]();
      },
    };
  } catch (error) {
    program[Symbol.dispose]();
    throw error;
  }
}

function takeMap(kernel: Kernel, args: Arguments): OpenObject {
  if (args.left === 0) throw new ToolError("expected MAP, got no argument", EINVAL);
  return openOne(kernel, "map", args);
}

function guard(what: string, call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new ToolError(`failed prog ${what} map: ${errnoMessage(error.errno)}`, EINVAL, error.hints);
  }
}
