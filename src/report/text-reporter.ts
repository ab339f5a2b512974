import type { Diagnostic } from "../diagnostic.ts";
import { argumentDecoder, type DecodeContext, type Resolver } from "./decode.ts";
import { diagnosticHeadline, renderDiagnostic } from "./diagnostic-text.ts";
import { compileJoin } from "./join-writer.ts";
import { compilePrintf, type RecordWriter } from "./printf.ts";
import type { RecordOutput } from "./record-output.ts";
import type { RecordHandler, Reporter, ShownAction } from "./reporter.ts";
import type { Style } from "./style.ts";
import { clockText } from "./time-writer.ts";
import { mapText, valueText } from "./value-text.ts";
import type { MapSnapshot, Value } from "./value.ts";

export interface ReporterOptions {
  readonly output: RecordOutput;
  /** Messages about the run, one line (or more) each. */
  readonly message: (line: string) => void;
  readonly style: Style;
  readonly resolver: Resolver;
  readonly quiet: boolean;
  /** Warnings, those of warnf() too, are not shown. */
  readonly noWarnings?: boolean;
}

/** bpftrace's text output. */
export class TextReporter implements Reporter {
  readonly encoding = "latin1";
  readonly #options: ReporterOptions;
  readonly #context: DecodeContext;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#context = { resolver: options.resolver, encoding: this.encoding };
  }

  handler(action: ShownAction, size: number): RecordHandler {
    const { output } = this.#options;
    const { buffer } = output;
    const write = this.#writer(action, size);
    return (memory, at, end) => {
      write(memory, at, end, buffer);
      output.recordEnd();
    };
  }

  #writer(action: ShownAction, size: number): RecordWriter {
    switch (action.kind) {
      case "printf":
        return compilePrintf(action.format, action.args, size, this.#context);
      case "join":
        return compileJoin(action.separator, action.offset);
      case "time": {
        const text = clockText(action.format, () => this.#options.resolver.now());
        return (_memory, _at, _end, out) => out.utf8(text());
      }
      case "printValue": {
        const decode = argumentDecoder(action.value, size, this.#context);
        return (memory, at, end, out) => out.latin1(`${valueText(decode(memory, at, end))}\n`);
      }
    }
  }

  map(snapshot: MapSnapshot): void {
    this.#write(mapText(snapshot));
  }

  value(value: Value): void {
    this.#write(`${valueText(value)}\n`);
  }

  content(kind: "cat" | "syscall", bytes: Uint8Array): void {
    const { buffer } = this.#options.output;
    buffer.reserve(bytes.length + 1);
    buffer.copy(bytes);
    if (kind === "syscall") buffer.fill(10, 1);
    this.#options.output.recordEnd();
  }

  attached(probes: number): void {
    if (!this.#options.quiet) this.#options.message(`Attached ${probes} probe${probes === 1 ? "" : "s"}`);
  }

  lost(events: number | bigint): void {
    this.#options.message(`Lost ${events} events`);
  }

  missed(probe: string, hits: bigint): void {
    const what = `Missed ${hits} hit${hits === 1n ? "" : "s"} of ${probe}`;
    this.#options.message(`${what}: another BPF program or call was at work on the same CPU`);
  }

  diagnostic(diagnostic: Diagnostic): void {
    if (diagnostic.severity === "warning" && this.#options.noWarnings) return;
    // The script's own messages say it all; of others the source line is half the answer.
    const isOwn = diagnostic.code === "trace/errorf" || diagnostic.code === "trace/warnf";
    const { style } = this.#options;
    this.#options.message(
      isOwn ? diagnosticHeadline(diagnostic, style) : renderDiagnostic(diagnostic, style),
    );
  }

  end(): void {
    this.#write("\n\n");
  }

  #write(latin1: string): void {
    this.#options.output.buffer.latin1(latin1);
    this.#options.output.recordEnd();
  }
}
