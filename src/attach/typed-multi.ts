import { BtfKind, parseBtf, type Btf } from "../btf/index.ts";
import { SyscallError } from "../kernel/index.ts";
import { ERRNO } from "../uapi/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";
import { BpfLink } from "./link.ts";
import { matchingFunctions } from "./kernel-functions.ts";

/** Trampolines take no more, nor a structure as result (bpf_check_attach_target in kernel/bpf/verifier.c). */
const MOST_PARAMETERS = 12;

/** Functions by their ids in BTF: those of the pattern that can be traced and that a trampoline can call. */
export const attachTypedMulti: Attacher<"typed-multi"> = ({ kernel, cookie }, program, hook) => {
  const target = program.spec.section;
  const colon = hook.pattern.indexOf(":");
  const module = colon < 0 ? undefined : hook.pattern.slice(0, colon);
  const vmlinux = parseBtf(kernel.files.ownBtf());
  const btf = module === undefined ? vmlinux : parseBtf(kernel.files.btf(module), vmlinux);
  const traceable = matchingFunctions(kernel, target, hook.pattern.slice(colon + 1)).names;
  const ids = [...new Set(traceable)]
    .map((name) =>
      module === undefined ? btf.findByName(name, BtfKind.Func) : btf.findOwnByName(name, BtfKind.Func)[0],
    )
    .filter((id) => id !== undefined && isCallable(btf, id))
    .map((id) => id ?? 0);
  try {
    const link = kernel.bpf("LINK_CREATE", {
      prog_fd: program.fd,
      attach_type: program.spec.expectedAttachType ?? 0,
      "tracing_multi.ids": new Uint8Array(Uint32Array.from(ids).buffer),
      "tracing_multi.cnt": ids.length,
      ...(cookie !== undefined && {
        "tracing_multi.cookies": new Uint8Array(BigUint64Array.from(ids, () => cookie).buffer),
      }),
    });
    return new BpfLink(kernel, link);
  } catch (cause) {
    if (!(cause instanceof SyscallError) || cause.errno !== ERRNO.EINVAL) throw cause;
    throw new AttachError(target, "this kernel cannot trace many functions by one link", {
      code: "unsupported",
      hints: ["It came with Linux 7.2: use kprobe.multi (5.18), or one fentry a function"],
      cause,
    });
  }
};

function isCallable(btf: Btf, id: number): boolean {
  const prototype = btf.resolve(btf.target(id));
  const parameters = btf.params(prototype);
  const result = btf.kind(btf.resolve(btf.target(prototype)));
  return (
    parameters.length <= MOST_PARAMETERS &&
    result !== BtfKind.Struct &&
    result !== BtfKind.Union &&
    // A last parameter without a type stands for "...".
    parameters.every(({ type }) => type !== 0 && btf.size(type) <= 16)
  );
}
