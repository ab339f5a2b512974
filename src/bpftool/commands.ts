import { BPF_ATTACH_TYPE, BPF_FUNC, BPF_LINK_TYPE, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../uapi/index.ts";
import { dumpBtf } from "./btf-dump.ts";
import { showBtf } from "./btf-show.ts";
import { showCgroup, showCgroupTree } from "./cgroup-show.ts";
import { DONE } from "./command.ts";
import type { Command, ObjectRow } from "./command.ts";
import { findKeyword } from "./arguments.ts";
import { openById, openMaps, openPrograms, single } from "./handle.ts";
import { showLinks } from "./link-show.ts";
import { deleteFromMap, dumpMap, freezeMap, lookupMap, nextKey, updateMap } from "./map-access.ts";
import { createMap, peekMap, popFromMap, pushToMap } from "./map-create.ts";
import { showMaps } from "./map-show.ts";
import { showPerf } from "./perf-show.ts";
import { dumpProgram } from "./program-dump.ts";
import { loadAll, loadOne } from "./program-load.ts";
import { runProgram } from "./program-run.ts";
import { showPrograms } from "./program-show.ts";
import { ToolError } from "./tool-error.ts";

const pinProgram: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  const fd = single(kernel, "program", openPrograms(kernel, args));
  kernel.bpf("OBJ_PIN", { bpf_fd: fd, pathname: args.take("path") });
  kernel.close(fd);
  return DONE;
};

const pinMap: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  const fd = single(kernel, "map", openMaps(kernel, args));
  kernel.bpf("OBJ_PIN", { bpf_fd: fd, pathname: args.take("path") });
  kernel.close(fd);
  return DONE;
};

const detachLink: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  if (!args.accept("id")) throw new ToolError("expected 'id', as LINK asks for");
  const fd = openById(kernel, "link", args.number("id"));
  kernel.bpf("LINK_DETACH", { link_fd: fd });
  kernel.close(fd);
  return DONE;
};

const LISTS = [
  { name: "prog_types", values: lower(BPF_PROG_TYPE) },
  { name: "map_types", values: lower(BPF_MAP_TYPE) },
  { name: "attach_types", values: lower(BPF_ATTACH_TYPE) },
  { name: "link_types", values: lower(BPF_LINK_TYPE) },
  { name: "helpers", values: lower(BPF_FUNC).map((name) => `bpf_${name}`) },
];

const listBuiltins: Command = ({ args }) => {
  const word = args.take("group");
  const list = findKeyword(LISTS, word);
  if (!list) throw new ToolError(`invalid group name: ${word}`);
  return { text: () => list.values.map((name) => `${name}\n`).join(""), json: () => list.values };
};

function lower(table: Readonly<Record<string, number>>): string[] {
  const seen = new Set<number>();
  return Object.entries(table)
    .filter(([name, value]) => !name.endsWith("_DEPRECATED") && !seen.has(value) && seen.add(value))
    .map(([name]) => name.toLowerCase());
}

/** Objects and their commands in bpftool's order, which settles what a shortened word means. */
export const OBJECTS: readonly ObjectRow[] = [
  {
    name: "prog",
    commands: [
      { name: "show", run: showPrograms },
      { name: "list", run: showPrograms },
      { name: "dump", run: dumpProgram },
      { name: "pin", run: pinProgram },
      { name: "load", run: loadOne },
      { name: "loadall", run: loadAll },
      { name: "run", run: runProgram },
    ],
  },
  {
    name: "map",
    commands: [
      { name: "show", run: showMaps },
      { name: "list", run: showMaps },
      { name: "dump", run: dumpMap },
      { name: "update", run: updateMap },
      { name: "lookup", run: lookupMap },
      { name: "getnext", run: nextKey },
      { name: "delete", run: deleteFromMap },
      { name: "pin", run: pinMap },
      { name: "create", run: createMap },
      { name: "freeze", run: freezeMap },
      { name: "peek", run: peekMap },
      { name: "push", run: pushToMap },
      { name: "pop", run: popFromMap },
      { name: "enqueue", run: pushToMap },
      { name: "dequeue", run: popFromMap },
    ],
  },
  {
    name: "link",
    commands: [
      { name: "show", run: showLinks },
      { name: "list", run: showLinks },
      { name: "detach", run: detachLink },
    ],
  },
  {
    name: "cgroup",
    commands: [
      { name: "show", run: showCgroup },
      { name: "list", run: showCgroup },
      { name: "tree", run: showCgroupTree },
    ],
  },
  {
    name: "perf",
    commands: [
      { name: "show", run: showPerf },
      { name: "list", run: showPerf },
    ],
  },
  { name: "feature", commands: [{ name: "list_builtins", run: listBuiltins }] },
  {
    name: "btf",
    commands: [
      { name: "show", run: showBtf },
      { name: "list", run: showBtf },
      { name: "dump", run: dumpBtf },
    ],
  },
];
