import {
  eventJson,
  EVENT_HEAD,
  eventLine,
  filterEvents,
  infoJson,
  infoText,
  recordingInfo,
  recordedEvents,
} from "../playback/index.ts";
import { openRecordingFile } from "../recording/index.ts";
import { RecordOutput } from "../report/index.ts";
import { usageError, type ParsedArguments } from "./arguments.ts";
import type { Invocation } from "./command.ts";
import { OutputClosedError, OutputFile } from "./output-file.ts";
import { processId } from "./parameters.ts";
import { showTimesOf } from "./recording-time.ts";

type View = (file: string, parsed: ParsedArguments, invocation: Invocation) => void;

/** What `record WORD FILE` shows of a recording. */
export const RECORD_VIEWS: Readonly<Record<string, View>> = { info: showInfo, show: showEvents };

function showInfo(path: string, { options }: ParsedArguments): void {
  const { input, reader } = openRecordingFile(path);
  using _input = input;
  showTimesOf(reader.environment);
  const info = recordingInfo(reader);
  write(options.get("format") === "json" ? [`${JSON.stringify(infoJson(info))}\n`] : [infoText(info)]);
}

function showEvents(path: string, { options }: ParsedArguments, invocation: Invocation): void {
  const { input, reader } = openRecordingFile(path);
  using _input = input;
  const json = options.get("format") === "json";
  const pid = processId(options.get("pid"), invocation);
  const probes = probesOf(options.get("event"), invocation);
  const wanted = filterEvents(recordedEvents(reader), { pid, probes });
  function* lines(): Generator<string, void> {
    if (!json) yield EVENT_HEAD;
    for (const event of wanted) yield json ? `${JSON.stringify(eventJson(event))}\n` : eventLine(event);
  }
  write(lines());
  if (reader.damage) process.stderr.write(`The recording is not whole: ${reader.damage.reason}\n`);
}

/** Probes as in a script: `tracepoint:sched:*,t:syscalls:sys_enter_open*`. */
function probesOf(text: string | undefined, invocation: Invocation): readonly string[] | undefined {
  const probes = text?.split(",").map((part) => part.trim());
  if (probes?.includes("")) throw usageError("Option -e takes probes, as tracepoint:sched:*", invocation);
  return probes;
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
