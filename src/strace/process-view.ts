/** What a decoder may ask about the process whose call it decodes. */
export interface ProcessView {
  readonly pid: number;
  /** At most `length` bytes; fewer where the memory ends. */
  read(address: bigint, length: number): Uint8Array;
  /** What a descriptor refers to, as /proc/PID/fd shows it; undefined if there is none. */
  descriptor(fd: number): string | undefined;
  interfaceName(index: number): string | undefined;
}

/** How much is shown. */
export interface Detail {
  /** -v: structs and instructions in full. */
  readonly verbose: boolean;
  /** -s: bytes of a text or buffer. */
  readonly stringLimit: number;
  /** -y: what descriptors refer to. */
  readonly descriptors: boolean;
}

/** Text at an address up to its NUL, and whether that was found within `limit` bytes; undefined: no memory. */
export function readText(
  view: ProcessView,
  address: bigint,
  limit: number,
): { readonly bytes: Uint8Array; readonly cut: boolean } | undefined {
  const bytes = view.read(address, limit + 1);
  const end = bytes.indexOf(0);
  if (end >= 0) return { bytes: bytes.subarray(0, end), cut: false };
  if (bytes.length <= limit) return undefined;
  return { bytes: bytes.subarray(0, limit), cut: true };
}
