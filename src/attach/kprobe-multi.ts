import { SyscallError } from "../kernel/index.ts";
import { BPF_ATTACH_TYPE, BPF_F, ERRNO } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";
import type { ProbeMode } from "./hook.ts";
import { functionNames, matchingFunctions, type ProbedFunctions } from "./kernel-functions.ts";
import { BpfLink } from "./link.ts";
import { nearestHint } from "./nearest.ts";
import { isWildcard } from "./wildcard.ts";

const NAMES: Readonly<Record<ProbeMode, string>> = {
  entry: "kprobe.multi",
  return: "kretprobe.multi",
  session: "kprobe.session",
};

export const attachKprobeMulti: Attacher<"kprobe-multi"> = ({ kernel, cookie }, program, hook) => {
  const { functions: wanted, mode } = hook;
  const target = `${NAMES[mode]}:${typeof wanted === "string" ? wanted : wanted.join(",")}`;
  const functions: ProbedFunctions =
    typeof wanted !== "string"
      ? { names: wanted }
      : isWildcard(wanted)
        ? matchingFunctions(kernel, target, wanted)
        : { names: [wanted] };
  const cookies = hook.cookies ?? (cookie === undefined ? undefined : functions.names.map(() => cookie));
  try {
    const link = kernel.bpf("LINK_CREATE", {
      prog_fd: program.fd,
      attach_type:
        mode === "session" ? BPF_ATTACH_TYPE.TRACE_KPROBE_SESSION : BPF_ATTACH_TYPE.TRACE_KPROBE_MULTI,
      ...(functions.addresses
        ? { "kprobe_multi.addrs": new Uint8Array(functions.addresses.buffer) }
        : { "kprobe_multi.syms": functions.names }),
      "kprobe_multi.cnt": functions.names.length,
      "kprobe_multi.flags": mode === "return" ? BPF_F.KPROBE_MULTI_RETURN : 0,
      ...(cookies && { "kprobe_multi.cookies": new Uint8Array(BigUint64Array.from(cookies).buffer) }),
    });
    return new BpfLink(kernel, link);
  } catch (cause) {
    if (!(cause instanceof SyscallError)) throw cause;
    throw explain(cause, target, functions.names, () => functionNames(kernel));
  }
};

function explain(
  cause: SyscallError,
  target: string,
  names: readonly string[],
  known: () => Set<string>,
): AttachError | SyscallError {
  if (cause.errno === ERRNO.ESRCH || cause.errno === ERRNO.ENOENT) {
    const all = known();
    const missing = names.filter((name) => !all.has(name));
    return new AttachError(
      target,
      missing.length > 0
        ? `the kernel has no function ${missing.slice(0, 3).join(", ")}`
        : "the kernel cannot trace one of the functions",
      {
        code: "unknown",
        hints: missing[0] === undefined ? [] : nearestHint(missing[0], all),
        cause,
      },
    );
  }
  if (cause.errno === ERRNO.EINVAL || cause.errno === ERRNO.EOPNOTSUPP)
    return new AttachError(target, "this kernel cannot probe many functions by one link", {
      code: "unsupported",
      hints: ["It came with Linux 5.18 (sessions: 6.10) and needs CONFIG_FPROBE: use one kprobe a function"],
      cause,
    });
  return cause;
}
