import { eachObject, objectHolders, pinnedPaths, programInfo } from "../inspect/index.ts";
import type { Holder, PinnedPaths } from "../inspect/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import type { Command } from "./command.ts";
import { fullProgramName, openAll } from "./handle.ts";
import { holdersJson, holdersText } from "./holders-text.ts";
import type { Json } from "./json.ts";
import { offloadJson } from "./offload-text.ts";
import { pinnedJson, pinnedText } from "./pinned-text.ts";
import { headJson, headText } from "./program-head.ts";
import type { ProgramHead } from "./program-head.ts";
import { metadataJson, metadataText, programMetadata } from "./program-metadata.ts";
import type { Metadata } from "./program-metadata.ts";
import { showProgramTree } from "./program-tree.ts";

interface ShownProgram extends ProgramHead {
  /** Seconds since 1970. */
  readonly loadedAt: number;
  readonly metadata: Metadata | undefined;
  readonly holders: readonly Holder[] | undefined;
  readonly pins: PinnedPaths | undefined;
}

const NANOSECONDS = 1_000_000_000n;

/** prog show [PROG] [--tree]. */
export const showPrograms: Command = async ({ args, kernel: open, options }) => {
  const kernel = await open();
  const all = args.left === 0;
  using named = all ? undefined : openAll(kernel, "prog", args);
  args.end();
  if (options.tree) return showProgramTree(kernel, named?.fds);
  const holders = objectHolders(kernel.files, "prog");
  const pins = options.pins ? pinnedPaths(kernel, "prog") : undefined;
  const bootTime = timeOfBoot(kernel);
  const read = (host: Kernel, fd: Fd): ShownProgram => {
    const info = programInfo(host, fd);
    return {
      info,
      name: fullProgramName(host, fd),
      loadedAt: Number((bootTime + info.loadTime) / NANOSECONDS),
      metadata: programMetadata(host, info.mapIds),
      holders: holders.get(info.id),
      pins,
    };
  };
  const programs = named ? named.fds.map((fd) => read(kernel, fd)) : [...eachObject(kernel, "prog", read)];
  return {
    text: () => programs.map(programText).join(""),
    json: () => (!all && programs.length === 1 ? programJson(programs[0]!) : programs.map(programJson)),
  };
};

function programText(program: ShownProgram): string {
  const { info, loadedAt, metadata, holders, pins } = program;
  const loaded = info.loadTime === 0n ? "" : `\tloaded_at ${localTime(loadedAt)}  uid ${info.createdByUid}\n`;
  const jited = info.jitedSize > 0 ? `jited ${info.jitedSize}B` : "not jited";
  const memlock = info.memlock === undefined ? "" : `  memlock ${info.memlock}B`;
  const maps = info.mapIds.length > 0 ? `  map_ids ${info.mapIds.join(",")}` : "";
  const btf = info.btfId === 0 ? "" : `\n\tbtf_id ${info.btfId}`;
  return `${headText(program)}${loaded}\txlated ${info.xlatedSize}B  ${jited}${memlock}${maps}${pinnedText(pins, info.id)}${btf}${holdersText(holders)}\n${metadataText(metadata)}`;
}

function programJson(program: ShownProgram): Json {
  const { info, loadedAt, metadata, holders, pins } = program;
  const jited = info.jitedSize > 0;
  return {
    ...headJson(program),
    dev: offloadJson(info),
    ...(info.loadTime > 0n && { loaded_at: loadedAt, uid: info.createdByUid }),
    // Programs of devices that went away; what is told of is in the kernel.
    orphaned: false,
    bytes_xlated: info.xlatedSize,
    jited,
    bytes_jited: jited ? info.jitedSize : undefined,
    bytes_memlock: info.memlock,
    map_ids: info.mapIds.length > 0 ? info.mapIds : undefined,
    btf_id: info.btfId === 0 ? undefined : info.btfId,
    pinned: pinnedJson(pins, info.id),
    pids: holdersJson(holders),
    metadata: metadataJson(metadata),
  };
}

/** Nanoseconds since 1970; the clocks are read around each other, as no call reads both. */
function timeOfBoot(kernel: Kernel): bigint {
  const before = kernel.clock("boottime");
  const now = kernel.clock("realtime");
  return now - (before + kernel.clock("boottime")) / 2n;
}

/** strftime's `%FT%T%z`. */
function localTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}${zone}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
