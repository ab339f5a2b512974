import { errnoMessage, errnoName } from "../uapi/index.ts";
import type { Call, StraceEvent } from "./session.ts";
import { signalInfoValue, signalName } from "./signals.ts";
import { argumentsText, valueText } from "./value-text.ts";

export interface LineOptions {
  /** Every line begins with the process, as in a file of several. */
  readonly pidColumn: boolean;
  /** `[pid N]` before lines while there are several processes. */
  readonly pidWhenSeveral: boolean;
  /** -t, -tt, -ttt */
  readonly time: "none" | "seconds" | "microseconds" | "epoch";
  /** -T */
  readonly duration: boolean;
  /** -y */
  readonly descriptors: boolean;
}

/** The column of the result. */
const RESULT_COLUMN = 40;

/** Errors that never reach the process: include/linux/errno.h */
const RESTARTS: Readonly<Record<number, string>> = {
  512: "ERESTARTSYS (To be restarted if SA_RESTART is set)",
  513: "ERESTARTNOINTR (To be restarted)",
  514: "ERESTARTNOHAND (To be restarted if no handler)",
  516: "ERESTART_RESTARTBLOCK (Interrupted by signal)",
};

/**
 * Events as strace's lines. A call is one line from entry to exit; where another process comes between, it is two,
 * `<unfinished ...>` and `<... resumed>`.
 */
export class LineWriter {
  readonly #options: LineOptions;
  readonly #write: (line: string) => void;
  /** The call whose line is not written yet. */
  #current: Call | undefined;
  /** What was written of calls whose lines were cut. */
  readonly #begun = new Map<Call, string>();
  #processes = 0;

  constructor(options: LineOptions, write: (line: string) => void) {
    this.#options = options;
    this.#write = write;
  }

  /** `started`: a process that is there from the beginning. */
  begin(): void {
    this.#processes++;
  }

  /** `explanation`: what stands below the line of a call that has ended. */
  event(event: StraceEvent, explanation: readonly string[] = []): void {
    if (this.#current && this.#current.pid !== event.pid) this.#cut(this.#current);
    switch (event.kind) {
      case "entry":
        this.#current = event.call;
        break;
      case "exit":
        this.#line(event.pid, this.#callText(event.call), event.call.startedAt);
        for (const line of explanation) this.#write(`    ${line}\n`);
        this.#current = undefined;
        break;
      case "signal":
        this.#line(event.pid, `--- ${signalName(event.signal)} ${infoText(event.info)} ---`);
        break;
      case "stopped":
        this.#line(event.pid, `--- stopped by ${signalName(event.signal)} ---`);
        break;
      case "attached":
        this.#processes++;
        break;
      case "superseded":
        this.#line(event.pid, `+++ superseded by execve in pid ${event.by} +++`);
        this.#processes--;
        break;
      case "exited":
        this.#abandon(event.call);
        this.#line(event.pid, `+++ exited with ${event.code} +++`);
        this.#processes--;
        break;
      case "killed":
        this.#abandon(event.call);
        this.#line(
          event.pid,
          `+++ killed by ${signalName(event.signal)}${event.coreDumped ? " (core dumped)" : ""} +++`,
        );
        this.#processes--;
        break;
    }
  }

  #cut(call: Call): void {
    const text = `${call.name}(${argumentsText(call.args).text}`;
    this.#begun.set(call, text);
    this.#line(call.pid, `${text} <unfinished ...>`, call.startedAt);
    this.#current = undefined;
  }

  #abandon(call: Call | undefined): void {
    if (!call) return;
    const begun = this.#begun.get(call);
    const text =
      begun === undefined ? `${call.name}(${argumentsText(call.args).text}` : `<... ${call.name} resumed>`;
    this.#begun.delete(call);
    this.#current = undefined;
    this.#line(call.pid, `${text} <unfinished ...>) = ?`, call.startedAt);
  }

  #callText(call: Call): string {
    const whole = `${call.name}(${argumentsText(call.args).text}) `;
    const begun = this.#begun.get(call);
    this.#begun.delete(call);
    const shown = begun === undefined ? whole : `<... ${call.name} resumed>${whole.slice(begun.length)}`;
    const column = this.#leader(call.pid, call.startedAt).length;
    return `${shown.padEnd(RESULT_COLUMN - column)}= ${this.#resultText(call)}${this.#durationText(call)}`;
  }

  #resultText({ result, returnsDescriptor, view }: Call): string {
    if (!result) return "?";
    if (result.failed) {
      const errno = Number(-result.value);
      const restart = RESTARTS[errno];
      return restart === undefined ? `-1 ${errnoName(errno)} (${errnoMessage(errno)})` : `? ${restart}`;
    }
    const target =
      this.#options.descriptors && returnsDescriptor ? view.descriptor(Number(result.value)) : undefined;
    return target === undefined ? result.value.toString() : `${result.value}<${target}>`;
  }

  #durationText({ duration }: Call): string {
    return this.#options.duration ? ` <${(duration / 1000).toFixed(6)}>` : "";
  }

  #line(pid: number, text: string, time: number = performance.timeOrigin + performance.now()): void {
    this.#write(`${this.#leader(pid, time)}${text}\n`);
  }

  #leader(pid: number, time: number): string {
    const { pidColumn, pidWhenSeveral } = this.#options;
    const process = pidColumn
      ? `${String(pid).padEnd(5)} `
      : pidWhenSeveral && this.#processes > 1
        ? `[pid ${String(pid).padStart(5)}] `
        : "";
    return process + this.#time(time);
  }

  #time(time: number): string {
    const microseconds = String(Math.floor((time % 1000) * 1000)).padStart(6, "0");
    const date = new Date(time);
    const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
    const fraction = `${String(date.getMilliseconds()).padStart(3, "0")}${microseconds.slice(3)}`;
    switch (this.#options.time) {
      case "none":
        return "";
      case "seconds":
        return `${clock} `;
      case "microseconds":
        return `${clock}.${fraction} `;
      case "epoch":
        return `${Math.floor(time / 1000)}.${fraction} `;
    }
  }
}

function infoText(info: Uint8Array | undefined): string {
  return info ? valueText(signalInfoValue(info)).text : "{}";
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
