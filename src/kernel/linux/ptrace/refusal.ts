import { readFileSync } from "node:fs";
import { BpfkitError } from "../../../errors.ts";
import { ERRNO, errnoMessage, errnoName } from "../../../uapi/index.ts";

/** CAP_SYS_PTRACE. */
const TRACE_ALL = 19n;

/** /proc/PID/status; empty where the process is gone. */
export function readStatus(pid: number | "self"): string {
  return readText(`/proc/${pid}/status`);
}

/** What yama (kernel.yama.ptrace_scope) and this process's own rights let it trace. */
export interface TracingRights {
  /** 0: all of the same user; 1: descendants; 2: nothing without CAP_SYS_PTRACE; 3: nothing. */
  readonly scope: number;
  readonly capable: boolean;
  /** The process has a seccomp filter, as in containers. */
  readonly filtered: boolean;
}

export function tracingRights(
  status: string = readStatus("self"),
  scope: string = readText("/proc/sys/kernel/yama/ptrace_scope"),
): TracingRights {
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  return {
    scope: Number(scope || "0"),
    capable: ((capabilities >> TRACE_ALL) & 1n) === 1n,
    filtered: /^Seccomp:\s*[12]$/m.test(status),
  };
}

/** Why a process cannot be traced. `started`: by this process. */
export function refusal(
  pid: number,
  errno: number,
  started: boolean,
  rights: TracingRights = tracingRights(),
): BpfkitError {
  return new BpfkitError(`Cannot trace process ${pid}: ${errnoMessage(errno)} (${errnoName(errno)})`, {
    code: errno === ERRNO.ESRCH ? "ptrace/no-process" : "ptrace/refused",
    hints: reasons(pid, errno, started, rights),
  });
}

function reasons(pid: number, errno: number, started: boolean, rights: TracingRights): string[] {
  const { scope, capable, filtered } = rights;
  if (errno === ERRNO.ESRCH) return ["The process has ended"];
  const tracer = Number(/^TracerPid:\s*(\d+)/m.exec(readStatus(pid))?.[1] ?? 0);
  if (tracer !== 0) return [`Process ${tracer} traces it already, and only one can`];
  if (scope >= 3)
    return ["kernel.yama.ptrace_scope is 3: nobody may trace on this machine until it boots again"];
  if (scope === 2 && !capable)
    return ["kernel.yama.ptrace_scope is 2: tracing takes CAP_SYS_PTRACE, also of processes that one starts"];
  // Its own children anybody may trace otherwise.
  if (started && filtered)
    return [
      "A seccomp filter of this process, as containers have one, forbids ptrace(2): allow that call",
      "With docker and podman: --cap-add SYS_PTRACE, or --security-opt seccomp=PROFILE with one that allows ptrace",
    ];
  if (scope === 1 && !capable && !started)
    return [
      "kernel.yama.ptrace_scope is 1: only descendants can be traced without CAP_SYS_PTRACE; start the command with -c",
    ];
  return ["Tracing takes the same user, or CAP_SYS_PTRACE"];
}

/** Empty where there is no such file. */
function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
