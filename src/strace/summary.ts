import { bpfCommand } from "./bpf-call.ts";
import type { Call } from "./session.ts";

interface Row {
  readonly name: string;
  calls: number;
  errors: number;
  /** Milliseconds. */
  time: number;
}

/** How often each call was made, bpf(2) by its commands. */
export class CallSummary {
  readonly #rows = new Map<string, Row>();

  add(call: Call): void {
    const name = call.name === "bpf" ? `bpf(BPF_${bpfCommand(call.raw) ?? "???"})` : call.name;
    const row = this.#rows.get(name) ?? { name, calls: 0, errors: 0, time: 0 };
    row.calls++;
    row.time += call.duration;
    if (call.result?.failed === true) row.errors++;
    this.#rows.set(name, row);
  }

  /** Rows with the most time first, and their sum. */
  text(): string {
    const rows = [...this.#rows.values()].sort((a, b) => b.time - a.time);
    const total: Row = { name: "total", calls: 0, errors: 0, time: 0 };
    for (const { calls, errors, time } of rows) {
      total.calls += calls;
      total.errors += errors;
      total.time += time;
    }
    const head = ["% time", "seconds", "usecs/call", "calls", "errors"].map(pad).join(" ");
    const line = (row: Row): string => `${columns(row, total.time)} ${row.name}\n`;
    return `${head} call\n${rows.map(line).join("")}${line(total)}`;
  }
}

function columns({ calls, errors, time }: Row, all: number): string {
  const share = all === 0 ? 0 : (100 * time) / all;
  const each = calls === 0 ? 0 : Math.round((1000 * time) / calls);
  return [share.toFixed(2), (time / 1000).toFixed(6), each, calls, errors === 0 ? "" : errors]
    .map(pad)
    .join(" ");
}

function pad(cell: string | number): string {
  return String(cell).padStart(10);
}
