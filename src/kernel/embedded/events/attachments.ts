import { failure } from "../kernel-object.ts";
import type { BpfProgram } from "../programs/program.ts";
import type { Runner } from "../programs/run.ts";
import { hookName } from "./hook.ts";
import type { Hook } from "./hook.ts";
import type { Attachment } from "./link.ts";
import type { EventSource, RaiseOptions } from "./source.ts";
import { startClock } from "./timers.ts";
import type { Timekeeper } from "./timers.ts";

/** Hooks that need no source: who raises them runs them, or who reads from them. */
const FIRED_BY_NOBODY: ReadonlySet<Hook["kind"]> = new Set<Hook["kind"]>(["target", "iterator"]);

/** Which programs run on which events. */
export class Attachments {
  readonly #runner: Runner;
  readonly #source: EventSource | undefined;
  readonly #time: Timekeeper;
  readonly #byName = new Map<string, Set<Attachment>>();

  constructor(runner: Runner, source: EventSource | undefined, time: Timekeeper) {
    this.#runner = runner;
    this.#source = source;
    this.#time = time;
  }

  /**
   * Attaches a program, to which it then refers.
   * @throws KernelFailure ENOENT where there is no such event
   */
  attach(program: BpfProgram, hook: Hook, cookie = 0n): Attachment {
    const enabled =
      (FIRED_BY_NOBODY.has(hook.kind) ? { [Symbol.dispose]: () => undefined } : undefined) ??
      startClock(hook, this.#time, (context, cpu) => this.#run(attachment, context, { cpu })) ??
      this.#source?.attach(hook);
    if (!enabled) throw failure("ENOENT");
    const name = hookName(hook);
    const attachment: Attachment = {
      hook,
      cookie,
      program: program.hold(),
      [Symbol.dispose]: () => {
        const attached = this.#byName.get(name);
        if (!attached?.delete(attachment)) return;
        if (attached.size === 0) this.#byName.delete(name);
        enabled[Symbol.dispose]();
        attachment.program.release();
      },
    };
    const attached = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, attached.add(attachment));
    return attachment;
  }

  at(name: string): Iterable<Attachment> {
    return this.#byName.get(name) ?? [];
  }

  all(): Attachment[] {
    return [...this.#byName.values()].flatMap((attached) => [...attached]);
  }

  /** Runs what is attached there; gives how many programs ran. */
  raise(name: string, context: Uint8Array, options: RaiseOptions = {}): number {
    const who = options.task ?? this.#runner.self;
    let count = 0;
    // Programs that are attached or detached meanwhile change nothing of this event.
    for (const attachment of Array.from(this.at(name))) {
      const { hook } = attachment;
      if ("pid" in hook && hook.pid >= 0 && hook.pid !== who.tgid && hook.pid !== who.pid) continue;
      this.#run(attachment, context, options);
      count++;
    }
    return count;
  }

  #run({ program, cookie }: Attachment, context: Uint8Array, { task, cpu = 0 }: RaiseOptions): void {
    const runner = this.#runner;
    runner.memory.withShared(context, (address) =>
      runner.execute({ program, task: task ?? runner.self, cpu, context: address, cookie }),
    );
  }
}
