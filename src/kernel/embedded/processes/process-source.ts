import { BpfkitError } from "../../../errors.ts";
import type {
  CallFilter,
  FollowedProcess,
  HostFiles,
  LeftProcesses,
  ProcessEnd,
  ProcessHost,
  ProcessTracer,
  TracedCommand,
  TraceStop,
} from "../../index.ts";
import type { EventHost, EventSource, Hook, Task } from "../events/index.ts";
import { hookName } from "../events/index.ts";
import { readText } from "./proc-files.ts";
import { procFacts } from "./process-facts.ts";
import type { ProcessFacts } from "./process-facts.ts";
import { ProcessTask } from "./process-task.ts";
import { TaskTable } from "./task-table.ts";
import { ownBtf } from "../types/index.ts";
import { RAW_TRACEPOINTS, RecordWriter, Tracepoints } from "./tracepoints.ts";
import type { Tracepoint } from "./tracepoints.ts";
import { UserProbes } from "./user-probes.ts";
import type { CodeMapping } from "./user-probes.ts";

/** While stops come without a pause, the event loop gets a turn this often. */
const TURN_MILLISECONDS = 5;

/**
 * Events of real processes, without the rights that the real kernel wants: they run under ptrace, and what they do
 * runs the programs that are attached to it while they stand still.
 */
export class ProcessSource implements EventSource, ProcessHost, Disposable {
  readonly #open: () => ProcessTracer;
  readonly #points: Tracepoints;
  readonly #probes: UserProbes;
  readonly #hooks = new Map<string, { readonly hook: Hook; count: number }>();
  readonly #calls = new Map<number, OpenCall>();
  /** By number; forgotten when something else is attached. */
  readonly #wanted = new Map<number, WantedCall>();
  readonly #ends = new Map<number, (end: ProcessEnd) => void>();
  readonly #tasks = new Map<number, ProcessTask>();
  #host: EventHost | undefined;
  #table: TaskTable | undefined;
  #tracer: ProcessTracer | undefined;
  #running = false;
  #disposed = false;
  /** In the embedded kernel's memory; 0 before it is needed. */
  #registers = 0;
  #btf: Uint8Array | undefined;
  /** Processes that run already, until their probes are placed. */
  readonly #attached: number[] = [];

  readonly #arch: string;
  readonly facts: ProcessFacts;

  constructor(arch: string, open: () => ProcessTracer, facts: ProcessFacts = procFacts) {
    this.#arch = arch;
    this.facts = facts;
    this.#open = open;
    this.#points = new Tracepoints(arch);
    this.#probes = new UserProbes(arch);
  }

  readonly files: Partial<HostFiles> = {
    btf: (module) => {
      if (module !== undefined && module !== "vmlinux")
        throw new BpfkitError(`The embedded kernel has no module ${module}`, { code: "kernel/no-btf" });
      return (this.#btf ??= ownBtf());
    },
    hasBtf: (module) => module === undefined || module === "vmlinux",
    btfPath: () => "the embedded kernel's own types",
    btfModules: () => [],
    tracefs: (path) => this.#points.file(path),
    tracefsDirectory: (path) => this.#points.directory(path),
  };

  start(host: EventHost): void {
    this.#host = host;
    this.#table = new TaskTable(host.memory, this.facts, () => host.structs);
  }

  attach(hook: Hook): Disposable | undefined {
    const name = hookName(hook);
    if (!this.#enable(name, hook)) return undefined;
    if (!this.#tracer)
      throw new BpfkitError(
        "The embedded kernel sees only the processes that it follows, and it follows none",
        {
          code: "kernel/no-processes",
          hints: [
            "Give it a command with -c COMMAND, or a process with -p PID",
            "Events of the whole system need bpf(2): run as root, or with CAP_BPF and CAP_PERFMON",
          ],
        },
      );
    const entry = this.#hooks.get(name) ?? { hook, count: 0 };
    entry.count++;
    this.#hooks.set(name, entry);
    this.#wanted.clear();
    if (this.#running && hook.kind === "uprobe") this.#probes.placeAll(this.#tracer);
    return {
      [Symbol.dispose]: () => {
        entry.count--;
        if (entry.count > 0) return;
        this.#hooks.delete(name);
        this.#wanted.clear();
        this.#probes.remove(this.#tracer, name);
      },
    };
  }

  tracepoint(id: number): { readonly category: string; readonly event: string } | undefined {
    return this.#points.byId(id);
  }

  task(pid: number): Task | undefined {
    return readText(`/proc/${pid}/comm`) === undefined ? undefined : this.#task(pid);
  }

  startCommand(command: TracedCommand): FollowedProcess {
    const pid = this.#openTracer().start(command);
    return { pid, ended: this.#endOf(pid) };
  }

  follow(pid: number): FollowedProcess {
    this.#openTracer().attach(pid);
    this.#attached.push(pid);
    return { pid, ended: this.#endOf(pid) };
  }

  go(): void {
    if (this.#running) return;
    this.#running = true;
    this.#openTracer().stopAt({
      calls: this.#wantedCalls(),
      exits: ["tracepoint:sched:sched_process_exit", "rawtracepoint:sched_process_exit"].some((name) =>
        this.#has(name),
      ),
    });
    for (const pid of this.#attached.splice(0)) if (this.#probes.any) this.#placeProbes(pid);
    void this.#run();
  }

  end(): LeftProcesses {
    this.#disposed = true;
    const left = this.#tracer?.end();
    this.#tracer = undefined;
    return left ?? { kept: [], killed: [] };
  }

  [Symbol.dispose](): void {
    this.end();
  }

  #openTracer(): ProcessTracer {
    return (this.#tracer ??= this.#open());
  }

  async #endOf(pid: number): Promise<ProcessEnd> {
    return new Promise((resolve) => {
      this.#ends.set(pid, resolve);
    });
  }

  /** False where there is no such event. */
  #enable(name: string, hook: Hook): boolean {
    if (hook.kind === "tracepoint") return this.#points.find(hook.category, hook.event) !== undefined;
    if (hook.kind === "rawtracepoint") return Object.hasOwn(RAW_TRACEPOINTS, hook.event);
    return hook.kind === "uprobe" && this.#probes.add(name, hook);
  }

  #has(name: string): boolean {
    return this.#hooks.has(name);
  }

  #wantedCalls(): "all" | readonly CallFilter[] {
    if (EVERY_CALL.some((name) => this.#has(name))) return "all";
    const numbers = new Set<number>();
    for (const { hook } of this.#hooks.values()) {
      if (hook.kind !== "tracepoint" || hook.category !== "syscalls") continue;
      const number = this.#points.callNumber(hook.event.replace(/^sys_(enter|exit)_/, ""));
      if (number !== undefined) numbers.add(number);
    }
    const calls: CallFilter[] = [...numbers].map((number) => ({ number }));
    const rename = this.#points.callNumber("prctl");
    if (rename !== undefined && !numbers.has(rename))
      calls.push({ number: rename, argument: { index: 0, mask: 0xffff_ffff, value: PR_SET_NAME } });
    // Code comes into a process by mmap(2), and so do counters of static probes: then probes of the file are put in.
    const mapping = this.#points.callNumber("mmap");
    if (this.#probes.any && mapping !== undefined && !numbers.has(mapping))
      calls.push({ number: mapping, argument: this.#probes.counted ? FROM_FILE : AS_CODE });
    return calls;
  }

  async #run(): Promise<void> {
    let turn = performance.now();
    while (!this.#disposed) {
      const tracer = this.#tracer;
      // Records wait to be read: the reader gets its turn as soon as nothing else is to be done.
      const stop = this.#host?.waiting === true ? tracer?.poll() : tracer?.wait();
      if (stop === undefined) break;
      if (typeof stop === "object") this.#handle(stop);
      if (typeof stop === "string" || performance.now() - turn > TURN_MILLISECONDS) {
        await new Promise((resolve) => setImmediate(resolve));
        turn = performance.now();
      }
    }
    for (const end of this.#ends.values()) end({ code: null, signal: null });
    this.#ends.clear();
  }

  #handle(stop: TraceStop): void {
    const { pid } = stop;
    this.#host?.stopped?.(pid);
    this.#tasks.get(pid)?.touch();
    this.#table?.touch(pid, stop.kind === "exec");
    switch (stop.kind) {
      case "entry":
        this.#entered(stop);
        return;
      case "exit":
        this.#returned(pid, stop.result);
        break;
      case "fork":
        if (this.#tracer && this.#probes.any)
          this.#probes.inherit(this.#tracer, pid, this.#task(pid).tgid, stop.child, stop.flags);
        this.#forked(pid, stop.child);
        break;
      case "exec":
        if (stop.former !== pid) this.#forget(stop.former);
        this.#tasks.get(pid)?.renamed();
        if (this.#probes.any) {
          this.#probes.forget(pid);
          this.#placeProbes(pid);
        }
        this.#executed(pid, stop.former);
        break;
      case "breakpoint":
        this.#hit(stop);
        break;
      case "exiting":
        this.#exiting(pid);
        break;
      case "signal":
        this.#signalled(pid, stop.signal);
        break;
      case "exited":
        this.#ended(pid, { code: stop.code, signal: null });
        return;
      case "killed":
        this.#ended(pid, { code: null, signal: stop.signal });
        return;
      default:
        break;
    }
    this.#tracer?.resume(stop);
  }

  #entered(stop: Extract<TraceStop, { kind: "entry" }>): void {
    const { pid, number, args } = stop;
    const { name, enter, all, registers, exit } = this.#wantedOf(number);
    if (registers) this.#raiseRaw("sys_enter", pid, () => [this.#registersAddress(pid), BigInt(number)]);
    if (all) this.#raise(all, pid, (record) => record.number("id", number).words("args", args));
    if (enter)
      this.#raise(enter, pid, (record) => {
        record.number("__syscall_nr", number);
        for (const [index, { name: field }] of enter.fields.slice(1).entries())
          record.number(field, args[index]!);
        return record;
      });
    const renames = name === "prctl" && args[0] === BigInt(PR_SET_NAME);
    const mapping = this.#probes.any && name === "mmap" ? this.#probes.mapping(pid, args) : undefined;
    const returns = exit || mapping !== undefined || renames;
    if (returns) this.#calls.set(pid, { number, name, mapping });
    this.#tracer?.resume(stop, { exit: returns });
  }

  /** What is wanted of a call, by what is attached. */
  #wantedOf(number: number): WantedCall {
    const known = this.#wanted.get(number);
    if (known) return known;
    const name = this.#points.callName(number);
    const wanted: WantedCall = {
      name,
      enter: name === undefined ? undefined : this.#point("syscalls", `sys_enter_${name}`),
      all: this.#point("raw_syscalls", "sys_enter"),
      registers: this.#has("rawtracepoint:sys_enter"),
      exit:
        this.#has("rawtracepoint:sys_exit") ||
        this.#has("tracepoint:raw_syscalls:sys_exit") ||
        this.#has(`tracepoint:syscalls:sys_exit_${name}`),
    };
    this.#wanted.set(number, wanted);
    return wanted;
  }

  #placeProbes(pid: number): void {
    if (this.#tracer) this.#probes.place(this.#tracer, this.#task(pid).tgid);
  }

  #hit({ pid, process, address }: Extract<TraceStop, { kind: "breakpoint" }>): void {
    const hit = this.#tracer && this.#probes.hit(this.#tracer, pid, process, address);
    if (!hit) return;
    const context = hit.registers.bytes.slice(0, CONTEXT_SIZE[this.#arch] ?? hit.registers.bytes.length);
    for (const hook of hit.hooks) this.#fire(hook, context, pid);
  }

  #returned(pid: number, result: bigint): void {
    const call = this.#calls.get(pid);
    if (!call) return;
    this.#calls.delete(pid);
    if (call.name === "prctl") this.#tasks.get(pid)?.renamed();
    const { mapping } = call;
    if (this.#tracer && mapping && result >= 0n)
      this.#probes.mapped(this.#tracer, this.#task(pid).tgid, result, mapping);
    this.#raiseRaw("sys_exit", pid, () => [this.#registersAddress(pid), result]);
    const raw = this.#point("raw_syscalls", "sys_exit");
    if (raw) this.#raise(raw, pid, (record) => record.number("id", call.number).number("ret", result));
    const point = call.name === undefined ? undefined : this.#point("syscalls", `sys_exit_${call.name}`);
    if (point)
      this.#raise(point, pid, (record) => record.number("__syscall_nr", call.number).number("ret", result));
  }

  #forked(pid: number, child: number): void {
    this.#raiseRaw("sched_process_fork", pid, () => [this.#taskPointer(pid), this.#taskPointer(child)]);
    const point = this.#point("sched", "sched_process_fork");
    if (point) {
      const names = [this.#task(pid).comm, this.facts.comm(child)] as const;
      const fill = (record: RecordWriter): RecordWriter =>
        record
          .text("parent_comm", names[0])
          .number("parent_pid", pid)
          .text("child_comm", names[1])
          .number("child_pid", child);
      this.#raise(point, pid, fill, names);
    }
    const created = this.#point("task", "task_newtask");
    if (created)
      this.#raise(created, pid, (record) => record.number("pid", child).text("comm", this.facts.comm(child)));
  }

  #executed(pid: number, former: number): void {
    this.#raiseRaw("sched_process_exec", pid, () => [this.#taskPointer(pid), BigInt(former), 0n]);
    const point = this.#point("sched", "sched_process_exec");
    if (!point) return;
    const file = readText(`/proc/${pid}/cmdline`) === undefined ? "" : this.#executable(pid);
    this.#raise(
      point,
      pid,
      (record) => record.text("filename", file).number("pid", pid).number("old_pid", former),
      [file],
    );
  }

  /** The file as it was given to execve: AT_EXECFN of the auxiliary vector. */
  #executable(pid: number): string {
    const vector = readText(`/proc/${pid}/auxv`);
    if (vector === undefined) return "";
    const words = new BigUint64Array(Uint8Array.from(Buffer.from(vector, "latin1")).buffer);
    for (let at = 0; at + 1 < words.length; at += 2)
      if (words[at] === AT_EXECFN) return this.#text(pid, words[at + 1]!);
    return "";
  }

  #text(pid: number, address: bigint): string {
    const bytes = this.#tracer?.read(pid, address, LONGEST_PATH) ?? new Uint8Array(0);
    const end = bytes.indexOf(0);
    return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString();
  }

  #exiting(pid: number): void {
    const task = this.facts.task(pid);
    this.#raiseRaw("sched_process_exit", pid, () => [this.#taskPointer(pid), task?.tgid === pid ? 1n : 0n]);
    const point = this.#point("sched", "sched_process_exit");
    if (!point) return;
    this.#raise(point, pid, (record) =>
      record
        .text("comm", task?.comm ?? "")
        .number("pid", pid)
        .number("prio", (task?.priority ?? 0) + FIRST_NORMAL_PRIORITY)
        .number("group_dead", task?.tgid === pid ? 1 : 0),
    );
  }

  #signalled(pid: number, signal: number): void {
    const point = this.#point("signal", "signal_deliver");
    if (!point) return;
    const info = this.#tracer?.signalInfo(pid);
    const view = info && new DataView(info.buffer, info.byteOffset);
    this.#raise(point, pid, (record) =>
      record
        .number("sig", signal)
        .number("errno", view?.getInt32(4, true) ?? 0)
        .number("code", view?.getInt32(8, true) ?? 0),
    );
  }

  #ended(pid: number, end: ProcessEnd): void {
    this.#forget(pid);
    this.#ends.get(pid)?.(end);
    this.#ends.delete(pid);
  }

  #forget(pid: number): void {
    this.#calls.delete(pid);
    this.#probes.forgetThread(this.#tracer, pid);
    this.#probes.forget(pid);
    this.#tasks.delete(pid);
    this.#table?.end(pid);
    this.facts.ended?.(pid);
  }

  /** The tracepoint, if a program is attached to it. */
  #point(category: string, event: string): Tracepoint | undefined {
    return this.#has(`tracepoint:${category}:${event}`) ? this.#points.find(category, event) : undefined;
  }

  #raise(
    point: Tracepoint,
    pid: number,
    fill: (record: RecordWriter) => RecordWriter,
    texts: readonly string[] = [],
  ): void {
    const record = fill(new RecordWriter(point, pid, texts));
    this.#fire(`tracepoint:${point.category}:${point.event}`, record.bytes, pid);
  }

  /** A raw tracepoint has its event's own arguments: struct bpf_raw_tracepoint_args. */
  #raiseRaw(event: string, pid: number, args: () => readonly bigint[]): void {
    const name = `rawtracepoint:${event}`;
    if (!this.#has(name)) return;
    const words = BigUint64Array.from(args(), (word) => BigInt.asUintN(64, word));
    this.#fire(name, new Uint8Array(words.buffer), pid);
  }

  #taskPointer(pid: number): bigint {
    return this.#host?.memory.pointer(this.#task(pid).address) ?? 0n;
  }

  /** The thread's struct pt_regs, until the next event. */
  #registersAddress(pid: number): bigint {
    const registers = this.#tracer?.registers(pid);
    const memory = this.#host?.memory;
    if (!registers || !memory) return 0n;
    const bytes = registers.bytes.subarray(0, CONTEXT_SIZE[this.#arch] ?? registers.bytes.length);
    this.#registers ||= memory.allocateShared(registers.bytes.length, "readonly");
    memory.slice(this.#registers, bytes.length).set(bytes);
    return memory.pointer(this.#registers);
  }

  #fire(hook: string, context: Uint8Array, pid: number): void {
    this.#host?.raise(hook, context, { task: this.#task(pid) });
  }

  #task(pid: number): ProcessTask {
    const known = this.#tasks.get(pid);
    if (known) return known;
    const task = new ProcessTask(pid, () => this.#tracer, this.#table, this.facts);
    this.#tasks.set(pid, task);
    return task;
  }
}

interface WantedCall {
  readonly name: string | undefined;
  readonly enter: Tracepoint | undefined;
  readonly all: Tracepoint | undefined;
  /** A raw tracepoint, which has the registers. */
  readonly registers: boolean;
  /** Its end, too. */
  readonly exit: boolean;
}

interface OpenCall {
  readonly number: number;
  readonly name: string | undefined;
  /** It brings code that is probed. */
  readonly mapping: CodeMapping | undefined;
}

/** struct pt_regs, as programs see it: on x86-64 the first part of what ptrace gives. */
const CONTEXT_SIZE: Readonly<Record<string, number>> = { x64: 168 };
/** mmap(2) with PROT_EXEC, and without MAP_ANONYMOUS. */
const AS_CODE = { index: 2, mask: 4, value: 4 } as const;
const FROM_FILE = { index: 3, mask: 0x20, value: 0 } as const;
const PR_SET_NAME = 15;
const EVERY_CALL = [
  "tracepoint:raw_syscalls:sys_enter",
  "tracepoint:raw_syscalls:sys_exit",
  "rawtracepoint:sys_enter",
  "rawtracepoint:sys_exit",
] as const;
const AT_EXECFN = 31n;
const LONGEST_PATH = 4096;
const FIRST_NORMAL_PRIORITY = 100;
