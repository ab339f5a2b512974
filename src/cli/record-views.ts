import {
  eventJson,
  EVENT_HEAD,
  eventLine,
  infoJson,
  infoText,
  recordingInfo,
  shownEvents,
} from "../playback/index.ts";
import { RecordOutput } from "../report/index.ts";
import { usageError, type ParsedArguments } from "./arguments.ts";
import type { Invocation } from "./command.ts";
import { OutputClosedError, OutputFile } from "./output-file.ts";
import { processId } from "./parameters.ts";
import { openRecording, showTimesOf } from "./recording-file.ts";

type View = (file: string, parsed: ParsedArguments, invocation: Invocation) => void;

/** What `record WORD FILE` shows of a recording. */
export const RECORD_VIEWS: Readonly<Record<string, View>> = { info: showInfo, show: showEvents };

function showInfo(path: string, { options }: ParsedArguments): void {
  const { input, reader } = openRecording(path);
  using _input = input;
  showTimesOf(reader.environment);
  const info = recordingInfo(reader);
  write(options.get("format") === "json" ? [`${JSON.stringify(infoJson(info))}\n`] : [infoText(info)]);
}

function showEvents(path: string, { options }: ParsedArguments, invocation: Invocation): void {
  const { input, reader } = openRecording(path);
  using _input = input;
  const json = options.get("format") === "json";
  const pid = processId(options.get("pid"), invocation);
  const wanted = patternOf(options.get("event"), invocation);
  function* lines(): Generator<string, void> {
    if (!json) yield EVENT_HEAD;
    for (const event of shownEvents(reader)) {
      if ((pid !== undefined && event.pid !== pid) || !wanted(event.probe)) continue;
      yield json ? `${JSON.stringify(eventJson(event))}\n` : eventLine(event);
    }
  }
  write(lines());
  if (reader.damage) process.stderr.write(`The recording is not whole: ${reader.damage.reason}\n`);
}

/** Probes as in a script: `tracepoint:sched:*,t:syscalls:sys_enter_open*`. */
function patternOf(text: string | undefined, invocation: Invocation): (probe: string) => boolean {
  if (text === undefined) return () => true;
  const patterns = text.split(",").map((part) => part.trim().replace(/^t:/, "tracepoint:"));
  if (patterns.includes("")) throw usageError("Option -e takes probes, as tracepoint:sched:*", invocation);
  const tests = patterns.map((pattern) => {
    const source = pattern.replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`).replaceAll("*", ".*");
    return new RegExp(`^${source.replaceAll("?", ".")}$`);
  });
  return (probe) => tests.some((test) => test.test(probe));
}

function write(texts: Iterable<string>): void {
  using file = new OutputFile();
  const output = new RecordOutput(file, "full");
  try {
    for (const text of texts) {
      output.buffer.utf8(text);
      output.recordEnd();
    }
    output.flush();
  } catch (error) {
    if (!(error instanceof OutputClosedError)) throw error;
  }
}
