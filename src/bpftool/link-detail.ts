import type { Holder, LinkDetail, LinkInfo, PinnedPaths } from "../inspect/index.ts";
import type { FunctionNames, NamedFunction } from "./function-names.ts";
import { attachTypeName } from "./names.ts";

export interface ShownLink {
  readonly info: LinkInfo;
  /** BPF_PROG_TYPE number of its program; undefined if it went away. */
  readonly programType: number | undefined;
  readonly holders: readonly Holder[] | undefined;
}

/** What names the numbers in links. */
export interface LinkSurroundings {
  /** Of this network namespace. */
  readonly interfaceName: (index: number) => string | undefined;
  readonly functions: () => FunctionNames;
  readonly pins: PinnedPaths | undefined;
}

/** What an iterator walks through decides which of its numbers mean something. */
export function iteratorScope(target: string): "map" | "task" | "cgroup" | undefined {
  return SCOPES[target];
}

const SCOPES: Readonly<Record<string, "map" | "task" | "cgroup">> = {
  bpf_map_elem: "map",
  bpf_sk_storage_map: "map",
  task: "task",
  task_file: "task",
  task_vma: "task",
  cgroup: "cgroup",
};

/** By BPF_CGROUP_ITER number. */
const ORDERS = ["order_unspec", "self_only", "descendants_pre", "descendants_post", "ancestors_up"];

export const cgroupOrder = (order: number): string => ORDERS[order] ?? "unknown";

export interface ProbedFunction extends NamedFunction {
  readonly address: bigint;
  readonly cookie: bigint;
}

/** The functions of a kprobe.multi link, by address; those that no symbol names are left out. */
export function probedFunctions(
  { addresses, cookies }: Extract<LinkDetail, { kind: "kprobe_multi" }>,
  names: FunctionNames,
): ProbedFunction[] {
  return addresses
    .map((address, index) => ({ address, cookie: cookies[index] ?? 0n }))
    .sort((one, other) => (one.address < other.address ? -1 : one.address > other.address ? 1 : 0))
    .flatMap(({ address, cookie }) => {
      const found = names.at(address);
      return found ? [{ ...found, address, cookie }] : [];
    });
}

export function attachName(type: number): string | number {
  return attachTypeName(type) ?? type;
}
