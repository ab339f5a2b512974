/** A line that a program printed. */
export interface PrintkLine {
  readonly comm: string;
  readonly pid: number;
  readonly cpu: number;
  /** Seconds since boot, as the kernel wrote them. */
  readonly time: string;
  readonly text: string;
}

/** `            cat-1234    [001] ...21  5012.345678: bpf_trace_printk: text` */
const LINE = /^\s*(.*)-(\d+)\s+\[(\d+)\]\s+\S+\s+([\d.]+): bpf_trace_printk: ([^]*)$/;

/** Puts lines together from pieces of the pipe; text with newlines of its own takes several of its lines. */
export class PrintkParser {
  readonly #emit: (line: PrintkLine) => void;
  #rest = "";
  #open: PrintkLine | undefined;

  constructor(emit: (line: PrintkLine) => void) {
    this.#emit = emit;
  }

  push(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }

  /** At a pause of the pipe: the last line is whole. */
  flush(): void {
    if (this.#open) this.#emit(trimmed(this.#open));
    this.#open = undefined;
  }

  #line(line: string): void {
    const [, comm, pid, cpu, time, text] = LINE.exec(line) ?? [];
    if (comm !== undefined && time !== undefined && text !== undefined) {
      this.flush();
      this.#open = { comm, pid: Number(pid), cpu: Number(cpu), time, text };
    } else if (this.#open) this.#open = { ...this.#open, text: `${this.#open.text}\n${line}` };
  }
}

function trimmed(line: PrintkLine): PrintkLine {
  return { ...line, text: line.text.replace(/\n+$/, "") };
}
