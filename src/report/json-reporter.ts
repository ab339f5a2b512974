import { locate, type Diagnostic } from "../diagnostic.ts";
import { argumentDecoder, type DecodeContext } from "./decode.ts";
import { compileJoin } from "./join-writer.ts";
import { OutputBuffer } from "./output-buffer.ts";
import { compilePrintf, type RecordWriter } from "./printf.ts";
import type { RecordHandler, Reporter, ShownAction } from "./reporter.ts";
import type { ReporterOptions } from "./text-reporter.ts";
import { clockText } from "./time-writer.ts";
import { jsonLine, jsonString, mapJson, valueJson } from "./value-json.ts";
import type { MapSnapshot, Value } from "./value.ts";

/** The script's own messages have types of their own. */
const MESSAGE_TYPES: Readonly<Record<string, string>> = { "trace/errorf": "errorf", "trace/warnf": "warnf" };

/** `-f json`: one object a line, in bpftrace's shapes; always valid UTF-8. */
export class JsonReporter implements Reporter {
  readonly encoding = "utf8";
  readonly #options: ReporterOptions;
  readonly #context: DecodeContext;

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#context = { resolver: options.resolver, encoding: this.encoding };
  }

  handler(action: ShownAction, size: number): RecordHandler {
    switch (action.kind) {
      // Text is made from bytes, and becomes UTF-8 as a whole.
      case "printf":
        return this.#text(
          "printf",
          compilePrintf(action.format, action.args, size, { ...this.#context, encoding: "latin1" }),
          0,
        );
      case "join":
        return this.#text("join", compileJoin(action.separator, action.offset), 1);
      case "time": {
        const text = clockText(action.format, () => this.#options.resolver.now());
        return () => this.#line("time", jsonString(text()));
      }
      case "printValue": {
        const decode = argumentDecoder(action.value, size, this.#context);
        return (memory, at, end) => this.#line("value", valueJson(decode(memory, at, end)));
      }
    }
  }

  map(snapshot: MapSnapshot): void {
    const line = mapJson(snapshot);
    if (line !== undefined) this.#write(line);
  }

  value(value: Value): void {
    this.#line("value", valueJson(value));
  }

  content(kind: "cat" | "syscall", bytes: Uint8Array): void {
    this.#line(kind, jsonString(Buffer.from(bytes).toString("utf8")));
  }

  attached(probes: number): void {
    if (this.#options.quiet) return;
    this.#write(`{"type": "attached_probes", "count": ${probes}, "data": {"probes": ${probes}}}`);
  }

  lost(events: number | bigint): void {
    this.#write(`{"type": "lost_events", "count": ${events}, "data": {"events": ${events}}}`);
  }

  missed(probe: string, hits: bigint): void {
    this.#line("missed_hits", `{"probe": ${jsonString(probe)}, "hits": ${hits}}`);
  }

  diagnostic({ code, message, severity, span }: Diagnostic): void {
    if (severity === "warning" && this.#options.noWarnings) return;
    const place = span && locate(span.source, span.start);
    const where = place
      ? `, "filename": ${jsonString(span.source.name)}, "line": ${place.line}, "col": ${place.column}`
      : "";
    this.#write(
      `{"type": "${MESSAGE_TYPES[code] ?? "runtime_error"}", "msg": ${jsonString(message)}${where}}`,
    );
  }

  end(): void {
    // JSON lines need no mark between events and maps.
  }

  /** `dropped`: bytes at the end that belong to the text output only. */
  #text(type: string, write: RecordWriter, dropped: number): RecordHandler {
    const scratch = new OutputBuffer(1024);
    return (memory, at, end) => {
      scratch.clear();
      write(memory, at, end, scratch);
      const text = scratch.bytes.toString("utf8", 0, Math.max(0, scratch.length - dropped));
      this.#line(type, jsonString(text));
    };
  }

  #line(type: string, data: string): void {
    this.#write(jsonLine(type, data));
  }

  #write(line: string): void {
    this.#options.output.buffer.utf8(`${line}\n`);
    this.#options.output.recordEnd();
  }
}
