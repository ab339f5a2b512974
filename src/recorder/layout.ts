import { pointerRules, type PointerRule } from "../recording/index.ts";

// What the recorder's programs and their reader agree on. All numbers are little-endian.

/** Bytes from a record's start. Behind the head lie the context and then pieces of memory. */
export const HEAD = {
  time: 0,
  /** Process in the upper half, thread in the lower. */
  ids: 8,
  /** Group in the upper half, user in the lower. */
  owner: 16,
  cgroup: 24,
  startTime: 32,
  /** Bytes of the record. */
  end: 40,
  hook: 48,
  cpu: 52,
  /** The parent process. */
  parent: 56,
  comm: 64,
  size: 80,
} as const;
export const COMM_SIZE = 16;

/** A piece: where it was read, how many bytes, and how it went; then the bytes. */
export const PIECE = { address: 0, length: 8, state: 12, size: 16 } as const;
export const PIECE_STATE = { held: 0, fault: 1 } as const;

/** Where the last piece of a record may begin, and how long it may be. */
export const LAST_PIECE: number = 12 * 1024;
export const LONGEST_TEXT = 1024;
export const MOST_SNAP = 4096;
/** Elements of an array of texts. */
export const MOST_TEXTS = 32;

/** Arguments of a system call that are kept until it returns, in words. */
export const SAVED_WORDS = 8;
export const CALL_ARGS = 6;

/** How an argument is followed: a rule of 8 bytes. */
export const RULE = { kind: 0, when: 1, extent: 2, index: 3, unit: 4, size: 8 } as const;
export const RULE_KIND = { none: 0, text: 1, bytes: 2, texts: 3 } as const;
export const RULE_WHEN = { entry: 1, exit: 2 } as const;
export const RULE_EXTENT = { constant: 0, argument: 1, result: 2 } as const;
/** Of one system call. */
export const RULES_SIZE: number = RULE.size * CALL_ARGS;
/** System calls have numbers below this one. */
export const MOST_CALLS = 1024;

/** The rules of one system call, by its arguments as tracepoints declare them. */
export function encodeRules(args: readonly string[]): Uint8Array {
  const bytes = new Uint8Array(RULES_SIZE);
  const view = new DataView(bytes.buffer);
  for (const rule of pointerRules(args)) {
    const at = rule.index * RULE.size;
    if (rule.index >= CALL_ARGS) continue;
    const { kind, unit } = forKernel(rule);
    bytes[at + RULE.kind] = RULE_KIND[kind];
    for (const when of rule.when) bytes[at + RULE.when]! |= RULE_WHEN[when];
    const { extent } = rule;
    bytes[at + RULE.extent] = RULE_EXTENT[extent.from];
    bytes[at + RULE.index] =
      extent.from === "argument" ? extent.index : extent.from === "result" ? extent.most & NO_LIMIT : 0;
    view.setUint32(at + RULE.unit, extent.from === "constant" ? unit * extent.value : unit, true);
  }
  return bytes;
}

/** Word of the saved arguments that is no limit: it holds all ones. */
export const NO_LIMIT: number = SAVED_WORDS - 1;

/** Of vectors and messages programs keep the struct itself. */
function forKernel({ kind, unit }: PointerRule): {
  readonly kind: "text" | "bytes" | "texts";
  readonly unit: number;
} {
  return { kind: kind === "vectors" || kind === "message" ? "bytes" : kind, unit };
}
