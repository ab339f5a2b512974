import type { Kernel } from "../kernel/index.ts";
import type { Features, LoadedProgram } from "../loader/index.ts";
import type { Hook } from "./hook.ts";
import type { Link } from "./link.ts";
import type { UsdtSpecs } from "./usdt-specs.ts";

export interface AttachContext {
  readonly kernel: Kernel;
  readonly features: Features;
  /** Where the hook kind can filter (uprobes, perf events), only this process fires it. */
  readonly pid?: number;
  /** What the program reads by bpf_get_attach_cookie (Linux 5.15; tracing programs 5.19, raw tracepoints 6.10). */
  readonly cookie?: bigint;
  /** Where USDT programs of this object find their arguments. */
  readonly usdt?: UsdtSpecs;
}

/** Attaches a program to a hook of one kind. */
export type Attacher<K extends Hook["kind"]> = (
  context: AttachContext,
  program: LoadedProgram,
  hook: Extract<Hook, { readonly kind: K }>,
) => Link;
