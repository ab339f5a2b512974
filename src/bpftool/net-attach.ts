import { SyscallError } from "../kernel/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { NetlinkError, setXdp, XDP_FLAGS } from "../netlink/index.ts";
import { BPF_ATTACH_FLAG, BPF_ATTACH_TYPE } from "../uapi/index.ts";
import { findKeyword } from "./arguments.ts";
import type { Arguments } from "./arguments.ts";
import { DONE } from "./command.ts";
import type { Command } from "./command.ts";
import { deviceNamed } from "./device.ts";
import { openOne } from "./handle.ts";
import type { OpenObject } from "./handle.ts";
import { ToolError } from "./tool-error.ts";

const EINVAL = 234;

interface NetType {
  readonly name: string;
  /** XDP_FLAGS bits; absent: a tcx hook. */
  readonly mode?: number;
  /** BPF_ATTACH_TYPE number of a tcx hook. */
  readonly hook?: number;
}

const TYPES: readonly NetType[] = [
  { name: "xdp", mode: 0 },
  { name: "xdpgeneric", mode: XDP_FLAGS.SKB_MODE },
  { name: "xdpdrv", mode: XDP_FLAGS.DRV_MODE },
  { name: "xdpoffload", mode: XDP_FLAGS.HW_MODE },
  { name: "tcx_ingress", hook: BPF_ATTACH_TYPE.TCX_INGRESS },
  { name: "tcx_egress", hook: BPF_ATTACH_TYPE.TCX_EGRESS },
];

/** net attach ATTACH_TYPE PROG dev NAME [overwrite | prepend]. */
export const attachToNet: Command = async ({ args, kernel: open }) => {
  args.require(5, "attach", EINVAL);
  const type = takeType(args);
  const kernel = await open();
  using program = takeProgram(kernel, args);
  const ifindex = takeDevice(kernel, args);
  const extra = takeExtra(args, type);
  refusals(type, "attach", () => {
    if (type.mode !== undefined) {
      const flags = type.mode | (extra === "overwrite" ? 0 : XDP_FLAGS.UPDATE_IF_NOEXIST);
      setXdp(kernel, { ifindex, program: program.fd, flags });
    } else
      kernel.bpf("PROG_ATTACH", {
        target_fd: ifindex,
        attach_bpf_fd: program.fd,
        attach_type: type.hook ?? 0,
        attach_flags: extra === "prepend" ? BPF_ATTACH_FLAG.BEFORE : 0,
      });
  });
  return DONE;
};

/** net detach ATTACH_TYPE dev NAME. */
export const detachFromNet: Command = async ({ args, kernel: open }) => {
  args.require(3, "detach", EINVAL);
  const type = takeType(args);
  const kernel = await open();
  const ifindex = takeDevice(kernel, args);
  args.end();
  refusals(type, "detach", () => {
    if (type.mode !== undefined) setXdp(kernel, { ifindex, program: undefined, flags: type.mode });
    else kernel.bpf("PROG_DETACH", { target_fd: ifindex, attach_type: type.hook ?? 0 });
  });
  return DONE;
};

function takeType(args: Arguments): NetType {
  const word = args.take("ATTACH_TYPE");
  const type = findKeyword(TYPES, word);
  if (type) return type;
  throw new ToolError(`invalid net attach/detach type: ${word}`, EINVAL, [
    `One of: ${TYPES.map(({ name }) => name).join(", ")}`,
  ]);
}

function takeProgram(kernel: Kernel, args: Arguments): OpenObject {
  try {
    return openOne(kernel, "prog", args);
  } catch (error) {
    throw error instanceof ToolError ? new ToolError(error.message, EINVAL, error.hints) : error;
  }
}

function takeDevice(kernel: Kernel, args: Arguments): number {
  args.expect("dev");
  const name = args.take("NAME");
  return deviceNamed(kernel, name, `invalid devname ${name}`, EINVAL).index;
}

function takeExtra(args: Arguments, { mode }: NetType): "overwrite" | "prepend" | undefined {
  const word = args.peek();
  if (word === undefined) return undefined;
  if (args.accept("overwrite")) {
    if (mode === undefined) throw new ToolError("'overwrite' is only supported for xdp types", EINVAL);
    return "overwrite";
  }
  if (args.accept("prepend")) {
    if (mode !== undefined)
      throw new ToolError("'prepend' is only supported for tcx_ingress/tcx_egress", EINVAL);
    return "prepend";
  }
  throw new ToolError(`expected 'overwrite' or 'prepend', got: '${word}'?`, EINVAL);
}

/** The kernel's refusal as bpftool ends with it: the code is the errno, negated. */
function refusals({ name }: NetType, action: "attach" | "detach", call: () => void): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof SyscallError) && !(error instanceof NetlinkError)) throw error;
    throw new ToolError(
      `interface ${name} ${action} failed: ${error.message}`,
      -error.errno & 255,
      error.hints,
    );
  }
}
