import type { KernelObject } from "../kernel-object.ts";
import type { BpfMap } from "../maps/index.ts";
import type { World } from "../world.ts";
import type { IteratorTargetName } from "./arguments.ts";

/** What a program is called with, behind `meta`: values of eight bytes. Disposal frees what they point to. */
export interface Item extends Disposable {
  readonly args: readonly bigint[];
}

/** Goes over objects that may come and go meanwhile (struct seq_operations). */
export interface Cursor {
  /** The object that it stands at, or the next one that there still is; undefined at the end. */
  current(): Item | undefined;
  /** On to what is behind that. */
  advance(): void;
}

/** What a link limits its iterator to. */
export type IteratorScope =
  | { readonly kind: "all" }
  | { readonly kind: "map"; readonly map: BpfMap }
  /** A thread, or a process with all its threads. */
  | { readonly kind: "thread" | "process"; readonly pid: number };

export interface IteratorTarget {
  /**
   * attach_target of struct bpf_iter_reg: what the link is limited to, by the words of union bpf_iter_link_info.
   * The scope refers to its map. Without it, the words are not looked at.
   */
  readonly attach?: (world: World, words: readonly number[]) => IteratorScope;
  readonly open: (world: World, scope: IteratorScope) => Cursor;
}

export type IteratorTargets = { readonly [T in IteratorTargetName]: IteratorTarget };

export const EVERYTHING: IteratorScope = { kind: "all" };

/** Which object an iterator's scope holds on to. */
export function heldBy(scope: IteratorScope): KernelObject | undefined {
  return scope.kind === "map" ? scope.map : undefined;
}

/** Over values that stay as they were when it was opened. */
export function listCursor<T>(values: readonly T[], item: (value: T) => Item | undefined): Cursor {
  let index = 0;
  return {
    current: () => {
      for (; index < values.length; index++) {
        const found = item(values[index]!);
        if (found) return found;
      }
      return undefined;
    },
    advance: () => void index++,
  };
}
