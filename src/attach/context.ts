import type { Kernel } from "../kernel/index.ts";
import type { Features, LoadedProgram } from "../loader/index.ts";
import type { AttachTarget } from "../object/index.ts";

export interface AttachContext {
  readonly kernel: Kernel;
  readonly features: Features;
  /** Where the hook kind can filter (uprobes, perf events), only this process fires it. */
  readonly pid?: number;
}

/** A hook that is on; disposal takes it off. */
export type Link = Disposable;

/** Attaches a program to a target of one kind. */
export type Attacher<K extends AttachTarget["kind"]> = (
  context: AttachContext,
  program: LoadedProgram,
  target: Extract<AttachTarget, { readonly kind: K }>,
) => Link;

/** One link of several, taken off in reverse order; what was attached is taken off when a later one fails. */
export function linkAll(makers: Iterable<() => Link>): Link {
  const links: Link[] = [];
  const link: Link = {
    [Symbol.dispose]: () => {
      for (const part of links.splice(0).toReversed()) part[Symbol.dispose]();
    },
  };
  try {
    for (const make of makers) links.push(make());
  } catch (error) {
    link[Symbol.dispose]();
    throw error;
  }
  return link;
}
