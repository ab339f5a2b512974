import { BpfkitError } from "../errors.ts";
import type { Kernel } from "../kernel/index.ts";
import { Arguments, findKeyword } from "./arguments.ts";
import type { Answer, ToolOptions } from "./command.ts";
import { OBJECTS } from "./commands.ts";
import { formatJson } from "./json.ts";
import { ToolError } from "./tool-error.ts";

export interface ToolHost {
  /** Opens the kernel; called once, and only by commands that need it. */
  readonly openKernel: () => Promise<Kernel>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

const FAILED = 255;

/** Runs one command line of bpftool's grammar (`["-j", "prog", "show"]`); returns the exit code. */
export async function runTool(words: readonly string[], host: ToolHost): Promise<number> {
  const { options, rest } = takeOptions(words);
  let kernel: Kernel | undefined;
  const open = async (): Promise<Kernel> => (kernel ??= await host.openKernel());
  try {
    const answer = await runCommand(new Arguments(rest), options, open);
    host.out(options.json ? `${formatJson(answer.json(), options.pretty)}\n` : answer.text());
    return answer.exitCode ?? 0;
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    if (options.json) host.out(`${formatJson({ error: error.message }, options.pretty)}\n`);
    else host.err(`Error: ${error.message}\n${error.hints.map((hint) => `Hint: ${hint}\n`).join("")}`);
    return error instanceof ToolError ? error.exitCode : FAILED;
  } finally {
    kernel?.[Symbol.dispose]();
  }
}

async function runCommand(
  args: Arguments,
  options: ToolOptions,
  kernel: () => Promise<Kernel>,
): Promise<Answer> {
  const objectWord = args.take("OBJECT");
  const object = findKeyword(OBJECTS, objectWord);
  if (!object) throw new ToolError(`can't find object: ${objectWord}`);
  const word = args.peek();
  const command = word === undefined ? object.commands[0] : findKeyword(object.commands, word);
  if (!command) throw new ToolError(`can't find command: ${objectWord} ${word}`);
  if (word !== undefined) args.take("COMMAND");
  return command.run({ args, options, kernel });
}

const FLAGS: Readonly<Record<string, keyof ToolOptions | "ignored">> = {
  "-j": "json",
  "--json": "json",
  "-p": "pretty",
  "--pretty": "pretty",
  "-f": "pins",
  "--bpffs": "pins",
  "-n": "ignored",
  "--nomount": "ignored",
  "-d": "ignored",
  "--debug": "ignored",
};

/** Options may stand anywhere in front of `--`, as getopt(3) takes them. */
function takeOptions(words: readonly string[]): {
  readonly options: ToolOptions;
  readonly rest: readonly string[];
} {
  const set = new Set<string>();
  const rest: string[] = [];
  let baseBtf: string | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === "--") {
      rest.push(...words.slice(at + 1));
      break;
    }
    const flag = Object.hasOwn(FLAGS, word) ? FLAGS[word] : undefined;
    if (word === "-B" || word === "--base-btf") baseBtf = words[++at];
    else if (flag === undefined) rest.push(word);
    else set.add(flag);
  }
  const pretty = set.has("pretty");
  return { options: { json: set.has("json") || pretty, pretty, pins: set.has("pins"), baseBtf }, rest };
}
