import { BpfkitError } from "../../../errors.ts";
import type {
  CallFilter,
  FollowedProcess,
  HostFiles,
  ProcessEnd,
  ProcessHost,
  ProcessTracer,
  TracedCommand,
  TraceStop,
} from "../../index.ts";
import type { EventHost, EventSource, Hook, Task } from "../events/index.ts";
import { hookName } from "../events/index.ts";
import { cgroupOf, readComm, readProcTask, readText } from "./proc-files.ts";
import type { ProcTask } from "./proc-files.ts";
import { TaskTable } from "./task-table.ts";
import { taskBtf } from "./task-types.ts";
import { RecordWriter, Tracepoints } from "./tracepoints.ts";
import type { Tracepoint } from "./tracepoints.ts";
import { UserProbes } from "./user-probes.ts";

/** As long as events come without a pause, the event loop gets a turn this often. */
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
  readonly #ends = new Map<number, (end: ProcessEnd) => void>();
  readonly #tasks = new Map<number, ProcessTask>();
  #host: EventHost | undefined;
  #table: TaskTable | undefined;
  #tracer: ProcessTracer | undefined;
  #running = false;
  #disposed = false;
  #raised = false;
  #btf: Uint8Array | undefined;
  /** Processes that run already, until their probes are placed. */
  readonly #attached: number[] = [];

  readonly #arch: string;

  constructor(arch: string, open: () => ProcessTracer) {
    this.#arch = arch;
    this.#open = open;
    this.#points = new Tracepoints(arch);
    this.#probes = new UserProbes(arch);
  }

  readonly files: Partial<HostFiles> = {
    btf: (module) => {
      if (module !== undefined && module !== "vmlinux")
        throw new BpfkitError(`The embedded kernel has no module ${module}`, { code: "kernel/no-btf" });
      return (this.#btf ??= taskBtf());
    },
    hasBtf: (module) => module === undefined || module === "vmlinux",
    btfPath: () => "the embedded kernel's own types",
    btfModules: () => [],
    tracefs: (path) => this.#points.file(path),
    tracefsDirectory: (path) => this.#points.directory(path),
  };

  start(host: EventHost): void {
    this.#host = host;
    this.#table = new TaskTable(host.memory);
  }

  attach(hook: Hook): Disposable | undefined {
    const name = hookName(hook);
    if (!this.#enable(name, hook)) return undefined;
    const entry = this.#hooks.get(name) ?? { hook, count: 0 };
    entry.count++;
    this.#hooks.set(name, entry);
    return {
      [Symbol.dispose]: () => {
        entry.count--;
        if (entry.count > 0) return;
        this.#hooks.delete(name);
        this.#probes.remove(name);
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
      exits: this.#has("tracepoint:sched:sched_process_exit"),
    });
    for (const pid of this.#attached.splice(0)) if (this.#probes.any) this.#placeProbes(pid);
    void this.#run();
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#tracer?.[Symbol.dispose]();
    this.#tracer = undefined;
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
    return hook.kind === "uprobe" && this.#probes.add(name, hook);
  }

  #has(name: string): boolean {
    return this.#hooks.has(name);
  }

  #wantedCalls(): "all" | readonly CallFilter[] {
    if (this.#has("tracepoint:raw_syscalls:sys_enter") || this.#has("tracepoint:raw_syscalls:sys_exit"))
      return "all";
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
    // Code comes into a process by mmap(2): then probes of its file are put in.
    const mapping = this.#points.callNumber("mmap");
    if (this.#probes.any && mapping !== undefined && !numbers.has(mapping))
      calls.push({ number: mapping, argument: { index: 2, mask: PROT_EXEC, value: PROT_EXEC } });
    return calls;
  }

  async #run(): Promise<void> {
    let turn = performance.now();
    while (!this.#disposed) {
      const tracer = this.#tracer;
      // Records wait to be read: the reader gets its turn as soon as nothing else is to be done.
      const stop = this.#raised ? tracer?.poll() : tracer?.wait();
      if (stop === undefined) break;
      if (typeof stop === "object") this.#handle(stop);
      const idle = typeof stop === "string";
      if (idle || (this.#raised && performance.now() - turn > TURN_MILLISECONDS)) {
        this.#raised = false;
        await new Promise((resolve) => setImmediate(resolve));
        turn = performance.now();
      }
    }
    for (const end of this.#ends.values()) end({ code: null, signal: null });
    this.#ends.clear();
  }

  #handle(stop: TraceStop): void {
    const { pid } = stop;
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
      case "attached":
        this.#inheritProbes(pid);
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
    const name = this.#points.callName(number);
    const raw = this.#point("raw_syscalls", "sys_enter");
    if (raw) this.#raise(raw, pid, (record) => record.number("id", number).words("args", args));
    const point = name === undefined ? undefined : this.#point("syscalls", `sys_enter_${name}`);
    if (point) {
      this.#raise(point, pid, (record) => {
        record.number("__syscall_nr", number);
        for (const [index, { name: field }] of point.fields.slice(1).entries())
          record.number(field, args[index]!);
        return record;
      });
    }
    const exit =
      this.#has("tracepoint:raw_syscalls:sys_exit") || this.#has(`tracepoint:syscalls:sys_exit_${name}`);
    if (exit) this.#calls.set(pid, { number, name });
    const renames = name === "prctl" && args[0] === BigInt(PR_SET_NAME);
    const mapsCode = this.#probes.any && name === "mmap" && (Number(args[2]! & 0xffn) & PROT_EXEC) !== 0;
    if ((mapsCode || renames) && !exit) this.#calls.set(pid, { number, name });
    this.#tracer?.resume(stop, { exit: exit || mapsCode || renames });
  }

  #placeProbes(pid: number): void {
    if (this.#tracer) this.#probes.place(this.#tracer, this.#task(pid).tgid);
  }

  #hit({ pid, process, address }: Extract<TraceStop, { kind: "breakpoint" }>): void {
    const hit = this.#tracer && this.#probes.hit(this.#tracer, pid, process, address);
    if (!hit) return;
    const context = hit.registers.bytes.slice(0, CONTEXT_SIZE[this.#arch] ?? hit.registers.bytes.length);
    for (const hook of hit.hooks) this.#fire(hookName(hook), context, pid);
  }

  #returned(pid: number, result: bigint): void {
    const call = this.#calls.get(pid);
    if (!call) return;
    this.#calls.delete(pid);
    if (call.name === "prctl") this.#tasks.get(pid)?.renamed();
    if (this.#probes.any && call.name === "mmap") this.#placeProbes(pid);
    const raw = this.#point("raw_syscalls", "sys_exit");
    if (raw) this.#raise(raw, pid, (record) => record.number("id", call.number).number("ret", result));
    const point = call.name === undefined ? undefined : this.#point("syscalls", `sys_exit_${call.name}`);
    if (point)
      this.#raise(point, pid, (record) => record.number("__syscall_nr", call.number).number("ret", result));
  }

  #forked(pid: number, child: number): void {
    const point = this.#point("sched", "sched_process_fork");
    if (point) {
      const names = [this.#task(pid).comm, readComm(child)] as const;
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
      this.#raise(created, pid, (record) => record.number("pid", child).text("comm", readComm(child)));
  }

  /** A new process has its parent's memory, with the breakpoints in it. */
  #inheritProbes(pid: number): void {
    const task = this.#probes.any ? readProcTask(pid) : undefined;
    if (task && task.tgid === pid) this.#probes.inherit(task.parent, pid);
  }

  #executed(pid: number, former: number): void {
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
    const point = this.#point("sched", "sched_process_exit");
    if (!point) return;
    const task = readProcTask(pid);
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
    this.#raised = true;
  }

  #forget(pid: number): void {
    this.#calls.delete(pid);
    this.#probes.forget(pid);
    this.#probes.forgetThread(pid);
    this.#tasks.delete(pid);
    this.#table?.end(pid);
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

  #fire(hook: string, context: Uint8Array, pid: number): void {
    const ran = this.#host?.raise(hook, context, { task: this.#task(pid) });
    if (ran !== undefined && ran > 0) this.#raised = true;
  }

  #task(pid: number): ProcessTask {
    const known = this.#tasks.get(pid);
    if (known) return known;
    const task = new ProcessTask(pid, () => this.#tracer, this.#table);
    this.#tasks.set(pid, task);
    return task;
  }
}

interface OpenCall {
  readonly number: number;
  readonly name: string | undefined;
}

/** struct pt_regs, as programs see it: on x86-64 the first part of what ptrace gives. */
const CONTEXT_SIZE: Readonly<Record<string, number>> = { x64: 168 };
const PROT_EXEC = 4;
/** Threads rename themselves by prctl(2), which is seen; others rename them so rarely that a look now and then does. */
const COMM_MILLISECONDS = 100;
const PR_SET_NAME = 15;
/** PERF_MAX_STACK_DEPTH */
const DEEPEST_STACK = 127;
const AT_EXECFN = 31n;
const LONGEST_PATH = 4096;
const FIRST_NORMAL_PRIORITY = 100;

/** A thread as programs see it. What /proc tells is read when it is asked for, once a stop. */
class ProcessTask implements Task {
  readonly pid: number;
  readonly #tracer: () => ProcessTracer | undefined;
  readonly #table: TaskTable | undefined;
  #proc: ProcTask | undefined;
  #tgid: number | undefined;
  #comm: string | undefined;
  #commReadAt = 0;

  constructor(pid: number, tracer: () => ProcessTracer | undefined, table: TaskTable | undefined) {
    this.pid = pid;
    this.#tracer = tracer;
    this.#table = table;
  }

  touch(): void {
    this.#proc = undefined;
  }

  /** It may have another name now. */
  renamed(): void {
    this.#comm = undefined;
  }

  get tgid(): number {
    return (this.#tgid ??= this.#read()?.tgid ?? this.pid);
  }

  get uid(): number {
    return this.#read()?.uids[0] ?? 0;
  }

  get gid(): number {
    return this.#read()?.gids[0] ?? 0;
  }

  get comm(): string {
    const now = performance.now();
    if (this.#comm === undefined || now - this.#commReadAt > COMM_MILLISECONDS) {
      this.#comm = readComm(this.pid);
      this.#commReadAt = now;
    }
    return this.#comm;
  }

  get cgroupId(): bigint {
    return cgroupOf(this.pid).id;
  }

  get address(): number {
    return this.#table?.address(this.pid) ?? 0;
  }

  readUser(address: bigint, into: Uint8Array): boolean {
    const bytes = this.#tracer()?.read(this.pid, address, into.length);
    if (!bytes || bytes.length < into.length) return false;
    into.set(bytes);
    return true;
  }

  writeUser(address: bigint, bytes: Uint8Array): boolean {
    return this.#tracer()?.write(this.pid, address, bytes) ?? false;
  }

  /** By frame pointers, which code without them breaks off; the caller of its innermost function may be missing. */
  userStack(): readonly bigint[] {
    const tracer = this.#tracer();
    const registers = tracer?.registers(this.pid);
    if (!tracer || !registers) return [];
    const stack = [registers.instructionPointer];
    let frame = registers.framePointer;
    while (stack.length < DEEPEST_STACK) {
      const bytes = tracer.read(this.pid, frame, 16);
      if (bytes.length < 16) break;
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const caller = view.getBigUint64(8, true);
      const next = view.getBigUint64(0, true);
      if (caller === 0n) break;
      stack.push(caller);
      // Callers' frames lie above.
      if (next <= frame) break;
      frame = next;
    }
    return stack;
  }

  signal(number: number): number {
    try {
      process.kill(this.tgid, number);
      return 0;
    } catch {
      return -1;
    }
  }

  #read(): ProcTask | undefined {
    return (this.#proc ??= readProcTask(this.pid));
  }
}
