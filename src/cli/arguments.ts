import { parseArgs, type ParseArgsConfig } from "node:util";
import { BpfkitError } from "../errors.ts";
import type { Invocation, OptionRow } from "./command.ts";

export interface ParsedArguments {
  /** A switch that is on has the value "". */
  readonly options: ReadonlyMap<string, string>;
  /** All values of options that may be given several times. */
  readonly all: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
  /** What stands behind `--`. */
  readonly rest: readonly string[];
}

/** A command line that cannot be understood. */
export function usageError(
  message: string,
  { program, verb }: Pick<Invocation, "program" | "verb">,
): BpfkitError {
  const command = [program, verb].filter((word) => word !== "").join(" ");
  return new BpfkitError(message, { code: "cli/usage", hints: [`See ${command} --help`] });
}

/** Options may stand anywhere before `--`, short ones together, as getopt(3) takes them. */
export function parseArguments(
  args: readonly string[],
  rows: readonly OptionRow[],
  invocation: Invocation,
): ParsedArguments {
  const { tokens } = parseArgs({ ...parseConfig(args, rows), tokens: true });
  const options = new Map<string, string>();
  const all = new Map<string, string[]>();
  const positionals: string[] = [];
  const rest: string[] = [];
  let ended = false;
  for (const token of tokens) {
    if (token.kind === "option-terminator") ended = true;
    else if (token.kind === "positional") (ended ? rest : positionals).push(token.value);
    else {
      const value = checkedValue(token, rows, invocation);
      options.set(token.name, value);
      all.set(token.name, [...(all.get(token.name) ?? []), value]);
    }
  }
  return { options, all, positionals, rest };
}

function parseConfig(args: readonly string[], rows: readonly OptionRow[]): ParseArgsConfig {
  return {
    args: [...args],
    strict: false,
    allowPositionals: true,
    options: Object.fromEntries(
      rows.map(({ name, short, value }) => [
        name,
        { type: value === undefined ? "boolean" : "string", ...(short !== undefined && { short }) },
      ]),
    ),
  };
}

/** Splits a command line behind which another one follows: at `--`, or at the first word that is no option. */
export function splitCommandLine(
  args: readonly string[],
  rows: readonly OptionRow[],
): { readonly own: readonly string[]; readonly command: readonly string[] } {
  const { tokens } = parseArgs({ ...parseConfig(args, rows), tokens: true });
  const end = tokens.find(({ kind }) => kind === "positional" || kind === "option-terminator");
  if (!end) return { own: args, command: [] };
  return {
    own: args.slice(0, end.index),
    command: args.slice(end.kind === "positional" ? end.index : end.index + 1),
  };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
}

function checkedValue(token: OptionToken, rows: readonly OptionRow[], invocation: Invocation): string {
  const row = rows.find(({ name }) => name === token.name);
  if (!row) throw usageError(`Unknown option ${token.rawName}`, invocation);
  if (row.value === undefined) {
    if (token.value !== undefined) throw usageError(`Option ${token.rawName} takes no value`, invocation);
    return "";
  }
  if (token.value === undefined) throw usageError(`Option ${token.rawName} needs ${row.value}`, invocation);
  if (row.choices && !row.choices.includes(token.value)) {
    const choices = row.choices.join(", ");
    throw usageError(`Option ${token.rawName} takes one of ${choices}, not ${token.value}`, invocation);
  }
  return token.value;
}
