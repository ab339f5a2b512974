import { readFileSync, writeFileSync } from "node:fs";
import { BpfkitError } from "../errors.ts";
import { linkObjects } from "../object/index.ts";
import { DONE } from "./command.ts";
import type { Command } from "./command.ts";
import { fileExitCode, fileReason } from "./file-reason.ts";
import { ToolError } from "./tool-error.ts";

/** gen object OUTPUT_FILE INPUT_FILE [INPUT_FILE...]. */
export const genObject: Command = ({ args }) => {
  args.require(2, "object");
  const output = args.take("OUTPUT_FILE");
  const inputs: { name: string; bytes: Uint8Array }[] = [];
  while (args.left > 0) inputs.push(readInput(args.take("INPUT_FILE")));
  writeOutput(output, linked(inputs));
  return DONE;
};

function linked(inputs: readonly { readonly name: string; readonly bytes: Uint8Array }[]): Uint8Array {
  try {
    return linkObjects(inputs);
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    throw new ToolError(`failed to link: ${error.message}`, 255, error.hints);
  }
}

export function readInput(name: string): { readonly name: string; readonly bytes: Uint8Array } {
  try {
    return { name, bytes: readFileSync(name) };
  } catch (error) {
    throw new ToolError(`failed to open '${name}': ${fileReason(error)}`, fileExitCode(error));
  }
}

export function writeOutput(name: string, bytes: Uint8Array): void {
  try {
    writeFileSync(name, bytes);
  } catch (error) {
    throw new ToolError(`failed to write '${name}': ${fileReason(error)}`);
  }
}
