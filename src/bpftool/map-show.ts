import { eachObject, mapInfo, objectHolders, pinnedPaths } from "../inspect/index.ts";
import type { Holder, MapInfo, PinnedPaths } from "../inspect/index.ts";
import type { Command } from "./command.ts";
import { openAll } from "./handle.ts";
import { holdersJson, holdersText } from "./holders-text.ts";
import { RawJson } from "./json.ts";
import type { Json } from "./json.ts";
import { mapTypeName, programTypeName } from "./names.ts";
import { offloadJson, offloadText } from "./offload-text.ts";
import { pinnedJson, pinnedText } from "./pinned-text.ts";

/** Who has a map open, and where it is pinned. */
interface Owners {
  readonly holders: ReadonlyMap<number, readonly Holder[]>;
  readonly pins: PinnedPaths | undefined;
}

/** map show [MAP]. */
export const showMaps: Command = async ({ args, kernel: open, options }) => {
  const kernel = await open();
  const all = args.left === 0;
  using named = all ? undefined : openAll(kernel, "map", args);
  args.end();
  const maps = named ? named.fds.map((fd) => mapInfo(kernel, fd)) : [...eachObject(kernel, "map", mapInfo)];
  const owners: Owners = {
    holders: objectHolders(kernel.files, "map"),
    pins: options.pins ? pinnedPaths(kernel, "map") : undefined,
  };
  return {
    text: () => maps.map((info) => mapText(info, owners)).join(""),
    json: () =>
      !all && maps.length === 1 ? mapJson(maps[0]!, owners) : maps.map((info) => mapJson(info, owners)),
  };
};

/** The line that names a map, also in front of its elements in dumps of several. */
export function mapHeadText(info: MapInfo): string {
  const name = info.name === "" ? "" : `name ${info.name}  `;
  const type = mapTypeName(info.type) ?? `type ${info.type}`;
  return `${info.id}: ${type}  ${name}flags 0x${info.flags.toString(16)}${offloadText(info)}\n`;
}

export function mapHeadJson(info: MapInfo): { readonly [name: string]: Json | undefined } {
  return {
    id: info.id,
    type: mapTypeName(info.type) ?? info.type,
    name: info.name === "" ? undefined : info.name,
    flags: info.flags,
  };
}

function mapText(info: MapInfo, { holders, pins }: Owners): string {
  const memlock = info.memlock === undefined ? "" : `  memlock ${info.memlock}B`;
  const owner =
    info.ownerProgramType === undefined
      ? ""
      : `\n\towner_prog_type ${programTypeName(info.ownerProgramType) ?? info.ownerProgramType}  ${info.ownerJited === true ? "owner jited" : "owner not jited"}`;
  const btf = info.btfId > 0 ? `\n\tbtf_id ${info.btfId}` : "";
  const frozen = info.frozen ? `${info.btfId > 0 ? "  " : "\n\t"}frozen` : "";
  return `${mapHeadText(info)}\tkey ${info.keySize}B  value ${info.valueSize}B  max_entries ${info.maxEntries}${memlock}${owner}${pinnedText(pins, info.id)}${btf}${frozen}${holdersText(holders.get(info.id))}\n`;
}

function mapJson(info: MapInfo, { holders, pins }: Owners): Json {
  return {
    ...mapHeadJson(info),
    dev: offloadJson(info),
    bytes_key: info.keySize,
    bytes_value: info.valueSize,
    max_entries: info.maxEntries,
    bytes_memlock: info.memlock,
    owner_prog_type:
      info.ownerProgramType === undefined
        ? undefined
        : (programTypeName(info.ownerProgramType) ?? info.ownerProgramType),
    owner_jited: info.ownerJited,
    frozen: new RawJson(info.frozen ? "1" : "0"),
    btf_id: info.btfId > 0 ? info.btfId : undefined,
    pinned: pinnedJson(pins, info.id),
    pids: holdersJson(holders.get(info.id)),
  };
}
