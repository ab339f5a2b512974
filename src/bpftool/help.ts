import type { Answer, CommandRow, ObjectRow } from "./command.ts";

const PROGRAM = "bpftool";

/** Help goes to standard error, so that what reads the answer reads nothing. */
export function helpAnswer(text: string, inform: (text: string) => void): Answer {
  inform(text);
  return { text: () => "", json: () => null };
}

export function toolHelp(objects: readonly (ObjectRow | CommandRow)[]): string {
  const names = objects.filter(isObject).map(({ name }) => name);
  return [
    `Usage: ${PROGRAM} [OPTION...] OBJECT { COMMAND | help }`,
    `       ${PROGRAM} batch file FILE`,
    `       ${PROGRAM} version`,
    "",
    `       OBJECT := { ${names.join(" | ")} }`,
    ...OPTION_LINES,
    "",
    "Words may be shortened: the first of a table that begins so is meant.",
    "",
  ].join("\n");
}

export function objectHelp(object: ObjectRow): string {
  const head = `${PROGRAM} ${object.name}`;
  const usages = object.commands.flatMap(({ usage }) => usage ?? []);
  return [
    ...[...usages, "help"].map((usage, index) => `${index === 0 ? "Usage:" : "      "} ${head} ${usage}`),
    "",
    ...(object.terms ?? []).map(([term, meaning]) => `       ${term} := ${meaning}`),
    ...OPTION_LINES,
    "",
  ].join("\n");
}

export function isObject(row: ObjectRow | CommandRow): row is ObjectRow {
  return "commands" in row;
}

const OPTION_LINES = [
  "       OPTION := -j, --json | -p, --pretty | -f, --bpffs | -m, --mapcompat | -n, --nomount |",
  "                 -d, --debug | -B, --base-btf FILE | -V, --version | -h, --help",
];
