import { readFileSync } from "node:fs";
import { btfFromFile } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import { BpfkitError } from "../errors.ts";
import { fileReason } from "./file-reason.ts";
import { ToolError } from "./tool-error.ts";

/** ENOENT and EINVAL as exit codes: bpftool's are `-errno & 255`. */
const NO_FILE = 254;
export const BAD_FILE = 234;
/** EIO and ENODATA, and libbpf's own number for what is no ELF file (4001). */
const NO_BYTES = 251;
const NO_SECTION = 195;
const NO_ELF = 95;

/**
 * Types in a file: BTF by itself, or in an ELF file.
 * @throws ToolError with bpftool's exit codes
 */
export function readTypes(path: string, base?: Btf): Btf {
  const bytes = readBytes(path);
  try {
    return btfFromFile(bytes, base);
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    throw new ToolError(`failed to load BTF from ${path}: ${error.message}`, fileCode(bytes), error.hints);
  }
}

/** Types that a command needs beside what it is about: one exit code, whatever is wrong with them. */
export function readOtherTypes(path: string): Btf {
  try {
    return readTypes(path);
  } catch (error) {
    throw error instanceof ToolError ? new ToolError(error.message, 255, error.hints) : error;
  }
}

/** ELF's first bytes, and BTF's. */
const ELF_MAGIC = 0x7f;
const BTF_MAGIC = 0x9f;

/** bpftool's exit code for a file that holds no BTF depends on what it took the file for. */
function fileCode(bytes: Uint8Array): number {
  if (bytes.length < 2) return NO_BYTES;
  if (bytes[0] === ELF_MAGIC) return NO_SECTION;
  return bytes[0] === BTF_MAGIC ? BAD_FILE : NO_ELF;
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    throw new ToolError(
      `failed to load BTF from ${path}: ${fileReason(cause)}`,
      missing ? NO_FILE : NO_BYTES,
      ["Kernels without BTF of their own need a file: from the distribution's debug package, or from BTFhub"],
    );
  }
}
