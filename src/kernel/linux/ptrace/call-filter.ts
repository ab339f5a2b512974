import type { CallFilter } from "../../index.ts";

// Classic BPF, include/uapi/linux/filter.h and seccomp.h.
const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const AND = 0x54;
const RETURN = 0x06;
const ALLOW = 0x7fff_0000;
const TRACE = 0x7ff0_0000;

/** struct seccomp_data: offsets. Arguments are little-endian u64; their low halves are compared. */
const NUMBER = 0;
const ARCH = 4;
const ARGUMENTS = 16;

interface Statement {
  readonly code: number;
  readonly jumpTrue?: number;
  readonly jumpFalse?: number;
  readonly k: number;
}

/**
 * A seccomp filter (struct sock_filter[]) that stops the named calls for the tracer and lets all others run at
 * full speed. Calls by another architecture's table (32-bit programs) pass. Where all are wanted the filter saves
 * the stops at exit that nobody asks for.
 */
export function encodeCallFilter(calls: "all" | readonly CallFilter[], auditArch: number): Uint8Array {
  const statements: readonly Statement[] =
    calls === "all" ? [{ code: RETURN, k: TRACE }] : select(calls, auditArch);
  const bytes = new Uint8Array(statements.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, jumpTrue = 0, jumpFalse = 0, k }] of statements.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jumpTrue);
    view.setUint8(index * 8 + 3, jumpFalse);
    view.setUint32(index * 8 + 4, k, true);
  }
  return bytes;
}

function select(calls: readonly CallFilter[], auditArch: number): Statement[] {
  return [
    { code: LOAD_WORD, k: ARCH },
    { code: JUMP_EQUAL, k: auditArch, jumpTrue: 1 },
    { code: RETURN, k: ALLOW },
    { code: LOAD_WORD, k: NUMBER },
    ...calls.flatMap(callStatements),
    { code: RETURN, k: ALLOW },
  ];
}

/** A test of the loaded number; where it fails, the next row finds the number still loaded. */
function callStatements({ number, argument }: CallFilter): readonly Statement[] {
  if (!argument)
    return [
      { code: JUMP_EQUAL, k: number, jumpFalse: 1 },
      { code: RETURN, k: TRACE },
    ];
  return [
    { code: JUMP_EQUAL, k: number, jumpFalse: 5 },
    { code: LOAD_WORD, k: ARGUMENTS + argument.index * 8 },
    { code: AND, k: argument.mask },
    { code: JUMP_EQUAL, k: argument.value, jumpFalse: 1 },
    { code: RETURN, k: TRACE },
    { code: LOAD_WORD, k: NUMBER },
  ];
}

/** What the filter says of a call, for processes that cannot be given one. */
export function passesFilter(calls: readonly CallFilter[], number: number, args: BigUint64Array): boolean {
  return calls.some(
    (call) =>
      call.number === number &&
      (!call.argument ||
        (Number(BigInt.asUintN(32, args[call.argument.index]!)) & call.argument.mask) >>> 0 ===
          call.argument.value),
  );
}
