import { BpfkitError } from "../errors.ts";
import { errnoMessage, errnoName } from "../uapi/index.ts";

/**
 * A system call that failed.
 *
 * @example
 * ```ts
 * import { openMap, SyscallError } from "bpfkit";
 *
 * try {
 *   await openMap({ id: 2 ** 31 });
 * } catch (error) {
 *   if (error instanceof SyscallError) console.log(error.call, error.errnoName, error.code);
 * }
 * // prints bpf(MAP_GET_FD_BY_ID) ENOENT kernel/enoent
 * ```
 */
export class SyscallError extends BpfkitError {
  override readonly name: string = "SyscallError";
  /** As `bpf(PROG_LOAD)`, `perf_event_open`. */
  readonly call: string;
  readonly errno: number;
  /** `EPERM`. */
  readonly errnoName: string;
  /** What the kernel wrote into the call's log buffer, if there was one. */
  readonly log: string;

  constructor(
    call: string,
    errno: number,
    details: { readonly log?: string; readonly hints?: readonly string[] } = {},
  ) {
    const name = errnoName(errno);
    super(`${call} failed: ${errnoMessage(errno)} (${name})`, {
      code: `kernel/${name.toLowerCase()}`,
      hints: details.hints ?? [],
    });
    this.call = call;
    this.errno = errno;
    this.errnoName = name;
    this.log = details.log ?? "";
  }
}
