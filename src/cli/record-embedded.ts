import { once } from "node:events";
import { Features } from "../loader/index.ts";
import type { Reporter } from "../report/index.ts";
import { commandOf, TraceSession } from "../trace/index.ts";
import type { ParsedArguments } from "./arguments.ts";
import type { Invocation } from "./command.ts";
import { scriptOf, type RecordRequest, type RecordResult } from "./record-request.ts";
import { openRecorder } from "./recording-kernel.ts";
import { compileHere } from "./script.ts";

/** Records what processes under ptrace do. */
export async function recordEmbedded(
  request: RecordRequest,
  parsed: ParsedArguments,
  invocation: Invocation,
): Promise<RecordResult> {
  const { path, probes, command, pid, stop } = request;
  const events = probes === undefined ? "all" : "processes";
  using recorder = await openRecorder(path, parsed, events, invocation);
  const { kernel, processes, writer } = recorder;
  if (probes === undefined) {
    const { ended } =
      pid === undefined ? processes.startCommand(commandOf(command ?? "")) : processes.follow(pid);
    request.began(writer);
    processes.go();
    await Promise.race([ended, stop.aborted ? undefined : once(stop, "abort")]);
  } else {
    const { object, plan } = compileHere(scriptOf(probes, kernel, request));
    const session = new TraceSession(object, plan, {
      kernel,
      features: new Features(kernel),
      reporter: () => SILENT,
      processes,
      attached: () => request.began(writer),
      ...(pid !== undefined && { pid }),
      ...(command !== undefined && { command }),
    });
    stop.addEventListener("abort", () => session.stop());
    await session.run();
  }
  const remarks = recorder.finish();
  return { events: writer.events, bytes: writer.bytes, lost: 0n, remarks };
}

const SILENT: Reporter = {
  encoding: "latin1",
  handler: () => () => undefined,
  map: () => undefined,
  value: () => undefined,
  content: () => undefined,
  attached: () => undefined,
  lost: () => undefined,
  missed: () => undefined,
  diagnostic: () => undefined,
  end: () => undefined,
};
