import { SyscallError } from "../kernel/index.ts";
import { ERRNO, errnoMessage } from "../uapi/index.ts";
import type { Answer, Command } from "./command.ts";
import { openAll } from "./handle.ts";
import { formatJson } from "./json.ts";
import type { Json } from "./json.ts";
import { entryJson, entryText, typedEntry } from "./map-entry.ts";
import type { DumpedEntry } from "./map-entry.ts";
import { mapHeadJson, mapHeadText } from "./map-show.ts";
import { holdsMaps, holdsPrograms, openedMap } from "./opened-map.ts";
import type { OpenedMap } from "./opened-map.ts";

interface DumpedMap {
  readonly opened: OpenedMap;
  readonly entries: readonly DumpedEntry[];
  /** Why the walk ended before the end; 0: it did not. */
  readonly errno: number;
}

/** map dump MAP: every element, of each map that is meant. */
export const dumpMap: Command = async ({ args, kernel: open, inform }) => {
  args.require(2, "dump");
  const kernel = await open();
  using maps = openAll(kernel, "map", args);
  args.end();
  const dumped = maps.fds.map((fd) => readMap(openedMap(kernel, fd)));
  const failed = dumped.find(({ errno }) => errno !== 0);
  if (failed)
    inform(`Error: can't walk the keys of map ${failed.opened.info.id}: ${errnoMessage(failed.errno)}\n`);
  return answer(dumped, failed ? -failed.errno & 255 : 0);
};

function answer(maps: readonly DumpedMap[], exitCode: number): Answer {
  const headed = maps.length > 1;
  const typed = maps.every(({ opened }) => opened.info.btfId !== 0);
  return {
    text: () => {
      if (typed) return `${formatJson(mapsJson(maps, headed, plainEntry), true)}\n`;
      return maps
        .map(({ opened, entries }) => {
          const head = headed ? mapHeadText(opened.info) : "";
          const body = entries.map((entry) => entryText(opened, entry)).join("");
          const count = entries.filter(({ value }) => typeof value !== "number").length;
          return `${head}${body}Found ${count} element${count === 1 ? "" : "s"}\n`;
        })
        .join("\n");
    },
    json: () => mapsJson(maps, headed, entryJson),
    exitCode,
  };
}

function mapsJson(
  maps: readonly DumpedMap[],
  headed: boolean,
  toJson: (opened: OpenedMap, entry: DumpedEntry) => Json,
): Json {
  const elements = maps.map(({ opened, entries }) => entries.map((entry) => toJson(opened, entry)));
  if (!headed) return elements[0] ?? [];
  return maps.map(({ opened }, index) => ({ ...mapHeadJson(opened.info), elements: elements[index] ?? [] }));
}

/** Elements whose value the kernel does not show have no typed form. */
function plainEntry(opened: OpenedMap, entry: DumpedEntry): Json {
  return typeof entry.value === "number" || !opened.btf
    ? entryJson(opened, entry)
    : typedEntry(opened, entry.key, entry.value, true);
}

/** By batches where the kernel has them for the map's type, else key by key. */
function readMap(opened: OpenedMap): DumpedMap {
  const batches = opened.map.batchEntries();
  if (batches) return { opened, entries: batches, errno: 0 };
  const entries: DumpedEntry[] = [];
  try {
    for (const key of opened.map.eachKey()) {
      const value = lookup(opened, key);
      // Slots of arrays of maps and programs that hold none are no elements.
      if (value === ERRNO.ENOENT && (holdsMaps(opened.info) || holdsPrograms(opened.info))) continue;
      entries.push({ key, value });
    }
    return { opened, entries, errno: 0 };
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    return { opened, entries, errno: error.errno };
  }
}

function lookup({ map }: OpenedMap, key: Uint8Array): Uint8Array | number {
  try {
    return map.lookup(key) ?? ERRNO.ENOENT;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    return error.errno;
  }
}
