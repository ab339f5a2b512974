import { constants } from "node:os";
import { decimal, struct } from "./value.ts";
import type { Field, Value } from "./value.ts";

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals)
    .toReversed()
    .map(([name, number]) => [number, name]),
);
const FIRST_REAL_TIME = 32;

export function signalName(signal: number): string {
  return (
    NAMES.get(signal) ?? (signal >= FIRST_REAL_TIME ? `SIGRT_${signal - FIRST_REAL_TIME}` : String(signal))
  );
}

const { SIGCHLD, SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP } = constants.signals;

/** si_code where its meaning does not depend on the signal: include/uapi/asm-generic/siginfo.h */
const CODES: Readonly<Record<number, string>> = {
  0: "SI_USER",
  128: "SI_KERNEL",
  [-1]: "SI_QUEUE",
  [-2]: "SI_TIMER",
  [-3]: "SI_MESGQ",
  [-4]: "SI_ASYNCIO",
  [-5]: "SI_SIGIO",
  [-6]: "SI_TKILL",
};

const CODES_OF_SIGNAL: Readonly<Record<number, readonly string[]>> = {
  [SIGCHLD]: ["CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"],
  [SIGILL]: [
    "ILL_ILLOPC",
    "ILL_ILLOPN",
    "ILL_ILLADR",
    "ILL_ILLTRP",
    "ILL_PRVOPC",
    "ILL_PRVREG",
    "ILL_COPROC",
  ],
  [SIGFPE]: [
    "FPE_INTDIV",
    "FPE_INTOVF",
    "FPE_FLTDIV",
    "FPE_FLTOVF",
    "FPE_FLTUND",
    "FPE_FLTRES",
    "FPE_FLTINV",
  ],
  [SIGSEGV]: ["SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR"],
  [SIGBUS]: ["BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR"],
  [SIGTRAP]: ["TRAP_BRKPT", "TRAP_TRACE", "TRAP_BRANCH", "TRAP_HWBKPT"],
};

const FAULTS: ReadonlySet<number> = new Set([SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP]);
const CLD_EXITED = 1;

/** struct siginfo as a value. */
export function signalInfoValue(bytes: Uint8Array): Value {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const signal = view.getInt32(0, true);
  const code = view.getInt32(8, true);
  const codeName = CODES_OF_SIGNAL[signal]?.[code - 1] ?? CODES[code] ?? String(code);
  return struct([
    { name: "si_signo", value: word(signalName(signal)) },
    { name: "si_code", value: word(codeName) },
    ...detailFields(view, signal, code),
  ]);
}

function detailFields(view: DataView, signal: number, code: number): Field[] {
  const sender: Field[] = [
    { name: "si_pid", value: decimal(view.getInt32(16, true)) },
    { name: "si_uid", value: decimal(view.getUint32(20, true)) },
  ];
  if (signal === SIGCHLD && code > 0) {
    const status = view.getInt32(24, true);
    return [
      ...sender,
      { name: "si_status", value: code === CLD_EXITED ? decimal(status) : word(signalName(status)) },
      { name: "si_utime", value: time(view.getBigInt64(32, true)) },
      { name: "si_stime", value: time(view.getBigInt64(40, true)) },
    ];
  }
  if (FAULTS.has(signal) && code > 0)
    return code === 128
      ? []
      : [{ name: "si_addr", value: { kind: "pointer", address: view.getBigUint64(16, true) } }];
  if (code === -1)
    return [
      ...sender,
      { name: "si_int", value: decimal(view.getInt32(24, true)) },
      { name: "si_ptr", value: { kind: "pointer", address: view.getBigUint64(24, true) } },
    ];
  return code === 128 ? [] : sender;
}

/** Clock ticks, with what they are in seconds. */
function time(ticks: bigint): Value {
  if (ticks === 0n) return decimal(0);
  const seconds = Number(ticks) / TICKS_A_SECOND;
  return { kind: "commented", value: decimal(ticks), comment: `${Number(seconds.toFixed(2))} s` };
}

/** USER_HZ, the same on every architecture that bpfkit knows. */
const TICKS_A_SECOND = 100;

function word(text: string): Value {
  return { kind: "word", text };
}
