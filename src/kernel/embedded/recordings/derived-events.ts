import type { Tracepoints } from "../processes/tracepoints.ts";

// Some events are others seen from another side. A recording holds one of them, and the rest is made of it.

export const CALL_ENTRY = "tracepoint:raw_syscalls:sys_enter";
export const CALL_EXIT = "tracepoint:raw_syscalls:sys_exit";

const OWN_ENTRY = "tracepoint:syscalls:sys_enter_";

export function isCallEntry(hook: string): boolean {
  return hook === CALL_ENTRY || hook.startsWith(OWN_ENTRY);
}

/** Places in the records of raw_syscalls and syscalls: the same on every kernel and 64-bit architecture. */
export const CALL_RECORD = { number: 8, args: 16, result: 16, argCount: 6 } as const;

/** Which recorded event a hook's events can be made of. */
const RAW_ORIGINS: Readonly<Record<string, string>> = {
  "rawtracepoint:sys_enter": CALL_ENTRY,
  "rawtracepoint:sys_exit": CALL_EXIT,
  "rawtracepoint:sched_process_fork": "tracepoint:sched:sched_process_fork",
  "rawtracepoint:sched_process_exec": "tracepoint:sched:sched_process_exec",
  "rawtracepoint:sched_process_exit": "tracepoint:sched:sched_process_exit",
};

/** The event that a hook's events are made of, where they are made of another's; by the names of hooks. */
export function originOf(hook: string): string | undefined {
  if (hook.startsWith(OWN_ENTRY)) return CALL_ENTRY;
  if (hook.startsWith("tracepoint:syscalls:sys_exit_")) return CALL_EXIT;
  return Object.hasOwn(RAW_ORIGINS, hook) ? RAW_ORIGINS[hook] : undefined;
}

/** Name of the call that a record of all calls is about. */
export function callName(points: Tracepoints, context: Uint8Array): string | undefined {
  if (context.length < CALL_RECORD.args) return undefined;
  return points.callName(viewOf(context).getInt32(CALL_RECORD.number, true));
}

/** Arguments of a call that begins, from its record. */
export function callArguments(context: Uint8Array): BigUint64Array {
  const view = viewOf(context);
  const count = Math.min(CALL_RECORD.argCount, (context.length - CALL_RECORD.args) >> 3);
  return BigUint64Array.from({ length: Math.max(0, count) }, (_, index) =>
    view.getBigUint64(CALL_RECORD.args + index * 8, true),
  );
}

export function callResult(context: Uint8Array): bigint {
  return context.length < CALL_RECORD.result + 8 ? 0n : viewOf(context).getBigInt64(CALL_RECORD.result, true);
}

export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
