import { closeSync, openSync } from "node:fs";
import { eachObject, linkInfo, queryPrograms, withObject } from "../inspect/index.ts";
import type { LinkDetail, QueriedProgram } from "../inspect/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { Kernel } from "../kernel/index.ts";
import {
  bpfFilters,
  networkLinks,
  queueingDisciplines,
  TC_HANDLE,
  trafficClasses,
} from "../netlink/index.ts";
import type { BpfFilter, NetworkLink } from "../netlink/index.ts";
import { BPF_ATTACH_TYPE, ERRNO } from "../uapi/index.ts";
import type { Command } from "./command.ts";
import { deviceNamed } from "./device.ts";
import { fullProgramName } from "./handle.ts";
import type { Json } from "./json.ts";
import { netfilterJson, netfilterText } from "./netfilter-text.ts";

/** What runs programs in this network namespace. */
interface NetPrograms {
  readonly links: readonly NetworkLink[];
  readonly traffic: readonly TrafficProgram[];
  readonly flowDissector: number | undefined;
  readonly netfilter: readonly NetfilterProgram[];
}

type TrafficProgram =
  | {
      readonly kind: "attached";
      readonly link: NetworkLink;
      readonly place: string;
      readonly program: QueriedProgram;
      readonly name: string | undefined;
    }
  | {
      readonly kind: "filter";
      readonly link: NetworkLink;
      readonly place: string;
      readonly filter: BpfFilter;
    };

interface NetfilterProgram {
  readonly programId: number;
  readonly detail: Extract<LinkDetail, { kind: "netfilter" }>;
}

/** net show [dev NAME]. */
export const showNet: Command = async ({ args, kernel: open }) => {
  const named = args.accept("dev") ? args.take("NAME") : undefined;
  args.end();
  const kernel = await open();
  const links =
    named === undefined ? networkLinks(kernel) : [deviceNamed(kernel, named, `invalid devname ${named}`)];
  const net: NetPrograms = {
    flowDissector: flowDissector(kernel),
    links,
    traffic: links.flatMap((link) => [...attachedPrograms(kernel, link), ...filterPrograms(kernel, link)]),
    netfilter: netfilterPrograms(kernel),
  };
  return { text: () => netText(net), json: () => netJson(net) };
};

const PLACES = [
  [BPF_ATTACH_TYPE.TCX_INGRESS, "tcx/ingress"],
  [BPF_ATTACH_TYPE.TCX_EGRESS, "tcx/egress"],
  [BPF_ATTACH_TYPE.NETKIT_PRIMARY, "netkit/primary"],
  [BPF_ATTACH_TYPE.NETKIT_PEER, "netkit/peer"],
] as const;

function attachedPrograms(kernel: Kernel, link: NetworkLink): TrafficProgram[] {
  return PLACES.flatMap(([type, place]) => {
    const programs = queryPrograms(kernel, link.index, type);
    // Kernels without tcx, and interfaces that are no netkit, refuse the question.
    if (programs instanceof SyscallError) return [];
    return programs.map(
      (program) =>
        ({ kind: "attached", link, place, program, name: programName(kernel, program.id) }) as const,
    );
  });
}

function programName(kernel: Kernel, id: number): string | undefined {
  try {
    const name = withObject(kernel, "prog", id, (fd) => fullProgramName(kernel, fd));
    return name === "" ? undefined : name;
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
}

function filterPrograms(kernel: Kernel, link: NetworkLink): TrafficProgram[] {
  const queues = [
    ...trafficClasses(kernel, link.index),
    ...queueingDisciplines(kernel, link.index).filter(
      ({ kind, handle }) => kind !== "clsact" && handle !== 0,
    ),
  ];
  const parents = [
    ...queues.map(({ handle, kind = "unknown" }) => [handle, kind] as const),
    [TC_HANDLE.ROOT, "root"] as const,
    [TC_HANDLE.INGRESS, "clsact/ingress"] as const,
    [TC_HANDLE.EGRESS, "clsact/egress"] as const,
  ];
  return parents.flatMap(([parent, place]) =>
    bpfFilters(kernel, link.index, parent).map(
      (filter) => ({ kind: "filter", link, place, filter }) as const,
    ),
  );
}

/** Of this network namespace; undefined for kernels that cannot tell. */
function flowDissector(kernel: Kernel): number | undefined {
  const namespace = openSync("/proc/self/ns/net", "r");
  try {
    const programs = queryPrograms(kernel, namespace, BPF_ATTACH_TYPE.FLOW_DISSECTOR);
    if (programs instanceof SyscallError) {
      if (programs.errno === ERRNO.EINVAL) return undefined;
      throw programs;
    }
    return programs[0]?.id;
  } finally {
    closeSync(namespace);
  }
}

function netfilterPrograms(kernel: Kernel): NetfilterProgram[] {
  return [...eachObject(kernel, "link", linkInfo)]
    .flatMap(({ programId, detail }) => (detail.kind === "netfilter" ? [{ programId, detail }] : []))
    .sort(
      ({ detail: a }, { detail: b }) =>
        a.family - b.family || a.hook - b.hook || a.priority - b.priority || a.flags - b.flags,
    );
}

function netText({ links, traffic, flowDissector: dissector, netfilter }: NetPrograms): string {
  return [
    "xdp:\n",
    ...links.map(xdpText),
    "\ntc:\n",
    ...traffic.map(trafficText),
    "\nflow_dissector:\n",
    dissector === undefined ? "" : `id ${dissector}`,
    "\nnetfilter:\n",
    ...netfilter.map(({ detail, programId }) => `${netfilterText(detail)} prog_id ${programId}`),
    "\n",
  ].join("");
}

function xdpText({ name, index, xdp }: NetworkLink): string {
  if (!xdp) return "";
  return `${name}(${index})${xdp.programs.map(({ mode, id }) => ` ${mode} id ${id}`).join("")}\n`;
}

function trafficText(program: TrafficProgram): string {
  const head = `${program.link.name}(${program.link.index}) ${program.place}`;
  if (program.kind === "filter") return `${head}${filterText(program.filter)}\n`;
  const { id, flags, linkId, linkFlags } = program.program;
  const name = program.name === undefined ? "" : ` ${program.name}`;
  const flagsText =
    flags === 0
      ? ""
      : `prog_flags ${bits(flags)
          .map((bit) => `${bit} `)
          .join("")}`;
  const linkFlagsText =
    linkFlags === 0
      ? ""
      : `link_flags ${bits(linkFlags)
          .map((bit) => `${bit} `)
          .join("")}`;
  const link = linkId === 0 ? "" : `link_id ${linkId} ${linkFlagsText}`;
  return `${head}${name} prog_id ${id} ${flagsText}${link}\n`;
}

function filterText({ name, id, actions }: BpfFilter): string {
  const parts = [name === undefined ? "" : ` ${name}`, id === undefined ? "" : ` id ${id}`];
  if (!actions) return parts.join("");
  const inner = actions.map(
    (action) => `{${action.name ?? ""}${action.id === undefined ? "" : ` id ${action.id}`}}`,
  );
  return `${parts.join("")} act [${inner.join("")}] `;
}

function netJson({ links, traffic, flowDissector: dissector, netfilter }: NetPrograms): Json {
  return [
    {
      xdp: links.flatMap(({ name, index, xdp }) => {
        if (!xdp) return [];
        const programs = xdp.programs.map(({ mode, id }) => ({ mode, id }));
        return [
          {
            devname: name,
            ifindex: index,
            ...(xdp.multiple ? { multi_attachments: programs } : programs[0]),
          },
        ];
      }),
      tc: traffic.map(trafficJson),
      flow_dissector: dissector === undefined ? [] : [{ id: dissector }],
      netfilter: netfilter.map(({ detail, programId }) => ({ ...netfilterJson(detail), id: programId })),
    },
  ];
}

function trafficJson(program: TrafficProgram): Json {
  const head = { devname: program.link.name, ifindex: program.link.index, kind: program.place };
  if (program.kind === "filter") {
    const { name, id, actions } = program.filter;
    return { ...head, name, id, act: actions?.map((action) => ({ name: action.name, id: action.id })) };
  }
  const { id, flags, linkId, linkFlags } = program.program;
  return {
    ...head,
    name: program.name,
    prog_id: id,
    prog_flags: bits(flags),
    link_id: linkId,
    link_flags: bits(linkFlags),
  };
}

function bits(flags: number): number[] {
  return Array.from({ length: 32 }, (_, bit) => (1 << bit) >>> 0).filter((bit) => (flags & bit) !== 0);
}
