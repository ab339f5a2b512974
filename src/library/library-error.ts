import { BpfkitError } from "../errors.ts";

/**
 * What a {@link LibraryError} is about.
 */
export type LibraryErrorCode =
  /** The object, map, program or reader was disposed. */
  | "library/closed"
  /** The object has nothing of that name. */
  | "library/no-such-name"
  /** A program of the object that was not to be loaded. */
  | "library/not-loaded"
  /** What was asked is not for maps, programs or variables of this kind. */
  | "library/wrong-kind"
  /** A ring is read by one reader at a time. */
  | "library/busy"
  /** All elements of the map are used (E2BIG, ENOSPC). */
  | "library/map-full"
  /** `when: "absent"`, but the key is there. */
  | "library/key-exists"
  /** `when: "present"`, but the key is not there. */
  | "library/no-key"
  /** A file that cannot be read. */
  | "library/no-file";

/**
 * A request that cannot be met; system calls that fail otherwise throw {@link SyscallError}.
 *
 * @example
 * ```ts
 * import { LibraryError, load } from "bpfkit";
 *
 * await using object = await load("events.bpf.o");
 * try {
 *   object.map("count");
 * } catch (error) {
 *   if (error instanceof LibraryError) console.log(error.code, "-", error.message);
 * }
 * // prints library/no-such-name - The object has no map count
 * ```
 */
export class LibraryError extends BpfkitError {
  override readonly name = "LibraryError";
  declare readonly code: LibraryErrorCode;

  constructor(code: LibraryErrorCode, message: string, hints: readonly string[] = [], cause?: unknown) {
    super(message, { code, hints, cause });
  }
}
