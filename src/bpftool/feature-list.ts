import { BPF_ATTACH_TYPE, BPF_FUNC, BPF_LINK_TYPE, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../uapi/index.ts";
import { findKeyword } from "./arguments.ts";
import type { Command } from "./command.ts";
import { ToolError } from "./tool-error.ts";

const GROUPS = [
  { name: "prog_types", values: () => lower(BPF_PROG_TYPE) },
  { name: "map_types", values: () => lower(BPF_MAP_TYPE) },
  { name: "attach_types", values: () => lower(BPF_ATTACH_TYPE) },
  { name: "link_types", values: () => lower(BPF_LINK_TYPE) },
  { name: "helpers", values: () => lower(BPF_FUNC).map((name) => `bpf_${name}`) },
];

/** feature list_builtins GROUP. */
export const listBuiltins: Command = ({ args }) => {
  args.require(1, "list_builtins");
  const word = args.take("GROUP");
  const group = findKeyword(GROUPS, word);
  if (!group)
    throw new ToolError(`expected ${GROUPS.map(({ name }) => `'${name}'`).join(", ")}, got: ${word}`);
  const values = group.values();
  return { text: () => values.map((name) => `${name}\n`).join(""), json: () => values };
};

function lower(table: Readonly<Record<string, number>>): string[] {
  const seen = new Set<number>();
  return Object.entries(table)
    .filter(([name, value]) => !name.endsWith("_DEPRECATED") && !seen.has(value) && seen.add(value))
    .map(([name]) => name.toLowerCase());
}
