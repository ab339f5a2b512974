import { readFileSync } from "node:fs";
import { BpfkitError } from "../errors.ts";
import type { Kernel } from "../kernel/index.ts";
import { loadObject, VerifierError } from "../loader/index.ts";
import type { LoadedObject, LoadOptions } from "../loader/index.ts";
import { fromElf } from "../object/index.ts";
import type { ObjectSpec } from "../object/index.ts";
import type { ToolOptions } from "./command.ts";
import { fileReason } from "./file-reason.ts";
import { ToolError } from "./tool-error.ts";

/** BPF_LOG: each instruction, with the state of the registers, and statistics. */
const VERBOSE_LOG = 1 | 2 | 4;

/** An object's bytes, and what they say; `exitCode`: where there is no such file. */
export function readObjectFile(
  file: string,
  exitCode?: number,
): { readonly bytes: Uint8Array; readonly spec: ObjectSpec } {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new ToolError(`failed to open object file ${file}: ${fileReason(cause)}`, exitCode);
  }
  try {
    return { bytes, spec: fromElf(bytes).spec };
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    throw new ToolError(`failed to open object file ${file}: ${error.message}`, 255, error.hints);
  }
}

/** Loads an object; with -d the verifier's logs of all programs are told. */
export function loadFor(
  kernel: Kernel,
  spec: ObjectSpec,
  options: ToolOptions,
  inform: (text: string) => void,
  details: Partial<LoadOptions> = {},
): LoadedObject {
  try {
    const loaded = loadObject(spec, { kernel, ...details, ...(options.debug && { logLevel: VERBOSE_LOG }) });
    for (const { name, log } of loaded.programs.values())
      if (log !== "") inform(`Verifier log of ${name}:\n${log.trimEnd()}\n`);
    return loaded;
  } catch (error) {
    if (error instanceof VerifierError)
      throw new ToolError(
        `failed to load program: ${error.message}\n${error.log.trimEnd()}`,
        255,
        error.hints,
      );
    if (error instanceof BpfkitError)
      throw new ToolError(`failed to load object file: ${error.message}`, 255, error.hints);
    throw error;
  }
}
