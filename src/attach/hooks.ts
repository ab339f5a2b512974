import { kernelConfig, type ProgramLoadError } from "../loader/index.ts";
import type { AttachTarget } from "../object/index.ts";
import { AttachError } from "./attach-error.ts";
import type { AttachContext } from "./context.ts";
import { probePmu } from "./probe-pmu.ts";

type Target<K extends AttachTarget["kind"]> = Extract<AttachTarget, { readonly kind: K }>;

type HookKind = "kprobe" | "fentry" | "uprobe";

interface Hook {
  /** In the plural. */
  readonly what: string;
  /** Build options of the kernel that bring it. */
  readonly config: readonly string[];
  readonly has: (context: AttachContext) => boolean;
}

/** Kinds of hooks that kernels are built without. */
const HOOKS: Readonly<Record<HookKind, Hook>> = {
  kprobe: {
    what: "kprobes",
    config: ["CONFIG_KPROBES", "CONFIG_KPROBE_EVENTS"],
    has: ({ kernel }) => probePmu(kernel, "kprobe") !== undefined,
  },
  fentry: {
    what: "BPF trampolines (fentry, fexit)",
    config: [
      "CONFIG_BPF_JIT",
      "CONFIG_DEBUG_INFO_BTF",
      "CONFIG_FUNCTION_TRACER",
      "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS",
    ],
    has: ({ features }) => features.has("trampolines"),
  },
  uprobe: {
    what: "uprobes",
    config: ["CONFIG_UPROBES", "CONFIG_UPROBE_EVENTS"],
    has: ({ kernel }) => probePmu(kernel, "uprobe") !== undefined,
  },
};

/** The kernel has no hooks of the target's kind: what would bring them, and what there is instead. */
export function missingHook(context: AttachContext, target: Target<HookKind>, cause?: unknown): AttachError {
  const hook = HOOKS[target.kind];
  return new AttachError(nameOf(target), `this kernel has no ${hook.what}`, {
    code: "unsupported",
    hints: [configHint(context, hook), insteadHint(context, target)],
    cause,
  });
}

/**
 * A program that the kernel did not take: some kinds of hooks are refused as early as that, with an errno that
 * tells nothing.
 */
export function explainRefusal(context: AttachContext, target: AttachTarget, error: ProgramLoadError): Error {
  if (target.kind === "fentry" && !hasTrampolines(context)) return missingHook(context, target, error);
  return error;
}

export function hasTrampolines(context: AttachContext): boolean {
  return HOOKS.fentry.has(context);
}

/** As a probe is written. */
export function nameOf(target: Target<HookKind>): string {
  switch (target.kind) {
    case "kprobe":
      return `${target.return ? "kretprobe" : "kprobe"}:${target.function}`;
    case "fentry":
      return `${target.return ? "fexit" : "fentry"}:${target.function}`;
    case "uprobe":
      return `${target.return ? "uretprobe" : "uprobe"}:${target.path}:${target.symbol ?? `0x${target.offset.toString(16)}`}`;
  }
}

function configHint({ kernel }: AttachContext, { config }: Hook): string {
  // Its configuration would be the host's, which has nothing to do with it.
  if (kernel.name === "embedded")
    return "The embedded kernel sees processes from outside: run as root, or with CAP_BPF and CAP_PERFMON, for the machine's own kernel";
  if (kernel.name === "recording")
    return "The recording has no events of such probes: bpfkit record info FILE shows what it has";
  const options = kernelConfig(kernel);
  if (options.size === 0) return `They come with ${listed(config)} in the kernel's configuration`;
  const missing = config.filter((name) => !options.has(name));
  return missing.length > 0
    ? `It was built without ${listed(missing)}`
    : `It was built with ${listed(config)}, but refuses them all the same: its vendor took them out, or a policy forbids them`;
}

function insteadHint(context: AttachContext, target: Target<HookKind>): string {
  if (target.kind === "fentry" && HOOKS.kprobe.has(context))
    return `Use ${target.return ? "kretprobe" : "kprobe"}:${target.function}, with arg0, arg1, ... in place of args`;
  if (target.kind === "kprobe" && HOOKS.fentry.has(context))
    return `Use ${target.return ? "fexit" : "fentry"}:${target.function}, with args.NAME in place of arg0, arg1, ...`;
  if (target.kind === "uprobe")
    return "Use tracepoints of the system calls that the program makes (tracepoint:syscalls:sys_enter_*), or another kernel";
  return "Use a tracepoint or rawtracepoint near to it (bpfkit trace -l 'tracepoint:*'), or another kernel";
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
