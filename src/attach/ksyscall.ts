import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";
import { functionNames } from "./kernel-functions.ts";
import { attachKprobe } from "./kprobe.ts";
import { nearestHint } from "./nearest.ts";

/** arch/{x86,arm64}/include/asm/syscall_wrapper.h. */
const PREFIXES: Readonly<Record<string, string>> = { x64: "__x64_sys_", arm64: "__arm64_sys_" };

/** A kprobe on the function that the kernel wraps a system call in. */
export const attachKsyscall: Attacher<"ksyscall"> = (context, program, hook) => {
  const { kernel } = context;
  const names = functionNames(kernel);
  const prefixes = [PREFIXES[kernel.release.arch] ?? "__se_sys_", "__se_sys_", "sys_"];
  const prefix = prefixes.find((candidate) => names.has(candidate + hook.syscall));
  if (prefix === undefined)
    throw new AttachError(
      `${hook.return ? "kretsyscall" : "ksyscall"}:${hook.syscall}`,
      "this kernel has no such system call",
      {
        code: "unknown",
        hints: nearestHint(
          hook.syscall,
          [...names].flatMap((name) =>
            name.startsWith(prefixes[0]!) ? [name.slice(prefixes[0]!.length)] : [],
          ),
        ),
      },
    );
  const kprobe = { kind: "kprobe", function: prefix + hook.syscall, offset: 0, return: hook.return } as const;
  return attachKprobe(context, program, kprobe);
};
