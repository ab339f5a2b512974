import type { KernelRelease } from "../../../src/kernel/index.ts";
import type { ComparedCommand } from "./commands.ts";

/** A difference that is meant: what it is about, why, and how both answers are made alike for the rest. */
export interface MeantDifference {
  readonly what: string;
  readonly why: string;
  /** The first kernel without it. */
  readonly before?: readonly [major: number, minor: number];
  readonly applies: (command: ComparedCommand) => boolean;
  /** Takes the difference out of both answers; what is alike stays. */
  readonly level?: (text: string) => string;
  /** Puts it into bpfkit's answer, where that says what bpftool prints. */
  readonly asPeer?: (own: string, peer: string) => string;
}

const has =
  (...words: readonly string[]) =>
  ({ words: given }: ComparedCommand): boolean =>
    words.every((word) => given.includes(word));

/** Exit codes that bpftool gives by accident. */
export function meantCode(
  command: ComparedCommand,
  release: KernelRelease,
  own: number,
  peer: number,
): boolean {
  if (own === peer) return true;
  const accident = has("link", "show")(command) || (has("cgroup", "show")(command) && older(release, [6, 0]));
  return own === 0 && peer === 255 && accident;
}

function older(release: KernelRelease, [major, minor]: readonly [number, number]): boolean {
  return release.major < major || (release.major === major && release.minor < minor);
}

const same = (text: string): string => text;

/** Each map without types gets the `btf_id` of the map before it, in text and in JSON, where bpftool has more. */
function carryBtfId(text: string, peer: string): string {
  const [own, more] = [text, peer].map((answer) => answer.split("btf_id").length);
  if (more! <= own!) return text;
  let last: string | undefined;
  if (!text.startsWith("["))
    return text.replace(/^\d+: .*\n(?:\t.*\n)*/gm, (map) => {
      const own = /\n\tbtf_id (\d+)/.exec(map)?.[1];
      if (own !== undefined || last === undefined) {
        last = own ?? last;
        return map;
      }
      return map.includes("\n\tfrozen")
        ? map.replace("\n\tfrozen", `\n\tbtf_id ${last}  frozen`)
        : `${map}\tbtf_id ${last}\n`;
    });
  return text.replace(/"frozen": ?[01](?:,(\s*)"btf_id": ?(\d+))?/g, (map, _, own?: string) => {
    if (own !== undefined || last === undefined) {
      last = own ?? last;
      return map;
    }
    return `${map},"btf_id":${last}`;
  });
}

export const MEANT_DIFFERENCES: readonly MeantDifference[] = [
  {
    what: "pids",
    why: "bpfkit reads who holds an object from /proc; this bpftool was built without its iterator program",
    applies: ({ words }) => words.some((word) => /^(show|list|l|s|p|batch|b)$/.test(word)),
    level: (text) => text.replace(/\n\tpids .*/g, "").replace(/,\s*"pids": ?\[\{.*?\}\s*\]/gs, ""),
  },
  {
    what: "order of prog_ids and map_ids in btf show",
    why: "bpftool prints them in the order of a hash table; bpfkit ascending",
    applies: has("btf", "show"),
    level: (text) =>
      text.replace(/((?:prog|map)_ids"?:? ?\[?)([\d,]+)/g, (_, head: string, ids: string) => {
        const sorted = ids
          .split(",")
          .map(Number)
          .sort((one, other) => one - other);
        return `${head}${sorted.join(",")}`;
      }),
  },
  {
    what: "btf_id of maps without types, after one that has them",
    why: "since Linux 6.18 the kernel leaves the field alone, and bpftool does not clear it between maps",
    applies: ({ words }) => words.includes("map") && (words.includes("show") || words.includes("list")),
    asPeer: carryBtfId,
  },
  {
    what: "flow_dissector in net show",
    why: "bpftool's JSON has a name without an object there, which is no JSON; bpfkit's has an object",
    applies: has("net", "show"),
    level: (text) => text.replace(/("flow_dissector": ?\[)\s*\{?\s*("id": ?\d+)\s*\}?\s*\]/g, "$1$2]"),
  },
  {
    what: "comment in feature probe macros",
    why: "it is worded anew",
    applies: has("macros"),
    level: (text) => text.replace(/\/\*(?:(?!\*\/)[^])*HAVE_PROG_TYPE_HELPER(?:(?!\*\/)[^])*\*\/\n/, ""),
  },
  {
    what: "exit code of link show LINK",
    why: "bpftool ends with 255 after showing a link that is there; bpfkit with 0",
    applies: has("link", "show"),
  },
  {
    what: "first anonymous enum of sorted C headers",
    why: "bpftool 7.8 loses it; bpfkit prints it, and takes `exact` for bpftool's bytes, which is what is compared",
    applies: has("format", "c"),
  },
  {
    what: "unsigned enumerators above 2^31 in JSON of btf dump",
    why: "bpftool extends their sign to 64 bits",
    applies: ({ words }) => words.includes("btf") && words.includes("dump"),
    asPeer: (own, peer) =>
      own.replace(/("val": ?)(\d{10})(?!\d)/g, (whole, label: string, value: string) => {
        const extended = String(BigInt.asUintN(64, BigInt.asIntN(32, BigInt(value))));
        return peer.includes(`${label}${extended}`) ? `${label}${extended}` : whole;
      }),
  },
  {
    what: "programs of cgroups",
    why: "bpftool asks with a field that kernels before 6.0 do not know, and shows none",
    before: [6, 0],
    applies: ({ words }) => words.some((word) => /^c(?:group)?$/.test(word)),
    asPeer: (_, peer) => peer,
  },
  {
    what: "error in front of JSON of btf dump id",
    why: "bpftool asks for a name, which kernels before 5.11 do not know, tells that, and goes on",
    before: [5, 11],
    applies: has("btf", "dump", "id"),
    level: (text) => text.replace(/^\{"error":"[^"]*"\},/, ""),
  },
  {
    what: "maps of struct_ops in feature probe",
    why: "bpftool asks with a field that kernels before 6.9 do not know, and takes the refusal for a no",
    before: [6, 9],
    applies: has("feature", "probe"),
    level: (text) =>
      text
        .replace(/(map_type struct_ops is )(?:NOT )?/, "$1")
        .replace(/_(?:NO_)?HAVE_STRUCT_OPS_MAP_TYPE/, "_HAVE_STRUCT_OPS_MAP_TYPE")
        .replace(/("have_struct_ops_map_type": ?)(?:true|false)/, "$1"),
  },
];

/** Both answers with the meant differences taken out, and which were. */
export function level(
  command: ComparedCommand,
  release: KernelRelease,
  own: string,
  peer: string,
): { readonly own: string; readonly peer: string; readonly used: readonly string[] } {
  const used: string[] = [];
  let texts = { own, peer };
  for (const { what, before, applies, level: apply = same, asPeer = same } of MEANT_DIFFERENCES) {
    if (texts.own === texts.peer || (before && !older(release, before)) || !applies(command)) continue;
    const peers = apply(texts.peer);
    const next = { own: asPeer(apply(texts.own), peers), peer: peers };
    if (next.own !== texts.own || next.peer !== texts.peer) used.push(what);
    texts = next;
  }
  return { ...texts, used };
}
