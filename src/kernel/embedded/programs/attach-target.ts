import { BtfKind } from "../../../btf/index.ts";
import { isIteratorTarget } from "../iterators/arguments.ts";
import type { IteratorTargetName } from "../iterators/arguments.ts";
import type { World } from "../world.ts";

const ITERATOR_PREFIX = "bpf_iter_";

/** What an iterator's program goes over: its BTF type is the function `bpf_iter_TARGET`. */
export function iteratorTarget(world: World, attachBtfId: number): IteratorTargetName | undefined {
  const types = world.kernelTypes();
  if (!types.has(attachBtfId) || types.kind(attachBtfId) !== BtfKind.Func) return undefined;
  const name = types.name(attachBtfId);
  const target = name.slice(ITERATOR_PREFIX.length);
  return name.startsWith(ITERATOR_PREFIX) && isIteratorTarget(target) ? target : undefined;
}
