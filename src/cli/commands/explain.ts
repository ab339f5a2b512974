import { existsSync, readFileSync, writeSync } from "node:fs";
import { BpfkitError } from "../../errors.ts";
import {
  explainFile,
  explainText,
  explanationJson,
  explanationText,
  opcodeTableJson,
  opcodeTableText,
} from "../../explain/index.ts";
import type { Explanation } from "../../explain/index.ts";
import { parseArguments, usageError } from "../arguments.ts";
import type { Invocation } from "../command.ts";
import { explainOptions } from "../options.ts";
import { writeAll } from "../write-all.ts";

/** `explain`: an instruction, a dump, a verifier log or a bpf_attr, in words. */
export async function explain(args: readonly string[], invocation: Invocation): Promise<number> {
  const { options, positionals, rest } = parseArguments(args, explainOptions, invocation);
  if (options.has("help")) {
    writeSync(1, await invocation.help());
    return 0;
  }
  const json = options.get("format") === "json";
  if (options.has("table")) {
    writeAll(1, json ? line(opcodeTableJson()) : opcodeTableText());
    return 0;
  }
  const explanation = explained([...positionals, ...rest], invocation);
  writeAll(
    1,
    json ? line(explanationJson(explanation)) : explanationText(explanation, options.has("verbose")),
  );
  return 0;
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

/** The words themselves, or what the file that they name holds; standard input if there are none. */
function explained(words: readonly string[], invocation: Invocation): Explanation {
  const [first] = words;
  if (first === undefined && process.stdin.isTTY)
    throw usageError("Nothing to explain: give bytes, an instruction or a file", invocation);
  if (first === undefined || (first === "-" && words.length === 1))
    return explainFile(read(0, "standard input"));
  return words.length === 1 && existsSync(first)
    ? explainFile(read(first, first))
    : explainText(words.join(" "));
}

function read(file: string | number, name: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BpfkitError(`Cannot read ${name}: ${reason}`, { code: "cli/input", cause });
  }
}
