import { eachObject, linkInfo, objectHolders, programInfo, withObject } from "../inspect/index.ts";
import type { Holder, LinkDetail, LinkInfo } from "../inspect/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { HostFiles, Kernel } from "../kernel/index.ts";
import type { Command } from "./command.ts";
import { openById } from "./handle.ts";
import { holdersJson, holdersText } from "./holders-text.ts";
import type { Json } from "./json.ts";
import { attachTypeName, linkTypeName, perfConfigName, perfTypeName, programTypeName } from "./names.ts";
import { ToolError } from "./tool-error.ts";

interface ShownLink {
  readonly info: LinkInfo;
  /** BPF_PROG_TYPE number of its program; undefined if it went away. */
  readonly programType: number | undefined;
  readonly holders: readonly Holder[] | undefined;
}

export const showLinks: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  const holders = objectHolders(kernel.files, "link");
  const shown = (info: LinkInfo): ShownLink => ({
    info,
    programType: info.detail.kind === "tracing" ? programTypeOf(kernel, info.programId) : undefined,
    holders: holders.get(info.id),
  });
  const { files } = kernel;
  if (args.left === 0) {
    const links = [...eachObject(kernel, "link", linkInfo)].map(shown);
    return {
      text: () => links.map((link) => linkText(files, link)).join(""),
      json: () => links.map((link) => linkJson(files, link)),
    };
  }
  const fd = args.accept("pinned")
    ? kernel.bpf("OBJ_GET", { pathname: args.take("path") })
    : openLinkById(kernel, args.accept("id") ? args.number("id") : undefined);
  const link = shown(linkInfo(kernel, fd));
  kernel.close(fd);
  args.end();
  return { text: () => linkText(files, link), json: () => linkJson(files, link) };
};

function openLinkById(kernel: Kernel, id: number | undefined): ReturnType<typeof openById> {
  if (id === undefined) throw new ToolError("expected 'id' or 'pinned', as LINK asks for");
  return openById(kernel, "link", id);
}

function programTypeOf(kernel: Kernel, id: number): number | undefined {
  try {
    return withObject(kernel, "prog", id, (fd) => programInfo(kernel, fd).type);
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
}

function linkText(files: HostFiles, { info, programType, holders }: ShownLink): string {
  const type = linkTypeName(info.type) ?? `type ${info.type}`;
  const { detail } = info;
  const object =
    detail.kind === "map" && detail.attachType === undefined
      ? `map ${detail.mapId}`
      : `prog ${info.programId}`;
  return `${info.id}: ${type}  ${object}  ${detailText(files, detail, programType)}${holdersText(holders)}\n`;
}

function detailText(files: HostFiles, detail: LinkDetail, programType: number | undefined): string {
  switch (detail.kind) {
    case "raw_tracepoint":
      return `\n\ttp '${detail.name}'  ${cookieText(detail.cookie)}`;
    case "tracing": {
      const type =
        programType === undefined ? "" : `\n\tprog_type ${programTypeName(programType) ?? programType}  `;
      const target =
        detail.targetObjectId !== 0 || detail.targetBtfId !== 0
          ? `\n\ttarget_obj_id ${detail.targetObjectId}  target_btf_id ${detail.targetBtfId}  `
          : "";
      const cookie = detail.cookie === 0n ? "" : `\n\tcookie ${detail.cookie}  `;
      return `${type}${attachText(detail.attachType)}${target}${cookie}`;
    }
    case "cgroup":
      return `\n\tcgroup_id ${detail.cgroupId}  ${attachText(detail.attachType)}`;
    case "netns":
      return `\n\tnetns_ino ${detail.inode}  ${attachText(detail.attachType)}`;
    case "interface":
      return `\n\tifindex ${interfaceName(files, detail.ifindex)}  ${attachText(detail.attachType)}`;
    case "map":
      return detail.attachType === undefined
        ? ""
        : `\n\tmap_id ${detail.mapId}  ${attachText(detail.attachType)}`;
    case "iter":
      return `\n\ttarget_name ${detail.target}  ${detail.mapId === 0 ? "" : `map_id ${detail.mapId}  `}`;
    case "netfilter":
      return `\n\tpf ${detail.family} hook ${detail.hook} prio ${detail.priority}${detail.flags === 0 ? "" : ` flags 0x${detail.flags.toString(16)}`}`;
    case "kprobe_multi": {
      const missed = detail.missed === 0n ? "" : `missed ${detail.missed}  `;
      return `\n\t${detail.return ? "kretprobe.multi" : "kprobe.multi"}  func_cnt ${detail.addresses.length}  ${missed}`;
    }
    case "uprobe_multi": {
      const pid = detail.pid === 0 ? "" : `pid ${detail.pid}  `;
      return `\n\t${detail.return ? "uretprobe.multi" : "uprobe.multi"}  path ${detail.path}  func_cnt ${detail.offsets.length}  ${pid}`;
    }
    case "kprobe": {
      const address = detail.address === 0n ? "" : `${detail.address.toString(16)} `;
      const offset = detail.offset === 0 ? "" : `+0x${detail.offset.toString(16)}`;
      const missed = detail.missed === 0n ? "" : `  missed ${detail.missed}`;
      return `\n\t${detail.return ? "kretprobe" : "kprobe"} ${address}${detail.function}${offset}${missed}  ${cookieText(detail.cookie)}`;
    }
    case "uprobe":
      return `\n\t${detail.return ? "uretprobe" : "uprobe"} ${detail.path}+0x${detail.offset.toString(16)}  ${cookieText(detail.cookie)}`;
    case "tracepoint":
      return `\n\ttracepoint ${detail.name}  ${cookieText(detail.cookie)}`;
    case "event":
      return `\n\tevent ${perfTypeName(detail.type) ?? detail.type}:${perfConfigName(detail.type, detail.config) ?? detail.config}  ${cookieText(detail.cookie)}`;
    case "none":
      return "";
  }
}

function linkJson(files: HostFiles, { info, programType, holders }: ShownLink): Json {
  return {
    id: info.id,
    type: linkTypeName(info.type) ?? info.type,
    ...(info.detail.kind === "map" && info.detail.attachType === undefined
      ? { map_id: info.detail.mapId }
      : { prog_id: info.programId }),
    ...detailJson(files, info.detail, programType),
    pids: holdersJson(holders),
  };
}

function detailJson(
  files: HostFiles,
  detail: LinkDetail,
  programType: number | undefined,
): { readonly [name: string]: Json | undefined } {
  switch (detail.kind) {
    case "raw_tracepoint":
      return { tp_name: detail.name, cookie: detail.cookie };
    case "tracing":
      return {
        prog_type: programType === undefined ? undefined : (programTypeName(programType) ?? programType),
        attach_type: attachJson(detail.attachType),
        target_obj_id: detail.targetObjectId,
        target_btf_id: detail.targetBtfId,
        cookie: detail.cookie,
      };
    case "cgroup":
      return { cgroup_id: detail.cgroupId, attach_type: attachJson(detail.attachType) };
    case "netns":
      return { netns_ino: detail.inode, attach_type: attachJson(detail.attachType) };
    case "interface":
      return {
        devname: interfaceName(files, detail.ifindex).replace(/\(\d+\)$/, ""),
        ifindex: detail.ifindex,
        attach_type: attachJson(detail.attachType),
      };
    case "map":
      return detail.attachType === undefined
        ? {}
        : { map_id: detail.mapId, attach_type: attachJson(detail.attachType) };
    case "iter":
      return { target_name: detail.target, map_id: detail.mapId === 0 ? undefined : detail.mapId };
    case "netfilter":
      return { pf: detail.family, hook: detail.hook, prio: detail.priority, flags: detail.flags };
    case "kprobe_multi":
      return {
        retprobe: detail.return,
        func_cnt: detail.addresses.length,
        missed: detail.missed,
        funcs: detail.addresses.map((addr, index) => ({ addr, cookie: detail.cookies[index] })),
      };
    case "uprobe_multi":
      return {
        retprobe: detail.return,
        path: detail.path,
        func_cnt: detail.offsets.length,
        pid: detail.pid,
        funcs: detail.offsets.map((offset) => ({ offset })),
      };
    case "kprobe":
      return {
        retprobe: detail.return,
        addr: detail.address,
        func: detail.function,
        offset: detail.offset,
        missed: detail.missed,
        cookie: detail.cookie,
      };
    case "uprobe":
      return { retprobe: detail.return, file: detail.path, offset: detail.offset, cookie: detail.cookie };
    case "tracepoint":
      return { tracepoint: detail.name, cookie: detail.cookie };
    case "event":
      return {
        event_type: perfTypeName(detail.type) ?? detail.type,
        event_config: perfConfigName(detail.type, detail.config) ?? detail.config,
        cookie: detail.cookie,
      };
    case "none":
      return {};
  }
}

function cookieText(cookie: bigint): string {
  return cookie === 0n ? "" : `cookie ${cookie}  `;
}

function attachText(type: number | undefined): string {
  return type === undefined ? "" : `attach_type ${attachTypeName(type) ?? type}  `;
}

function attachJson(type: number | undefined): Json | undefined {
  return type === undefined ? undefined : (attachTypeName(type) ?? type);
}

/** `lo(1)`; an interface that is gone, or of another network namespace, is `(unknown)(9)`. */
function interfaceName(files: HostFiles, ifindex: number): string {
  const name = files.directory("/sys/class/net").find((device) => {
    const index = files.read(`/sys/class/net/${device}/ifindex`);
    return index && Number(Buffer.from(index).toString()) === ifindex;
  });
  return `${name ?? "(unknown)"}(${ifindex})`;
}
