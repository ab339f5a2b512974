import type { EventEntry } from "../../../recording/index.ts";
import type { Memory } from "../memory.ts";
import type { Tracepoints } from "../processes/tracepoints.ts";
import {
  CALL_ENTRY,
  CALL_EXIT,
  CALL_RECORD,
  callName,
  callResult,
  isCallEntry,
  viewOf,
} from "./derived-events.ts";
import type { RecordedFiles } from "./recorded-files.ts";
import { callRegisters, REGISTERS_SIZE } from "./registers.ts";

/** What forms of events are made with. */
export interface FormContext {
  /** process.arch's names. */
  readonly arch: string;
  /** That the recording names. */
  readonly hooks: readonly string[];
  readonly points: Tracepoints;
  readonly files: RecordedFiles;
  readonly memory: Memory;
  /** Of a thread's task_struct, in that memory. */
  readonly address: (pid: number) => number;
}

/** Takes one form: its hook, and its record, made where it is wanted. */
export type TakeForm = (hook: string, record: () => Uint8Array) => void;

/** The forms of recorded events: a call of all calls is also one of its own tracepoint, and a raw one. */
export class EventForms {
  readonly #context: FormContext;
  /** In the embedded kernel's memory; 0 before it is needed. */
  #registers = 0;

  constructor(context: FormContext) {
    this.#context = context;
  }

  /** In the order of the process source. */
  each(hook: string, recorded: EventEntry, take: TakeForm): void {
    const event = whole(hook, recorded);
    const { context } = event;
    const raw = Object.hasOwn(RAW_FORMS, hook) ? RAW_FORMS[hook] : undefined;
    if (raw && !this.#context.hooks.includes(raw.name))
      take(raw.name, () => this.#rawArguments(raw.args, hook, event));
    take(hook, () => context);
    if (hook !== CALL_ENTRY && hook !== CALL_EXIT) return;
    const call = callName(this.#context.points, context);
    if (call === undefined) return;
    const own = `sys_${isCallEntry(hook) ? "enter" : "exit"}_${call}`;
    take(`tracepoint:syscalls:${own}`, () => this.#callRecord(own, context));
  }

  /** The record of a call's own tracepoint. */
  #callRecord(event: string, context: Uint8Array): Uint8Array {
    const point = this.#context.points.find("syscalls", event);
    const count = (point?.fields.length ?? 1) - 1;
    const record = new Uint8Array(CALL_RECORD.args + count * 8);
    record.set(context.subarray(0, record.length));
    const view = viewOf(record);
    view.setUint16(0, point?.id ?? 0, true);
    // The number has 32 bits here.
    view.setUint32(CALL_RECORD.number + 4, 0, true);
    return record;
  }

  #rawArguments(args: readonly RawArgument[], hook: string, event: EventEntry): Uint8Array {
    const words = args.map((argument) => this.#rawArgument(argument, hook, event));
    return new Uint8Array(BigUint64Array.from(words, (word) => BigInt.asUintN(64, word)).buffer);
  }

  #rawArgument(argument: RawArgument, hook: string, { pid, context }: EventEntry): bigint {
    const { memory, arch } = this.#context;
    switch (argument.is) {
      case "registers": {
        this.#registers ||= memory.allocateShared(REGISTERS_SIZE, "readonly");
        const bytes = callRegisters(arch, viewOf(context), hook === CALL_ENTRY);
        memory.slice(this.#registers, bytes.length).set(bytes);
        return memory.pointer(this.#registers);
      }
      case "call":
        return BigInt(viewOf(context).getInt32(CALL_RECORD.number, true));
      case "result":
        return callResult(context);
      case "self":
        return this.#task(pid);
      case "task":
        return this.#task(this.#field(hook, argument.field, context));
      case "number":
        return BigInt(this.#field(hook, argument.field, context));
      case "nothing":
        return 0n;
    }
  }

  #task(pid: number): bigint {
    return this.#context.memory.pointer(this.#context.address(pid));
  }

  #field(hook: string, name: string, context: Uint8Array): number {
    const [, category = "", event = ""] = hook.split(":");
    return this.#context.files.number(category, event, name, context) ?? 0;
  }
}

/** A system call's event with all of its record, whatever is in the file. */
function whole(hook: string, event: EventEntry): EventEntry {
  const size = hook === CALL_ENTRY ? ENTRY_SIZE : hook === CALL_EXIT ? EXIT_SIZE : 0;
  if (event.context.length >= size) return event;
  const context = new Uint8Array(size);
  context.set(event.context);
  return { ...event, context };
}

const ENTRY_SIZE = CALL_RECORD.args + CALL_RECORD.argCount * 8;
const EXIT_SIZE = CALL_RECORD.result + 8;

/** What an argument of a raw tracepoint is made of. */
type RawArgument =
  | { readonly is: "registers" | "call" | "result" | "self" | "nothing" }
  | { readonly is: "task" | "number"; readonly field: string };

/** Raw tracepoints that are made of recorded events, with their arguments as TP_PROTO has them. */
const RAW_FORMS: Readonly<Record<string, { readonly name: string; readonly args: readonly RawArgument[] }>> =
  {
    [CALL_ENTRY]: { name: "rawtracepoint:sys_enter", args: [{ is: "registers" }, { is: "call" }] },
    [CALL_EXIT]: { name: "rawtracepoint:sys_exit", args: [{ is: "registers" }, { is: "result" }] },
    "tracepoint:sched:sched_process_fork": {
      name: "rawtracepoint:sched_process_fork",
      args: [{ is: "self" }, { is: "task", field: "child_pid" }],
    },
    "tracepoint:sched:sched_process_exec": {
      name: "rawtracepoint:sched_process_exec",
      args: [{ is: "self" }, { is: "number", field: "old_pid" }, { is: "nothing" }],
    },
    "tracepoint:sched:sched_process_exit": {
      name: "rawtracepoint:sched_process_exit",
      args: [{ is: "self" }, { is: "number", field: "group_dead" }],
    },
  };
