import { plainJson, plainText } from "./plain-value.ts";
import type { RecordOutput } from "./record-output.ts";
import type { Style } from "./style.ts";
import { jsonString } from "./value-json.ts";

export interface RunReporterOptions {
  readonly output: RecordOutput;
  /** Messages about the run, a line each. */
  readonly message: (line: string) => void;
  readonly style: Style;
  readonly quiet: boolean;
  readonly json: boolean;
  /** The option that gives what a program lacks, as `a cgroup`. */
  readonly optionFor: (open: string) => string | undefined;
}

interface Line {
  readonly comm: string;
  readonly pid: number;
  readonly cpu: number;
  readonly time: string;
  readonly text: string;
}

/** Output of a C program's run: lines for people, or one JSON object a line. */
export class RunReporter {
  readonly #options: RunReporterOptions;

  constructor(options: RunReporterOptions) {
    this.#options = options;
  }

  attached(
    programs: readonly string[],
    left: readonly {
      readonly name: string;
      readonly section: string;
      readonly choice: { readonly open: string };
    }[],
  ): void {
    const { message, quiet, optionFor } = this.#options;
    if (quiet) return;
    message(`Attached ${programs.length} program${programs.length === 1 ? "" : "s"}: ${programs.join(", ")}`);
    for (const { name, section, choice } of left) {
      const option = optionFor(choice.open);
      message(
        `Not attached: ${name} (${section}) needs ${choice.open}${option === undefined ? "" : `: ${option}`}`,
      );
    }
  }

  note(text: string): void {
    if (!this.#options.quiet) this.#options.message(text);
  }

  printk({ comm, pid, cpu, time, text }: Line): void {
    if (!this.#options.json) return this.#line(`${comm}-${pid}: ${text}`);
    const data = `{"comm":${jsonString(comm)},"pid":${pid},"cpu":${cpu},"time":${jsonString(time)},"text":${jsonString(text)}}`;
    this.#line(`{"type":"printk","data":${data}}`);
  }

  event(map: string, value: unknown): void {
    this.#line(
      this.#options.json
        ? `{"type":"event","map":${jsonString(map)},"data":${plainJson(value)}}`
        : `${map} ${plainText(value)}`,
    );
  }

  lost(map: string, count: bigint): void {
    if (this.#options.json) return this.#line(`{"type":"lost","map":${jsonString(map)},"count":${count}}`);
    if (!this.#options.quiet) this.#options.message(`Lost ${count} records of ${map}`);
  }

  iterator(program: string, chunk: Uint8Array): void {
    const { output, json } = this.#options;
    if (json) {
      const text = Buffer.from(chunk).toString("utf8");
      return this.#line(`{"type":"iterator","program":${jsonString(program)},"text":${jsonString(text)}}`);
    }
    output.buffer.reserve(chunk.length);
    output.buffer.copy(chunk);
    output.recordEnd();
  }

  map(name: string, entries: readonly (readonly [key: unknown, value: unknown])[]): void {
    const shown = entries.filter(([, value]) => !isZero(value));
    if (shown.length === 0) return;
    if (this.#options.json) {
      const pairs = shown.map(([key, value]) => `{"key":${plainJson(key)},"value":${plainJson(value)}}`);
      return this.#line(`{"type":"map","map":${jsonString(name)},"data":[${pairs.join(",")}]}`);
    }
    this.#line(`\n${name}:`);
    for (const [key, value] of shown) this.#line(`  ${plainText(key)}: ${plainText(value)}`);
  }

  globals(values: Readonly<Record<string, unknown>>): void {
    const names = Object.keys(values);
    if (names.length === 0) return;
    if (this.#options.json) return this.#line(`{"type":"globals","data":${plainJson(values)}}`);
    this.#line("\nglobal variables:");
    for (const name of names) this.#line(`  ${name}: ${plainText(values[name])}`);
  }

  idle(): void {
    this.#options.output.idle();
  }

  #line(text: string): void {
    const { output } = this.#options;
    output.buffer.utf8(`${text}\n`);
    output.recordEnd();
  }
}

/** Elements of arrays that were never written say nothing. */
function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isZero);
  if (value instanceof Uint8Array) return value.every((byte) => byte === 0);
  if (typeof value === "object" && value !== null) return Object.values(value).every(isZero);
  return value === 0 || value === 0n || value === "" || value === false;
}
