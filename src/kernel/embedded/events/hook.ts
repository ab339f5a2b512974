/** Where programs are attached. */
export type Hook =
  | { readonly kind: "tracepoint"; readonly category: string; readonly event: string }
  | { readonly kind: "rawtracepoint"; readonly event: string }
  | {
      readonly kind: "uprobe";
      readonly path: string;
      /** In the file, bytes. */
      readonly offset: bigint;
      readonly return: boolean;
      /** Offset in the file of a counter (u16) that is above 0 while the probe is on; 0: none. */
      readonly counter: bigint;
      /** -1: every process. */
      readonly pid: number;
    }
  | { readonly kind: "kprobe"; readonly function: string; readonly offset: bigint; readonly return: boolean }
  /** A tracing program's target in the kernel's BTF. */
  | { readonly kind: "tracing"; readonly attachType: number; readonly target: string }
  | {
      readonly kind: "perf";
      /** PERF_TYPE_* and its config. */
      readonly type: number;
      readonly config: bigint;
      /** Events, or times a second. */
      readonly period: bigint;
      readonly frequency: bigint;
      readonly pid: number;
      readonly cpu: number;
    }
  /** An interface, a cgroup, a network namespace: `attachType` by which of its hooks. */
  | { readonly kind: "target"; readonly attachType: number; readonly target: number }
  /** Who reads it runs the program. */
  | { readonly kind: "iterator"; readonly target: string };

/** The name that events are raised under: the same for all programs that one event runs. */
export function hookName(hook: Hook): string {
  switch (hook.kind) {
    case "tracepoint":
      return `tracepoint:${hook.category}:${hook.event}`;
    case "rawtracepoint":
      return `rawtracepoint:${hook.event}`;
    case "uprobe":
      return `${hook.return ? "uretprobe" : "uprobe"}:${hook.path}:${hook.offset}`;
    case "kprobe":
      return `${hook.return ? "kretprobe" : "kprobe"}:${hook.function}+${hook.offset}`;
    case "tracing":
      return `tracing:${hook.attachType}:${hook.target}`;
    case "perf":
      return `perf:${hook.type}:${hook.config}`;
    case "target":
      return `target:${hook.attachType}:${hook.target}`;
    case "iterator":
      return `iterator:${hook.target}`;
  }
}
