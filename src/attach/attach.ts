import type { LoadedProgram } from "../loader/index.ts";
import type { AttachTarget } from "../object/index.ts";
import type { AttachContext, Link } from "./context.ts";
import { attachKprobe } from "./kprobe.ts";
import { attachCounter, attachInterval, attachProfile } from "./perf-event.ts";
import { attachRawTracepoint } from "./raw-tracepoint.ts";
import { attachTracepoint } from "./tracepoint.ts";
import { attachTrampoline } from "./trampoline.ts";
import { attachUprobe } from "./uprobe.ts";

/** Targets that the kernel fires; the others are run by {@link runProgram}. */
export type HookTarget = Exclude<AttachTarget, { readonly kind: "begin" | "end" | "signal" }>;

/**
 * Hooks a program in.
 * @throws AttachError with the cause and the way out; SyscallError for other refusals
 */
export function attach(context: AttachContext, program: LoadedProgram, target: HookTarget): Link {
  switch (target.kind) {
    case "tracepoint":
      return attachTracepoint(context, program, target);
    case "rawtracepoint":
      return attachRawTracepoint(context, program, target);
    case "kprobe":
      return attachKprobe(context, program, target);
    case "fentry":
      return attachTrampoline(context, program, target);
    case "uprobe":
      return attachUprobe(context, program, target);
    case "profile":
      return attachProfile(context, program, target);
    case "interval":
      return attachInterval(context, program, target);
    case "perf":
      return attachCounter(context, program, target);
  }
}
