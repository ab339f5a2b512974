import { SyscallError } from "../kernel/index.ts";
import { BPF_ATTACH_TYPE, ERRNO } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { AttachContext, Attacher } from "./context.ts";
import type { LoadedProgram } from "../loader/index.ts";
import type { ProbeMode } from "./hook.ts";
import { BpfLink, type Link } from "./link.ts";
import { findUserFile, UserFile } from "./user-file.ts";
import { isWildcard } from "./wildcard.ts";

const NAMES: Readonly<Record<ProbeMode, string>> = {
  entry: "uprobe.multi",
  return: "uretprobe.multi",
  session: "uprobe.session",
};
/** BPF_F_UPROBE_MULTI_RETURN. */
const RETURN = 1;

export const attachUprobeMulti: Attacher<"uprobe-multi"> = (context, program, hook) => {
  const path = findUserFile(hook.path);
  const { functions, mode } = hook;
  const name = `${NAMES[mode]}:${path}:${typeof functions === "string" ? functions : functions.join(",")}`;
  const file = new UserFile(name, path);
  const names = typeof functions === "string" ? [functions] : functions;
  const offsets = names.flatMap((wanted) =>
    isWildcard(wanted) ? file.offsets(wanted) : [offsetOf(file, wanted)],
  );
  const cookies =
    hook.cookies ?? (context.cookie === undefined ? undefined : offsets.map(() => context.cookie ?? 0n));
  return probeFileMany(context, program, { name, path, mode, offsets, ...(cookies && { cookies }) });
};

/** `name`, `name+8` or `name+0x8`. */
function offsetOf(file: UserFile, text: string): number {
  const [, name = text, offset = "0"] = /^(.*)\+((?:0x)?[0-9a-f]+)$/i.exec(text) ?? [];
  return file.offset(name) + Number(offset);
}

export interface FileProbes {
  /** For messages. */
  readonly name: string;
  readonly path: string;
  readonly mode: ProbeMode;
  readonly offsets: readonly number[];
  /** See {@link FileProbe.counterOffset}; 0: none. */
  readonly counterOffsets?: readonly number[];
  readonly cookies?: readonly bigint[];
}

/** Many uprobes of a file by one link. */
export function probeFileMany(
  { kernel, pid }: AttachContext,
  program: LoadedProgram,
  probes: FileProbes,
): Link {
  const { mode, path, offsets, counterOffsets, cookies, name } = probes;
  try {
    const link = kernel.bpf("LINK_CREATE", {
      prog_fd: program.fd,
      attach_type:
        mode === "session" ? BPF_ATTACH_TYPE.TRACE_UPROBE_SESSION : BPF_ATTACH_TYPE.TRACE_UPROBE_MULTI,
      "uprobe_multi.path": path,
      "uprobe_multi.offsets": u64s(offsets),
      ...(counterOffsets && { "uprobe_multi.ref_ctr_offsets": u64s(counterOffsets) }),
      ...(cookies && { "uprobe_multi.cookies": new Uint8Array(BigUint64Array.from(cookies).buffer) }),
      "uprobe_multi.cnt": offsets.length,
      "uprobe_multi.flags": mode === "return" ? RETURN : 0,
      "uprobe_multi.pid": pid,
    });
    return new BpfLink(kernel, link);
  } catch (cause) {
    if (
      !(cause instanceof SyscallError) ||
      (cause.errno !== ERRNO.EINVAL && cause.errno !== ERRNO.EOPNOTSUPP)
    )
      throw cause;
    throw new AttachError(name, "this kernel cannot probe many functions of a file by one link", {
      code: "unsupported",
      hints: ["It came with Linux 6.6 (sessions: 6.13): use one uprobe a function"],
      cause,
    });
  }
}

function u64s(numbers: readonly number[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(numbers, BigInt).buffer);
}
