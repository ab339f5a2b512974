import type { ComparedCommand } from "./commands.ts";

/** A difference that is meant: what it is about, why, and how both answers are made alike for the rest. */
export interface MeantDifference {
  readonly what: string;
  readonly why: string;
  readonly applies: (command: ComparedCommand) => boolean;
  readonly level: (text: string) => string;
}

const has =
  (...words: readonly string[]) =>
  ({ words: given }: ComparedCommand): boolean =>
    words.every((word) => given.includes(word));

/** Exit codes that bpftool gives by accident, after an answer that is whole. */
export function meantCode(command: ComparedCommand, own: number, peer: number): boolean {
  return own === peer || (own === 0 && peer === 255 && has("link", "show")(command));
}

export const MEANT_DIFFERENCES: readonly MeantDifference[] = [
  {
    what: "pids",
    why: "bpfkit reads who holds an object from /proc; this bpftool was built without its iterator program",
    applies: has("show"),
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
    applies: has("map", "show"),
    level: (text) =>
      text
        .replace(/\n\tbtf_id \d+(?: {2}(frozen))?/g, (_, frozen?: string) => (frozen ? "\n\tfrozen" : ""))
        .replace(/,\s*"btf_id": ?\d+/g, ""),
  },
  {
    what: "flow_dissector in net show",
    why: "bpftool's JSON has a name without an object there, which is no JSON; bpfkit's has an object",
    applies: has("net", "show"),
    level: (text) => text.replace(/("flow_dissector": ?\[)\s*\{?\s*("id": ?\d+)\s*\}?\s*\]/g, "$1$2]"),
  },
  {
    what: "exit code of link show LINK",
    why: "bpftool ends with 255 after showing a link that is there; bpfkit with 0",
    applies: has("link", "show"),
    level: (text) => text,
  },
  {
    what: "first anonymous enum of sorted C headers",
    why: "bpftool 7.8 loses it; bpfkit prints it, and takes `exact` for bpftool's bytes, which is what is compared",
    applies: has("format", "c"),
    level: (text) => text,
  },
];

/** Both answers with the meant differences taken out, and which were. */
export function level(
  command: ComparedCommand,
  own: string,
  peer: string,
): { readonly own: string; readonly peer: string; readonly used: readonly string[] } {
  const used: string[] = [];
  let texts = { own, peer };
  for (const { what, applies, level: apply } of MEANT_DIFFERENCES) {
    if (texts.own === texts.peer || !applies(command)) continue;
    const next = { own: apply(texts.own), peer: apply(texts.peer) };
    if (next.own !== texts.own || next.peer !== texts.peer) used.push(what);
    texts = next;
  }
  return { ...texts, used };
}
