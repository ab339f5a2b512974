import type { LinkDetail } from "../inspect/index.ts";
import { holdersText } from "./holders-text.ts";
import { attachName, cgroupOrder, iteratorScope, probedFunctions } from "./link-detail.ts";
import type { LinkSurroundings, ShownLink } from "./link-detail.ts";
import { linkTypeName, perfConfigName, perfTypeName, programTypeName } from "./names.ts";
import { netfilterText } from "./netfilter-text.ts";
import { pinnedText } from "./pinned-text.ts";

export function linkText(surroundings: LinkSurroundings, { info, programType, holders }: ShownLink): string {
  const type = linkTypeName(info.type) ?? `type ${info.type}`;
  const { detail } = info;
  const object =
    detail.kind === "map" && detail.attachType === undefined
      ? `map ${detail.mapId}`
      : `prog ${info.programId}`;
  const text = detailText(surroundings, detail, programType);
  return `${info.id}: ${type}  ${object}  ${text}${pinnedText(surroundings.pins, info.id)}${holdersText(holders)}\n`;
}

function detailText(
  surroundings: LinkSurroundings,
  detail: LinkDetail,
  programType: number | undefined,
): string {
  switch (detail.kind) {
    case "raw_tracepoint":
      return `\n\ttp '${detail.name}'  ${cookieText(detail.cookie)}`;
    case "tracing":
      return tracingText(detail, programType);
    case "cgroup":
      return `\n\tcgroup_id ${detail.cgroupId}  ${attachText(detail.attachType)}`;
    case "netns":
      return `\n\tnetns_ino ${detail.inode}  ${attachText(detail.attachType)}`;
    case "interface":
      return `\n\tifindex ${interfaceText(surroundings, detail.ifindex)}  ${attachText(detail.attachType)}`;
    case "map":
      return detail.attachType === undefined
        ? ""
        : `\n\tmap_id ${detail.mapId}  ${attachText(detail.attachType)}`;
    case "iter":
      return iteratorText(detail);
    case "netfilter":
      return netfilterText(detail);
    case "kprobe_multi":
      return kprobeMultiText(surroundings, detail);
    case "uprobe_multi":
      return uprobeMultiText(detail);
    case "kprobe":
      return kprobeText(detail);
    case "uprobe": {
      if (detail.path === "") return "";
      const counter =
        detail.counterOffset === 0n ? "" : `ref_ctr_offset 0x${detail.counterOffset.toString(16)}  `;
      return `\n\t${detail.return ? "uretprobe" : "uprobe"} ${detail.path}+${alternateHex(detail.offset)}  ${cookieText(detail.cookie)}${counter}`;
    }
    case "tracepoint":
      return detail.name === "" ? "" : `\n\ttracepoint ${detail.name}  ${cookieText(detail.cookie)}`;
    case "event":
      return `\n\tevent ${perfTypeName(detail.type) ?? `${detail.type} `}:${perfConfigName(detail.type, detail.config) ?? detail.config}  ${cookieText(detail.cookie)}`;
    case "none":
      return "";
  }
}

function tracingText(
  detail: Extract<LinkDetail, { kind: "tracing" }>,
  programType: number | undefined,
): string {
  const type =
    programType === undefined ? "" : `\n\tprog_type ${programTypeName(programType) ?? programType}  `;
  const target =
    detail.targetObjectId === 0 && detail.targetBtfId === 0
      ? ""
      : `\n\ttarget_obj_id ${detail.targetObjectId}  target_btf_id ${detail.targetBtfId}  `;
  const cookie = detail.cookie === 0n ? "" : `\n\tcookie ${detail.cookie}  `;
  return `${type}${attachText(detail.attachType)}${target}${cookie}`;
}

/** On the link's own line, as the only kind. */
function iteratorText(detail: Extract<LinkDetail, { kind: "iter" }>): string {
  const head = `target_name ${detail.target}  `;
  switch (iteratorScope(detail.target)) {
    case "map":
      return `${head}map_id ${detail.mapId}  `;
    case "task":
      return `${head}${detail.tid === 0 ? (detail.pid === 0 ? "" : `pid ${detail.pid} `) : `tid ${detail.tid} `}`;
    case "cgroup":
      return `${head}cgroup_id ${detail.cgroupId}  order ${cgroupOrder(detail.cgroupOrder)}  `;
    case undefined:
      return head;
  }
}

function kprobeMultiText(
  { functions }: LinkSurroundings,
  detail: Extract<LinkDetail, { kind: "kprobe_multi" }>,
): string {
  if (detail.addresses.length === 0) return "";
  const missed = detail.missed === 0n ? "" : `missed ${detail.missed}  `;
  const rows = probedFunctions(detail, functions()).map(({ address, cookie, name, module }) => {
    const place = `${address.toString(16).padStart(16, "0")} ${cookie.toString(16).padEnd(16)} ${name}`;
    return `\n\t${place}${module === undefined ? "" : ` [${module}]`}  `;
  });
  const head = `\n\t${"addr".padEnd(16)} ${"cookie".padEnd(16)} func [module]`;
  return `\n\t${detail.return ? "kretprobe.multi" : "kprobe.multi"}  func_cnt ${detail.addresses.length}  ${missed}${head}${rows.join("")}`;
}

function uprobeMultiText(detail: Extract<LinkDetail, { kind: "uprobe_multi" }>): string {
  if (detail.offsets.length === 0) return "";
  const pid = detail.pid === 0 ? "" : `pid ${detail.pid}  `;
  const rows = detail.offsets.map(
    (offset, index) =>
      `\n\t${cell(offset)} ${cell(detail.counterOffsets[index])} ${cell(detail.cookies[index])}`,
  );
  const head = `\n\t${"offset".padEnd(16)}   ${"ref_ctr_offset".padEnd(16)}   ${"cookies".padEnd(16)}`;
  return `\n\t${detail.return ? "uretprobe.multi" : "uprobe.multi"}  path ${detail.path}  func_cnt ${detail.offsets.length}  ${pid}${head}${rows.join("")}`;
}

function cell(value: bigint = 0n): string {
  return `0x${value.toString(16).padEnd(16)}`;
}

function kprobeText(detail: Extract<LinkDetail, { kind: "kprobe" }>): string {
  if (detail.function === "" && detail.address === 0n) return "";
  const address = detail.address === 0n ? "" : `${detail.address.toString(16)} `;
  const offset = detail.offset === 0 ? "" : `+0x${detail.offset.toString(16)}`;
  const missed = detail.missed === 0n ? "" : `  missed ${detail.missed}`;
  const cookie = detail.cookie === 0n ? "" : `  cookie ${detail.cookie}`;
  return `\n\t${detail.return ? "kretprobe" : "kprobe"} ${address}${detail.function}${offset}${missed}${cookie}  `;
}

/** printf's %#x: zero has no prefix. */
function alternateHex(value: number): string {
  return value === 0 ? "0" : `0x${value.toString(16)}`;
}

function cookieText(cookie: bigint): string {
  return cookie === 0n ? "" : `cookie ${cookie}  `;
}

function attachText(type: number | undefined): string {
  return type === undefined ? "" : `attach_type ${attachName(type)}  `;
}

/** `lo(1)`; `(unknown)` for one of another network namespace, `(detached)` for one that is gone. */
function interfaceText({ interfaceName }: LinkSurroundings, index: number): string {
  if (index === 0) return "(detached)";
  const name = interfaceName(index);
  return name === undefined ? "(unknown)" : `${name}(${index})`;
}
