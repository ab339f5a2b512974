import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
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
  try {
    return linkKprobes(
      kernel,
      program.fd,
      functions,
      mode,
      hook.cookies ?? functions.names.map(() => cookie ?? 0n),
    );
  } catch (cause) {
    if (!(cause instanceof SyscallError)) throw cause;
    throw explain(cause, target, functions.names, () => functionNames(kernel));
  }
};

/**
 * One link of many functions. Cookies are always given: without them Linux 6.17 and 6.18 follow a null pointer once
 * anybody reads the link's fdinfo (bpf_kprobe_multi_show_fdinfo in kernel/trace/bpf_trace.c).
 */
export function linkKprobes(
  kernel: Kernel,
  program: Fd,
  { names, addresses }: ProbedFunctions,
  mode: ProbeMode,
  cookies: readonly bigint[],
): BpfLink {
  const link = kernel.bpf("LINK_CREATE", {
    prog_fd: program,
    attach_type:
      mode === "session" ? BPF_ATTACH_TYPE.TRACE_KPROBE_SESSION : BPF_ATTACH_TYPE.TRACE_KPROBE_MULTI,
    ...(addresses
      ? { "kprobe_multi.addrs": new Uint8Array(addresses.buffer) }
      : { "kprobe_multi.syms": names }),
    "kprobe_multi.cnt": names.length,
    "kprobe_multi.flags": mode === "return" ? BPF_F.KPROBE_MULTI_RETURN : 0,
    "kprobe_multi.cookies": new Uint8Array(BigUint64Array.from(cookies).buffer),
  });
  return new BpfLink(kernel, link);
}

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
