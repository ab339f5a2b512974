import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { ProcessTracer, TraceStop } from "../kernel/index.ts";
import { CALLS } from "./calls.ts";
import type { CallName } from "./calls.ts";
import type { Detail, ProcessView } from "./process-view.ts";
import { settle } from "./value.ts";
import type { Value } from "./value.ts";

/** One decoded system call. */
export interface Call {
  readonly pid: number;
  readonly name: CallName;
  /** The raw arguments. */
  readonly raw: BigUint64Array;
  /** Values of the end are `later` until the call has ended. */
  args: readonly Value[];
  readonly view: ProcessView;
  /** Milliseconds since the epoch, and how long the call took. */
  readonly startedAt: number;
  duration: number;
  result?: { readonly value: bigint; readonly failed: boolean };
  readonly returnsDescriptor: boolean;
}

export type StraceEvent =
  | { readonly kind: "entry"; readonly pid: number; readonly call: Call }
  | { readonly kind: "exit"; readonly pid: number; readonly call: Call }
  | {
      readonly kind: "signal";
      readonly pid: number;
      readonly signal: number;
      readonly info: Uint8Array | undefined;
    }
  | { readonly kind: "stopped"; readonly pid: number; readonly signal: number }
  | { readonly kind: "attached"; readonly pid: number }
  | { readonly kind: "superseded"; readonly pid: number; readonly by: number }
  /** `call`: the one that it did not return from. */
  | { readonly kind: "exited"; readonly pid: number; readonly code: number; readonly call?: Call }
  | {
      readonly kind: "killed";
      readonly pid: number;
      readonly signal: number;
      readonly coreDumped: boolean;
      readonly call?: Call;
    };

export interface SessionEnd {
  /** Of the started command; undefined where there is none. */
  readonly code: number | undefined;
  readonly signal: number | undefined;
}

/** Follows processes and yields their calls decoded, entry and exit, one event at a time. */
export class StraceSession {
  readonly #tracer: ProcessTracer;
  readonly #detail: Detail;
  readonly #names = new Map<number, (typeof CALLS)[number]>();
  readonly #open = new Map<number, Call>();
  #stopped = false;

  constructor(tracer: ProcessTracer, names: ReadonlySet<CallName>, detail: Detail) {
    this.#tracer = tracer;
    this.#detail = detail;
    for (const row of CALLS) {
      const number = row.numbers[process.arch];
      if (names.has(row.name) && number !== undefined) this.#names.set(number, row);
    }
  }

  /** Ends {@link run} at the next turn; processes that were started are killed, others let go. */
  stop(): void {
    this.#stopped = true;
  }

  /** `main`: the started command, whose end is answered. */
  async run(handler: (event: StraceEvent) => void, main?: number): Promise<SessionEnd> {
    let end: SessionEnd = { code: undefined, signal: undefined };
    while (!this.#stopped) {
      const stop = this.#tracer.wait();
      if (stop === undefined) break;
      if (stop === "interrupted") {
        // Signals that came meanwhile are told here.
        await new Promise((resolve) => setImmediate(resolve));
        continue;
      }
      const event = this.#event(stop);
      if (event) handler(event);
      if (stop.pid === main && stop.kind === "exited") end = { code: stop.code, signal: undefined };
      if (stop.pid === main && stop.kind === "killed") end = { code: undefined, signal: stop.signal };
      this.#tracer.resume(stop);
    }
    return end;
  }

  #event(stop: TraceStop): StraceEvent | undefined {
    const { pid } = stop;
    switch (stop.kind) {
      case "entry": {
        const row = this.#names.get(stop.number);
        if (!row) return undefined;
        const view = this.#view(pid);
        const call: Call = {
          pid,
          name: row.name,
          raw: stop.args,
          args: row.decode(stop.args, view, this.#detail),
          view,
          startedAt: performance.timeOrigin + performance.now(),
          duration: 0,
          returnsDescriptor: row.returnsDescriptor(stop.args),
        };
        this.#open.set(pid, call);
        return { kind: "entry", pid, call };
      }
      case "exit": {
        const call = this.#open.get(pid);
        if (!call) return undefined;
        this.#open.delete(pid);
        call.duration = performance.timeOrigin + performance.now() - call.startedAt;
        call.args = call.args.map((value) => settle(value, stop));
        call.result = { value: stop.result, failed: stop.failed };
        return { kind: "exit", pid, call };
      }
      case "signal":
        return { kind: "signal", pid, signal: stop.signal, info: this.#tracer.signalInfo(pid) };
      case "groupStop":
        return { kind: "stopped", pid, signal: stop.signal };
      case "attached":
        return { kind: "attached", pid };
      case "exec":
        return stop.former === pid ? undefined : { kind: "superseded", pid, by: stop.former };
      case "exited":
        return { kind: "exited", pid, code: stop.code, ...this.#unfinished(pid) };
      case "killed":
        return {
          kind: "killed",
          pid,
          signal: stop.signal,
          coreDumped: stop.coreDumped,
          ...this.#unfinished(pid),
        };
      default:
        return undefined;
    }
  }

  #unfinished(pid: number): { readonly call?: Call } {
    const call = this.#open.get(pid);
    this.#open.delete(pid);
    return call ? { call } : {};
  }

  #view(pid: number): ProcessView {
    return {
      pid,
      read: (address, length) => this.#tracer.read(pid, address, length),
      descriptor: (fd) => {
        try {
          return readlinkSync(`/proc/${pid}/fd/${fd}`);
        } catch {
          return undefined;
        }
      },
      interfaceName,
    };
  }
}

/** Of this process's network namespace. */
function interfaceName(index: number): string | undefined {
  const root = "/sys/class/net";
  try {
    return readdirSync(root).find(
      (name) => Number(readFileSync(`${root}/${name}/ifindex`, "latin1")) === index,
    );
  } catch {
    return undefined;
  }
}
