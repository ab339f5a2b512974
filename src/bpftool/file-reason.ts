import { errnoMessage } from "../uapi/index.ts";

/** As bpftool ends where it says an errno: negated, as far as an exit code has bits. */
export function fileExitCode(cause: unknown): number {
  return cause instanceof Error && "errno" in cause && typeof cause.errno === "number"
    ? cause.errno & 255
    : 255;
}

/** Why a file cannot be opened, read or written, in the C library's words. */
export function fileReason(cause: unknown): string {
  if (cause instanceof Error && "errno" in cause && typeof cause.errno === "number")
    return errnoMessage(-cause.errno);
  return cause instanceof Error ? cause.message : String(cause);
}
