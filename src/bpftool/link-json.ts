import type { LinkDetail } from "../inspect/index.ts";
import { holdersJson } from "./holders-text.ts";
import type { Json } from "./json.ts";
import { attachName, cgroupOrder, iteratorScope, probedFunctions } from "./link-detail.ts";
import type { LinkSurroundings, ShownLink } from "./link-detail.ts";
import { linkTypeName, perfConfigName, perfTypeName, programTypeName } from "./names.ts";
import { netfilterJson } from "./netfilter-text.ts";
import { pinnedJson } from "./pinned-text.ts";

export function linkJson(
  surroundings: LinkSurroundings,
  { info, programType, holders }: ShownLink,
): { readonly [name: string]: Json | undefined } {
  return {
    id: info.id,
    type: linkTypeName(info.type) ?? info.type,
    // 0 of a struct_ops link, which has a map.
    prog_id: info.programId,
    ...detailJson(surroundings, info.detail, programType),
    pinned: pinnedJson(surroundings.pins, info.id),
    pids: holdersJson(holders),
  };
}

function detailJson(
  surroundings: LinkSurroundings,
  detail: LinkDetail,
  programType: number | undefined,
): { readonly [name: string]: Json | undefined } {
  switch (detail.kind) {
    case "raw_tracepoint":
      return { tp_name: detail.name, cookie: detail.cookie };
    case "tracing":
      return {
        prog_type: programType === undefined ? undefined : (programTypeName(programType) ?? programType),
        attach_type: attachName(detail.attachType),
        target_obj_id: detail.targetObjectId,
        target_btf_id: detail.targetBtfId,
        cookie: detail.cookie,
      };
    case "cgroup":
      return { cgroup_id: detail.cgroupId, attach_type: attachName(detail.attachType) };
    case "netns":
      return { netns_ino: detail.inode, attach_type: attachName(detail.attachType) };
    case "interface":
      return {
        devname:
          detail.ifindex === 0 ? "(detached)" : (surroundings.interfaceName(detail.ifindex) ?? "(unknown)"),
        ifindex: detail.ifindex,
        attach_type: detail.attachType === undefined ? undefined : attachName(detail.attachType),
      };
    case "map":
      return {
        map_id: detail.mapId,
        attach_type: detail.attachType === undefined ? undefined : attachName(detail.attachType),
      };
    case "iter":
      return iteratorJson(detail);
    case "netfilter":
      return netfilterJson(detail);
    case "kprobe_multi":
      return {
        retprobe: detail.return,
        func_cnt: detail.addresses.length,
        missed: detail.missed,
        funcs: probedFunctions(detail, surroundings.functions()).map(
          ({ address, cookie, name, module = null }) => ({ addr: address, func: name, module, cookie }),
        ),
      };
    case "uprobe_multi":
      return {
        retprobe: detail.return,
        path: detail.path,
        func_cnt: detail.offsets.length,
        pid: detail.pid,
        funcs: detail.offsets.map((offset, index) => ({
          offset,
          ref_ctr_offset: detail.counterOffsets[index],
          cookie: detail.cookies[index],
        })),
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
      return {
        retprobe: detail.return,
        file: detail.path,
        offset: detail.offset,
        cookie: detail.cookie,
        ref_ctr_offset: detail.counterOffset,
      };
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

function iteratorJson(detail: Extract<LinkDetail, { kind: "iter" }>): {
  readonly [name: string]: Json | undefined;
} {
  const head = { target_name: detail.target };
  switch (iteratorScope(detail.target)) {
    case "map":
      return { ...head, map_id: detail.mapId };
    case "task":
      if (detail.tid !== 0) return { ...head, tid: detail.tid };
      return { ...head, pid: detail.pid === 0 ? undefined : detail.pid };
    case "cgroup":
      return { ...head, cgroup_id: detail.cgroupId, order: cgroupOrder(detail.cgroupOrder) };
    case undefined:
      return head;
  }
}
