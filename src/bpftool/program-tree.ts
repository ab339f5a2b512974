import {
  eachObject,
  linkInfo,
  mapInfo,
  objectHolders,
  pinnedPaths,
  programInfo,
  taskPrograms,
} from "../inspect/index.ts";
import type { Holder, LinkInfo, MapInfo, TaskProgram } from "../inspect/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import type { Answer } from "./command.ts";
import { fullProgramName } from "./handle.ts";
import { holdersJson } from "./holders-text.ts";
import type { Json } from "./json.ts";
import type { LinkSurroundings, ShownLink } from "./link-detail.ts";
import { linkJson } from "./link-json.ts";
import { linkSurroundings, shownLink } from "./link-show.ts";
import { linkText } from "./link-text.ts";
import { mapTypeName, programTypeName } from "./names.ts";
import { taskProgramJson, taskProgramText } from "./perf-show.ts";
import { headJson } from "./program-head.ts";
import type { ProgramHead } from "./program-head.ts";

/** An object with who has it open and where it is pinned. */
interface Owned<T> {
  readonly object: T;
  readonly holders: readonly Holder[];
  readonly pins: readonly string[];
}

interface ProgramTree extends Owned<ProgramHead> {
  readonly maps: readonly Owned<MapInfo & { readonly sharers: readonly number[] }>[];
  readonly links: readonly Owned<ShownLink>[];
  /** Perf events and raw tracepoints without a link that run it. */
  readonly tasks: readonly TaskProgram[];
}

/** prog show --tree: each program with its maps, links, processes and pins. `fds`: all, if absent. */
export function showProgramTree(kernel: Kernel, fds: readonly Fd[] | undefined): Answer {
  const surroundings = linkSurroundings(kernel, undefined);
  const trees = readTrees(kernel, fds);
  return {
    text: () => trees.map((tree) => nodeText(programNode(tree, surroundings))).join(""),
    json: () => trees.map((tree) => treeJson(tree, surroundings)),
  };
}

function readTrees(kernel: Kernel, fds: readonly Fd[] | undefined): ProgramTree[] {
  const all = [...eachObject(kernel, "prog", readHead)];
  const shown = fds ? fds.map((fd) => readHead(kernel, fd)) : all;
  const owned = {
    prog: owners(kernel, "prog"),
    map: owners(kernel, "map"),
    link: owners(kernel, "link"),
  };
  const maps = new Map([...eachObject(kernel, "map", mapInfo)].map((info) => [info.id, info]));
  const links = [...eachObject(kernel, "link", linkInfo)];
  const tasks = [...taskPrograms(kernel)];
  return shown.map((program) => {
    const { id, mapIds } = program.info;
    return {
      ...owned.prog(program, id),
      maps: mapIds.flatMap((mapId) => {
        const info = maps.get(mapId);
        const sharers = all
          .filter((other) => other.info.id !== id && other.info.mapIds.includes(mapId))
          .map((other) => other.info.id);
        return info ? [owned.map({ ...info, sharers }, mapId)] : [];
      }),
      links: links
        .filter((link) => belongsTo(link, program))
        .map((link) => owned.link(shownLink(kernel, link, undefined), link.id)),
      tasks: tasks.filter(({ programId }) => programId === id),
    };
  });
}

function readHead(kernel: Kernel, fd: Fd): ProgramHead {
  return { info: programInfo(kernel, fd), name: fullProgramName(kernel, fd) };
}

/** A struct_ops link has a map and no program of its own. */
function belongsTo({ programId, detail }: LinkInfo, { info }: ProgramHead): boolean {
  return programId === 0 && detail.kind === "map"
    ? info.mapIds.includes(detail.mapId)
    : programId === info.id;
}

function owners(kernel: Kernel, kind: "prog" | "map" | "link"): <T>(object: T, id: number) => Owned<T> {
  const holders = objectHolders(kernel.files, kind);
  const pins = pinnedPaths(kernel, kind);
  return (object, id) => ({ object, holders: holders.get(id) ?? [], pins: pins.get(id) ?? [] });
}

interface Node {
  readonly text: string;
  readonly children: readonly Node[];
}

const leaf = (text: string): Node => ({ text, children: [] });

function programNode(tree: ProgramTree, surroundings: LinkSurroundings): Node {
  const { info, name } = tree.object;
  const jited = info.jitedSize > 0 ? `jited ${info.jitedSize}B` : "not jited";
  const run = info.runCount > 0n ? `  run_cnt ${info.runCount}` : "";
  return {
    text: `prog ${info.id}  ${programTypeName(info.type) ?? `type ${info.type}`}  ${nameText(name)}tag ${info.tag}  xlated ${info.xlatedSize}B  ${jited}${run}`,
    children: [
      ...tree.links.map(({ object, ...rest }) => ({
        text: `link ${linkLine(surroundings, object)}`,
        children: ownerNodes(rest),
      })),
      ...tree.tasks.map((task) => leaf(taskProgramText(task).trimEnd())),
      ...tree.maps.map(({ object, ...rest }) => ({
        text: `map ${object.id}  ${mapTypeName(object.type) ?? `type ${object.type}`}  ${nameText(object.name)}key ${object.keySize}B  value ${object.valueSize}B  max_entries ${object.maxEntries}`,
        children: [
          ...(object.sharers.length > 0 ? [leaf(`also used by prog ${object.sharers.join(", ")}`)] : []),
          ...ownerNodes(rest),
        ],
      })),
      ...ownerNodes(tree),
    ],
  };
}

function nameText(name: string): string {
  return name === "" ? "" : `name ${name}  `;
}

/** `12  tracing  target ...`: the lines of `link show` as one, without the program that it hangs below. */
function linkLine(surroundings: LinkSurroundings, link: ShownLink): string {
  return linkText(surroundings, link)
    .trim()
    .replace(/^(\d+): /, "$1  ")
    .replace(/ {2}prog \d+/, "")
    .replaceAll(/\s*\n\s*/g, "  ");
}

function ownerNodes({ holders, pins }: Pick<Owned<unknown>, "holders" | "pins">): Node[] {
  return [
    ...holders.map(({ pid, comm }) => leaf(`held by ${comm}(${pid})`)),
    ...pins.map((path) => leaf(`pinned ${path}`)),
  ];
}

/** A node and what hangs below it, each line behind its branches. */
function nodeText({ text, children }: Node, indent = ""): string {
  const below = children.map((child, index) => {
    const last = index === children.length - 1;
    return `${indent}${last ? "└─ " : "├─ "}${nodeText(child, `${indent}${last ? "   " : "│  "}`)}`;
  });
  return `${text}\n${below.join("")}`;
}

function treeJson(tree: ProgramTree, surroundings: LinkSurroundings): Json {
  return {
    ...headJson(tree.object),
    bytes_xlated: tree.object.info.xlatedSize,
    bytes_jited: tree.object.info.jitedSize,
    ...ownersJson(tree),
    links: tree.links.map(({ object, ...rest }) => ({
      ...linkJson(surroundings, object),
      ...ownersJson(rest),
    })),
    perf: tree.tasks.map(taskProgramJson),
    maps: tree.maps.map(({ object, ...rest }) => ({
      id: object.id,
      type: mapTypeName(object.type) ?? object.type,
      name: object.name,
      bytes_key: object.keySize,
      bytes_value: object.valueSize,
      max_entries: object.maxEntries,
      also_used_by: object.sharers,
      ...ownersJson(rest),
    })),
  };
}

function ownersJson({ holders, pins }: Pick<Owned<unknown>, "holders" | "pins">): {
  readonly pids: Json | undefined;
  readonly pinned: Json;
} {
  return { pids: holdersJson(holders), pinned: pins };
}
