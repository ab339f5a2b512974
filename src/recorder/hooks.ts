import { uprobePlace, type HookTarget } from "../attach/index.ts";
import { BpfkitError } from "../errors.ts";
import { hookName } from "../kernel/embedded/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { parseTracepointFormat } from "../object/index.ts";
import { BPF_PROG_TYPE } from "../uapi/index.ts";
import type { HookFormat } from "./decode.ts";
import type { RecordedHook } from "./programs.ts";

/** A place to record at: where it is, what its program does, and what its records hold. */
export interface RecorderHook {
  readonly target: HookTarget;
  /** As the recording names it. */
  readonly name: string;
  readonly recorded: RecordedHook;
  readonly format: HookFormat;
  /** The format file of a tracepoint. */
  readonly text?: { readonly path: string; readonly contents: string };
}

/** Bytes for texts of any length behind a tracepoint's record. */
const LOCATED_ROOM = 256;
/** More than any tracepoint has. */
const MOST_CONTEXT = 2048;
/** struct pt_regs as programs may read it. */
const REGISTERS_SIZE: Readonly<Record<string, number>> = { x64: 168, arm64: 272 };

const ROLES: Readonly<Record<string, RecordedHook["role"]>> = {
  "raw_syscalls:sys_enter": "call-entry",
  "raw_syscalls:sys_exit": "call-exit",
  "sched:sched_process_fork": "fork",
  "sched:sched_process_exec": "exec",
  "sched:sched_process_exit": "exit",
};

const RECORDABLE: ReadonlySet<HookTarget["kind"]> = new Set(["tracepoint", "kprobe", "uprobe"]);

export const RECORDABLE_HINT = "Tracepoints, kprobes and uprobes can be recorded";

export function isRecordable({ kind }: HookTarget): boolean {
  return RECORDABLE.has(kind);
}

/** @throws BpfkitError for what cannot be recorded */
export function recorderHook(kernel: Kernel, target: HookTarget, index: number): RecorderHook {
  const program = `record_${index}`;
  switch (target.kind) {
    case "tracepoint":
      return tracepointHook(kernel, target, index, program);
    case "kprobe":
    case "uprobe": {
      const contextSize = REGISTERS_SIZE[kernel.release.arch] ?? 0;
      const recorded = { program, type: BPF_PROG_TYPE.KPROBE, index, contextSize, role: "plain" } as const;
      const format = { contextSize, tracepoint: false, located: [], fixedSize: contextSize };
      return { target, name: hookNameOf(kernel, target), recorded, format };
    }
    default:
      throw unrecordable(target);
  }
}

function tracepointHook(
  kernel: Kernel,
  target: Extract<HookTarget, { kind: "tracepoint" }>,
  index: number,
  program: string,
): RecorderHook {
  const { category, event } = target;
  const path = `events/${category}/${event}/format`;
  const contents = kernel.files.tracefs(path);
  if (contents === undefined)
    throw new BpfkitError(`There is no tracepoint ${category}:${event}`, { code: "record/probe" });
  const { fields } = parseTracepointFormat(contents);
  const fixedSize = Math.max(8, ...fields.map(({ offset, size }) => offset + size));
  const located = fields.flatMap(({ location, offset }) => (location === "data" ? offset : []));
  const contextSize = Math.min(MOST_CONTEXT, fixedSize + (located.length > 0 ? LOCATED_ROOM : 0));
  const child = fields.find(({ name }) => name === "child_pid")?.offset;
  const role =
    ROLES[`${category}:${event}`] ??
    (category !== "syscalls" ? "plain" : event.startsWith("sys_enter_") ? "call-entry" : "call-exit");
  return {
    target,
    name: hookName(target),
    recorded: {
      program,
      type: BPF_PROG_TYPE.TRACEPOINT,
      index,
      contextSize,
      role,
      ...(child !== undefined && { childOffset: child }),
    },
    format: { contextSize, tracepoint: true, located, fixedSize },
    text: { path, contents },
  };
}

/** As the embedded kernel names its hooks. */
export function hookNameOf(_kernel: Kernel, target: HookTarget): string {
  switch (target.kind) {
    case "tracepoint":
      return hookName(target);
    case "kprobe":
      return hookName({ ...target, offset: BigInt(target.offset) });
    case "uprobe": {
      const { path, offset } = uprobePlace(target);
      return hookName({
        kind: "uprobe",
        path,
        offset: BigInt(offset),
        return: target.return,
        counter: 0n,
        pid: -1,
      });
    }
    default:
      throw unrecordable(target);
  }
}

function unrecordable({ kind }: HookTarget): BpfkitError {
  return new BpfkitError(`Events of ${kind} probes cannot be recorded`, {
    code: "record/probe",
    hints: [RECORDABLE_HINT],
  });
}
