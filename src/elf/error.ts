import { BpfkitError } from "../errors.ts";

export type ElfErrorCode =
  | "elf/not-elf"
  | "elf/unsupported"
  | "elf/truncated"
  | "elf/bad-section"
  | "elf/bad-index";

/** ELF bytes that do not hold together. */
export class ElfError extends BpfkitError {
  override readonly name = "ElfError";
  declare readonly code: ElfErrorCode;

  constructor(code: ElfErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? { code } : { code, cause });
  }
}
