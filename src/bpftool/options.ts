import type { ToolOptions } from "./command.ts";
import { ToolError } from "./tool-error.ts";

type Switch =
  | "json"
  | "pretty"
  | "pins"
  | "noMount"
  | "debug"
  | "mapCompat"
  | "loader"
  | "tree"
  | "help"
  | "version";

interface OptionRow {
  /** Absent: ours alone, with a long name only. */
  readonly short?: string;
  readonly long: string;
  /** Absent: not supported here, for this reason. */
  readonly sets?: Switch | "baseBtf";
  readonly why?: string;
}

const SIGNED =
  "programs are loaded by bpf(2) itself, not through a loader program that is generated and signed";

const OPTIONS: readonly OptionRow[] = [
  { short: "j", long: "json", sets: "json" },
  { short: "p", long: "pretty", sets: "pretty" },
  { short: "f", long: "bpffs", sets: "pins" },
  // Maps defined in a section `maps` are read with and without it.
  { short: "m", long: "mapcompat", sets: "mapCompat" },
  { short: "n", long: "nomount", sets: "noMount" },
  { short: "d", long: "debug", sets: "debug" },
  { short: "B", long: "base-btf", sets: "baseBtf" },
  { long: "tree", sets: "tree" },
  { short: "h", long: "help", sets: "help" },
  { short: "V", long: "version", sets: "version" },
  // It matters to two commands, which say what they do not do.
  { short: "L", long: "use-loader", sets: "loader" },
  { short: "S", long: "sign", why: SIGNED },
  { short: "k", long: "private-key", why: SIGNED },
  { short: "i", long: "identity", why: SIGNED },
];

export interface TakenOptions {
  readonly options: ToolOptions;
  /** The words that are no options. */
  readonly rest: readonly string[];
  readonly help: boolean;
  readonly version: boolean;
}

/**
 * Options may stand anywhere in front of `--`, short ones in one word, as getopt_long(3) takes them.
 * @throws ToolError for those that there are not
 */
export function takeOptions(words: readonly string[]): TakenOptions {
  const set = new Set<Switch>();
  const rest: string[] = [];
  let baseBtf: string | undefined;
  const queue = [...words];
  const take = (row: OptionRow, written: string, value: string | undefined): void => {
    if (row.sets === undefined)
      throw new ToolError(
        `option '${written}' is not supported`,
        255,
        row.why === undefined ? [] : [row.why],
      );
    if (row.sets !== "baseBtf") set.add(row.sets);
    else if ((baseBtf = value ?? queue.shift()) === undefined)
      throw new ToolError(`option '${written}' expects a file`);
  };
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === "--") {
      rest.push(...queue.splice(0));
    } else if (word.startsWith("--")) {
      const [name = "", value] = word.slice(2).split("=", 2);
      take(longOption(name, word), word, value);
    } else if (word.startsWith("-") && word !== "-") {
      for (let at = 1; at < word.length; at++) {
        const row = OPTIONS.find(({ short }) => short === word[at]);
        if (!row) throw unrecognized(word);
        const value = row.sets === "baseBtf" && at + 1 < word.length ? word.slice(at + 1) : undefined;
        take(row, word, value);
        if (row.sets === "baseBtf") break;
      }
    } else rest.push(word);
  }
  const pretty = set.has("pretty");
  return {
    options: {
      json: set.has("json") || pretty,
      pretty,
      pins: set.has("pins"),
      noMount: set.has("noMount"),
      debug: set.has("debug"),
      loader: set.has("loader"),
      tree: set.has("tree"),
      baseBtf,
    },
    rest,
    help: set.has("help"),
    version: set.has("version"),
  };
}

/** Long names may be shortened as far as they stay one. */
function longOption(name: string, word: string): OptionRow {
  const exact = OPTIONS.find(({ long }) => long === name);
  const [only, ...others] = OPTIONS.filter(({ long }) => name !== "" && long.startsWith(name));
  const row = exact ?? (others.length === 0 ? only : undefined);
  if (!row) throw unrecognized(word);
  return row;
}

function unrecognized(word: string): ToolError {
  return new ToolError(`unrecognized option '${word}'`, 255, [
    `Options: ${OPTIONS.filter(({ sets }) => sets !== undefined)
      .map(({ short, long }) => (short === undefined ? `--${long}` : `-${short}, --${long}`))
      .join("; ")}`,
  ]);
}
