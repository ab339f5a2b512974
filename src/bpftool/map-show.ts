import { eachObject, mapInfo, objectHolders } from "../inspect/index.ts";
import type { Holder, MapInfo } from "../inspect/index.ts";
import type { Command } from "./command.ts";
import { openMaps } from "./handle.ts";
import { holdersJson, holdersText } from "./holders-text.ts";
import { RawJson } from "./json.ts";
import type { Json } from "./json.ts";
import { mapTypeName, programTypeName } from "./names.ts";

type Holders = ReadonlyMap<number, readonly Holder[]>;

export const showMaps: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  const holders = objectHolders(kernel.files, "map");
  const all = args.left === 0;
  const maps = all
    ? [...eachObject(kernel, "map", mapInfo)]
    : openMaps(kernel, args).map((fd) => {
        const info = mapInfo(kernel, fd);
        kernel.close(fd);
        return info;
      });
  args.end();
  return {
    text: () => maps.map((info) => mapText(info, holders)).join(""),
    json: () =>
      !all && maps.length === 1 ? mapJson(maps[0]!, holders) : maps.map((info) => mapJson(info, holders)),
  };
};

function mapText(info: MapInfo, holders: Holders): string {
  const name = info.name === "" ? "" : `name ${info.name}  `;
  const type = mapTypeName(info.type) ?? `type ${info.type}`;
  const memlock = info.memlock === undefined ? "" : `  memlock ${info.memlock}B`;
  const owner =
    info.ownerProgramType === undefined
      ? ""
      : `\n\towner_prog_type ${programTypeName(info.ownerProgramType) ?? `type ${info.ownerProgramType}`}  ${info.ownerJited ? "owner jited" : "owner not jited"}`;
  const btf = info.btfId > 0 ? `\n\tbtf_id ${info.btfId}` : "";
  const frozen = info.frozen ? `${info.btfId > 0 ? "  " : "\n\t"}frozen` : "";
  return `${info.id}: ${type}  ${name}flags 0x${info.flags.toString(16)}\n\tkey ${info.keySize}B  value ${info.valueSize}B  max_entries ${info.maxEntries}${memlock}${owner}${btf}${frozen}${holdersText(holders.get(info.id))}\n`;
}

function mapJson(info: MapInfo, holders: Holders): Json {
  return {
    id: info.id,
    type: mapTypeName(info.type) ?? info.type,
    name: info.name === "" ? undefined : info.name,
    flags: info.flags,
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
    pids: holdersJson(holders.get(info.id)),
  };
}
