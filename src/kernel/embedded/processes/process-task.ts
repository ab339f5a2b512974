import type { ProcessTracer } from "../../index.ts";
import type { Task } from "../events/index.ts";
import type { ProcTask } from "./proc-files.ts";
import type { ProcessFacts } from "./process-facts.ts";
import type { TaskTable } from "./task-table.ts";

/** Threads rename themselves by prctl(2), which is seen; others rename them so rarely that a look now and then does. */
const COMM_MILLISECONDS = 100;
/** PERF_MAX_STACK_DEPTH */
const DEEPEST_STACK = 127;

/** A thread as programs see it. What /proc tells is read when it is asked for, once a stop. */
export class ProcessTask implements Task {
  readonly pid: number;
  readonly #tracer: () => ProcessTracer | undefined;
  readonly #table: TaskTable | undefined;
  readonly #facts: ProcessFacts;
  #proc: ProcTask | undefined;
  #tgid: number | undefined;
  #comm: string | undefined;
  #commReadAt = 0;

  constructor(
    pid: number,
    tracer: () => ProcessTracer | undefined,
    table: TaskTable | undefined,
    facts: ProcessFacts,
  ) {
    this.pid = pid;
    this.#tracer = tracer;
    this.#table = table;
    this.#facts = facts;
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
      this.#comm = this.#facts.comm(this.pid);
      this.#commReadAt = now;
    }
    return this.#comm;
  }

  get cgroupId(): bigint {
    return this.#facts.cgroup(this.pid).id;
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

  readUserText(address: bigint, into: Uint8Array): number {
    const bytes = this.#tracer()?.read(this.pid, address, into.length) ?? new Uint8Array(0);
    const end = bytes.indexOf(0);
    if (end < 0 && bytes.length < into.length) return -1;
    const text = end < 0 ? bytes : bytes.subarray(0, end + 1);
    into.set(text);
    return text.length;
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
    return (this.#proc ??= this.#facts.task(this.pid));
  }
}
