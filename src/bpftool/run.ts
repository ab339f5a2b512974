import { BtfError } from "../btf/index.ts";
import { BpfkitError } from "../errors.ts";
import type { Kernel } from "../kernel/index.ts";
import { Arguments, findKeyword } from "./arguments.ts";
import { isStream } from "./command.ts";
import type { Answer, CommandContext, Stream, ToolOptions } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { helpAnswer, isObject, objectHelp, toolHelp } from "./help.ts";
import { formatJson, JsonPieces } from "./json.ts";
import type { Json } from "./json.ts";
import { takeOptions } from "./options.ts";
import { ToolError } from "./tool-error.ts";

export interface ToolHost {
  /** Opens the kernel; called once, and only by commands that need it. */
  readonly openKernel: () => Promise<Kernel>;
  readonly out: (text: string | Uint8Array) => void;
  readonly err: (text: string) => void;
  /** Resolves when the user asks for the end, as by Ctrl-C; absent: never. */
  readonly stopped?: () => Promise<void>;
}

const FAILED = 255;
/** EINVAL, which libbpf finds in broken BTF. */
const BROKEN_TYPES = 234;

/** Runs one command line of bpftool's grammar (`["-j", "prog", "show"]`); returns the exit code. */
export async function runTool(words: readonly string[], host: ToolHost): Promise<number> {
  let kernel: Kernel | undefined;
  let options: ToolOptions | undefined;
  try {
    const taken = takeOptions(words);
    options = taken.options;
    const { json } = options;
    const tool: Tool = {
      options,
      kernel: async () => (kernel ??= await host.openKernel()),
      inform: (text) => (json ? undefined : host.err(text)),
      stopped: host.stopped ?? (async () => new Promise(() => undefined)),
    };
    const rest = taken.help ? [...taken.rest.slice(0, 1), "help"] : taken.version ? ["version"] : taken.rest;
    const answer = await runCommand(rest, tool);
    return await print(answer, options, host);
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    reportError(error, options ?? wordsAskForJson(words), host);
    return errorCode(error);
  } finally {
    kernel?.[Symbol.dispose]();
  }
}

type Tool = Omit<CommandContext, "args" | "execute">;

async function runCommand(words: readonly string[], tool: Tool): Promise<Answer | Stream> {
  const args = new Arguments(words);
  const context = {
    ...tool,
    args,
    execute: async (line: readonly string[]) => runCommand(line, tool),
  };
  const objectWord = args.peek() ?? "help";
  if (args.left > 0) args.take("OBJECT");
  const row = isHelp(objectWord) ? undefined : findKeyword(COMMANDS, objectWord);
  if (!row) {
    if (!isHelp(objectWord)) throw new ToolError(`can't find object: ${objectWord}`, FAILED, [seeHelp("")]);
    return helpAnswer(toolHelp(COMMANDS), tool.inform);
  }
  if (!isObject(row)) return row.run(context);
  const word = args.peek();
  if (word === undefined && row.bare === "help") return helpAnswer(objectHelp(row), tool.inform);
  const command = word === undefined ? row.commands[0] : findKeyword(row.commands, word);
  if (command) {
    if (word !== undefined) args.take("COMMAND");
    return command.run(context);
  }
  if (word === undefined || !isHelp(word))
    throw new ToolError(`can't find command: ${objectWord} ${word}`, FAILED, [seeHelp(` ${row.name}`)]);
  return helpAnswer(objectHelp(row), tool.inform);
}

function isHelp(word: string): boolean {
  return word !== "" && "help".startsWith(word);
}

function seeHelp(object: string): string {
  return `Objects and commands are listed by: bpftool${object} help`;
}

async function print(answer: Answer | Stream, options: ToolOptions, host: ToolHost): Promise<number> {
  if (isStream(answer)) return printStream(answer, options, host);
  if (options.json) printJson(answer.json(), options, host);
  else printText(answer.text(), host);
  return answer.exitCode ?? 0;
}

function printJson(value: Json, { pretty }: ToolOptions, host: ToolHost): void {
  if (!(value instanceof JsonPieces)) return host.out(`${formatJson(value, pretty)}\n`);
  for (const piece of value.pieces(pretty, 0)) host.out(piece);
  host.out("\n");
}

function printText(text: ReturnType<Answer["text"]>, host: ToolHost): void {
  if (typeof text === "string" || text instanceof Uint8Array) return host.out(text);
  for (const piece of text) host.out(piece);
}

async function printStream({ items }: Stream, options: ToolOptions, host: ToolHost): Promise<number> {
  let empty = true;
  if (options.json) host.out("[");
  try {
    for (;;) {
      const { value, done } = await items.next();
      if (done === true) return value;
      if (options.json) host.out(`${empty ? "" : ","}${formatJson(value.json(), options.pretty, 1)}`);
      else printText(value.text(), host);
      empty = false;
    }
  } finally {
    if (options.json) host.out(options.pretty && !empty ? "\n]\n" : "]\n");
  }
}

function reportError(
  error: BpfkitError,
  options: Pick<ToolOptions, "json" | "pretty">,
  host: ToolHost,
): void {
  if (options.json) host.out(`${formatJson({ error: error.message }, options.pretty)}\n`);
  else host.err(`Error: ${error.message}\n${error.hints.map((hint) => `Hint: ${hint}\n`).join("")}`);
}

/** Whether an error about the options themselves goes out as JSON. */
function wordsAskForJson(words: readonly string[]): Pick<ToolOptions, "json" | "pretty"> {
  return { json: words.some((word) => /^-[a-zA-Z]*[jp]|^--(json|pretty)$/.test(word)), pretty: false };
}

export function errorCode(error: BpfkitError): number {
  if (error instanceof ToolError) return error.exitCode;
  return error instanceof BtfError ? BROKEN_TYPES : FAILED;
}
