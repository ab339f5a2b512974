import { readFileSync } from "node:fs";
import { BpfkitError } from "../errors.ts";
import { isStream } from "./command.ts";
import type { Answer, Command, CommandContext } from "./command.ts";
import type { Json } from "./json.ts";
import { fileReason } from "./file-reason.ts";
import { ToolError } from "./tool-error.ts";

/** batch file FILE: a command a line, up to the first that fails; `-` is the standard input. */
export const runBatch: Command = (context) => {
  const { args } = context;
  if (args.left < 2) throw new ToolError("too few parameters for batch");
  if (args.left > 2) throw new ToolError("too many parameters for batch");
  args.expect("file");
  return { items: execute(batchCommands(readText(args.take("file"))), context) };
};

async function* execute(
  commands: readonly (readonly string[])[],
  context: CommandContext,
): AsyncGenerator<Answer, number> {
  for (const words of commands) {
    try {
      const answer = await context.execute(words);
      if (isStream(answer)) {
        yield* answer.items;
        continue;
      }
      yield { text: answer.text, json: () => ({ command: words, output: answer.json() }) };
      const code = answer.exitCode ?? 0;
      if (code !== 0) return code;
    } catch (error) {
      if (!context.options.json || !(error instanceof BpfkitError)) throw error;
      const output: Json = { error: error.message };
      yield { text: () => "", json: () => ({ command: words, output }) };
      return error instanceof ToolError ? error.exitCode : 255;
    }
  }
  if (!context.options.json)
    yield { text: () => `processed ${commands.length} commands\n`, json: () => null };
  return 0;
}

function readText(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (cause) {
    throw new ToolError(`Can't open file (${path}): ${fileReason(cause)}`);
  }
}

/**
 * The command lines of a batch file: `#` begins a comment, a backslash at the end continues on the next line,
 * words may be in single or double quotes.
 * @throws ToolError for a quote that does not end, and a continuation without a line
 */
export function batchCommands(text: string): string[][] {
  const commands: string[][] = [];
  const lines = text.split("\n").map((line) => line.replace(/#.*$/, ""));
  for (let at = 0; at < lines.length; at++) {
    let line = lines[at]!;
    while (line.endsWith("\\")) {
      if (++at >= lines.length || (at === lines.length - 1 && lines[at] === ""))
        throw new ToolError(`missing continuation line on command ${commands.length}`);
      line = line.slice(0, -1) + lines[at]!;
    }
    const words = splitWords(line, commands.length);
    if (words.length > 0) commands.push(words);
  }
  return commands;
}

function splitWords(line: string, command: number): string[] {
  const words: string[] = [];
  for (let rest = line.trimStart(); rest !== ""; rest = rest.trimStart()) {
    const quote = /^["']/.exec(rest)?.[0];
    const body = quote === undefined ? rest : rest.slice(1);
    const end = quote === undefined ? body.search(/\s|$/) : body.indexOf(quote);
    if (end < 0) throw new ToolError(`unterminated quoted string in command ${command}`);
    words.push(body.slice(0, end));
    rest = body.slice(quote === undefined ? end : end + 1);
  }
  return words;
}
