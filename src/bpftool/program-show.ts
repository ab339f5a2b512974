import { eachObject, objectHolders, programInfo } from "../inspect/index.ts";
import type { Holder, ProgramInfo } from "../inspect/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import type { Command } from "./command.ts";
import { fullProgramName, openPrograms } from "./handle.ts";
import { holdersJson, holdersText } from "./holders-text.ts";
import type { Json } from "./json.ts";
import { programTypeName } from "./names.ts";

interface ShownProgram {
  readonly info: ProgramInfo;
  readonly name: string;
  /** Seconds since 1970. */
  readonly loadedAt: number;
  readonly holders: readonly Holder[] | undefined;
}

const NANOSECONDS = 1_000_000_000n;

export const showPrograms: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  const holders = objectHolders(kernel.files, "prog");
  const bootTime = kernel.clock("realtime") - kernel.clock("boottime");
  const read = (host: Kernel, fd: Fd): ShownProgram => {
    const info = programInfo(host, fd);
    return {
      info,
      name: fullProgramName(host, fd),
      loadedAt: Number((bootTime + info.loadTime) / NANOSECONDS),
      holders: holders.get(info.id),
    };
  };
  if (args.left === 0) {
    const programs = [...eachObject(kernel, "prog", read)];
    return { text: () => programs.map(programText).join(""), json: () => programs.map(programJson) };
  }
  const programs = openPrograms(kernel, args).map((fd) => {
    const program = read(kernel, fd);
    kernel.close(fd);
    return program;
  });
  args.end();
  return {
    text: () => programs.map(programText).join(""),
    json: () => (programs.length === 1 ? programJson(programs[0]!) : programs.map(programJson)),
  };
};

function programText({ info, name, loadedAt, holders }: ShownProgram): string {
  const run = info.runTimeNs > 0n ? ` run_time_ns ${info.runTimeNs} run_cnt ${info.runCount}` : "";
  const misses = info.recursionMisses > 0n ? ` recursion_misses ${info.recursionMisses}` : "";
  const type = programTypeName(info.type) ?? `type ${info.type}`;
  const head = `${info.id}: ${type}  ${name === "" ? "" : `name ${name}  `}tag ${info.tag}${info.gplCompatible ? "  gpl" : ""}${run}${misses}\n`;
  const jited = info.jitedSize > 0 ? `jited ${info.jitedSize}B` : "not jited";
  const memlock = info.memlock === undefined ? "" : `  memlock ${info.memlock}B`;
  const maps = info.mapIds.length > 0 ? `  map_ids ${info.mapIds.join(",")}` : "";
  const btf = info.btfId === 0 ? "" : `\n\tbtf_id ${info.btfId}`;
  return `${head}\tloaded_at ${localTime(loadedAt)}  uid ${info.createdByUid}\n\txlated ${info.xlatedSize}B  ${jited}${memlock}${maps}${btf}${holdersText(holders)}\n`;
}

function programJson({ info, name, loadedAt, holders }: ShownProgram): Json {
  const jited = info.jitedSize > 0;
  return {
    id: info.id,
    type: programTypeName(info.type) ?? info.type,
    name: name === "" ? undefined : name,
    tag: info.tag,
    gpl_compatible: info.gplCompatible,
    run_time_ns: info.runTimeNs > 0n ? info.runTimeNs : undefined,
    run_cnt: info.runTimeNs > 0n ? info.runCount : undefined,
    recursion_misses: info.recursionMisses > 0n ? info.recursionMisses : undefined,
    loaded_at: loadedAt,
    uid: info.createdByUid,
    orphaned: false,
    bytes_xlated: info.xlatedSize,
    jited,
    bytes_jited: jited ? info.jitedSize : undefined,
    bytes_memlock: info.memlock,
    map_ids: info.mapIds.length > 0 ? info.mapIds : undefined,
    btf_id: info.btfId === 0 ? undefined : info.btfId,
    pids: holdersJson(holders),
  };
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
