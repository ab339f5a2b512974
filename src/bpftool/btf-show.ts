import { btfInfo, eachObject, mapInfo, objectHolders, programInfo } from "../inspect/index.ts";
import type { BtfInfo, Holder } from "../inspect/index.ts";
import type { Kernel } from "../kernel/index.ts";
import type { Arguments } from "./arguments.ts";
import type { Command } from "./command.ts";
import { openById } from "./handle.ts";
import { ToolError } from "./tool-error.ts";
import { holdersJson, holdersText } from "./holders-text.ts";

interface ShownBtf {
  readonly info: BtfInfo;
  readonly programs: readonly number[];
  readonly maps: readonly number[];
  readonly holders: readonly Holder[] | undefined;
}

export const showBtf: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  const wanted = takeId(args);
  args.end();
  if (wanted !== undefined) requireBtf(kernel, wanted);
  const programs = [...eachObject(kernel, "prog", programInfo)];
  const maps = [...eachObject(kernel, "map", mapInfo)];
  const holders = objectHolders(kernel.files, "btf");
  const shown: ShownBtf[] = [...eachObject(kernel, "btf", btfInfo)]
    .filter(({ id }) => wanted === undefined || id === wanted)
    .map((info) => ({
      info,
      programs: programs.filter(({ btfId }) => btfId === info.id).map(({ id }) => id),
      maps: maps.filter(({ btfId }) => btfId === info.id).map(({ id }) => id),
      holders: holders.get(info.id),
    }));
  return {
    text: () => shown.map(btfText).join(""),
    json: () =>
      shown.map((btf) => ({
        id: btf.info.id,
        size: btf.info.size,
        prog_ids: btf.programs,
        map_ids: btf.maps,
        kernel: btf.info.kernel,
        name: btf.info.name === "" && !btf.info.kernel ? undefined : btf.info.name,
        pids: holdersJson(btf.holders),
      })),
  };
};

/** One that is not there is an error, with the kernel's reason. */
function requireBtf(kernel: Kernel, id: number): void {
  try {
    kernel.close(openById(kernel, "btf", id));
  } catch (error) {
    throw error instanceof ToolError ? new ToolError(error.message, 255, error.hints) : error;
  }
}

function takeId(args: Arguments): number | undefined {
  if (args.left === 0) return undefined;
  args.expect("id");
  return args.id("ID");
}

function btfText({ info, programs, maps, holders }: ShownBtf): string {
  const name = info.kernel ? `name [${info.name}]  ` : `name ${info.name === "" ? "<anon>" : info.name}  `;
  const used = [
    programs.length > 0 ? `  prog_ids ${programs.join(",")}` : "",
    maps.length > 0 ? `  map_ids ${maps.join(",")}` : "",
  ].join("");
  return `${info.id}: ${name}size ${info.size}B${used}${holdersText(holders)}\n`;
}
