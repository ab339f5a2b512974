import { openReplay } from "../open-kernel.ts";
import {
  filterEvents,
  recordedEvents,
  recordingInfo,
  type EventFilter,
  type RecordedEvent,
  type RecordingInfo,
} from "../playback/index.ts";
import {
  RecordingInput,
  RecordingReader,
  recordingBytes,
  type RecordingBytes,
  type RecordingEnvironment,
} from "../recording/index.ts";
import { DisposalStack } from "../util/index.ts";
import { LibraryError } from "./library-error.ts";
import { Replay } from "./replay.ts";

/** For sessions over a recording: from its first entry on. */
export let readRecording: (recording: Recording) => RecordingReader;

/**
 * Opens a recording of `bpfkit record` or `bpfkit trace --record`: a file, or its bytes.
 * @throws RecordingError for what is none, or has nothing in it
 *
 * @example
 * ```ts
 * import { openRecording } from "bpfkit";
 *
 * using recording = openRecording("run.rec");
 * console.log(recording.environment.command, recording.info().events);
 * for (const { number, comm, args } of recording.events({ probes: ["t:syscalls:sys_enter_openat"] }))
 *   console.log(number, comm, args["filename"], args["flags"]);
 * // prints sh -c cat notes.txt 6
 * // prints 3 cat notes.txt 0n
 * ```
 */
export function openRecording(input: string | Uint8Array): Recording {
  const resources = new DisposalStack();
  try {
    const bytes =
      typeof input === "string" ? resources.use(new RecordingInput(input)) : recordingBytes(input);
    return new Recording(bytes, resources);
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }
}

/**
 * The raw events of a run, in the order in which they happened. Whatever is read of it is read from its beginning:
 * its size does not matter.
 *
 * @example
 * ```ts
 * import { openRecording } from "bpfkit";
 *
 * using recording = openRecording("run.rec");
 * for (const { number, probe, args } of recording.events({ from: 5 })) console.log(number, probe, args);
 * // prints 5 tracepoint:syscalls:sys_enter_read { fd: 3n, buf: { address: 8192n }, count: 128n }
 * // prints 6 tracepoint:syscalls:sys_exit_read { ret: 5n }
 * ```
 */
export class Recording implements Iterable<RecordedEvent>, Disposable {
  /** Where and how it was made. */
  readonly environment: RecordingEnvironment;
  readonly #bytes: RecordingBytes;
  readonly #resources: DisposalStack;
  #info: RecordingInfo | undefined;
  #closed = false;

  static {
    readRecording = (recording) => recording.#reader();
  }

  /** Recordings are made by {@link openRecording}. */
  constructor(bytes: RecordingBytes, resources: DisposalStack) {
    this.environment = RecordingReader.open(bytes).environment;
    this.#bytes = bytes;
    this.#resources = resources;
  }

  /** What it holds, and whether it is whole: all of it is read once. */
  info(): RecordingInfo {
    return (this.#info ??= recordingInfo(this.#reader()));
  }

  /** Its events, or those that are wanted. The first damage of the file ends them: `info()` tells. */
  events(filter: EventFilter = {}): Generator<RecordedEvent, void> {
    return filterEvents(recordedEvents(this.#reader()), filter);
  }

  [Symbol.iterator](): Generator<RecordedEvent, void> {
    return this.events();
  }

  /** A new replay, which stands in front of the first event. It needs no rights and no Linux. */
  async replay(): Promise<Replay> {
    return new Replay(await openReplay(this.#reader(), { stepped: true }));
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#resources[Symbol.dispose]();
  }

  #reader(): RecordingReader {
    if (this.#closed) throw new LibraryError("library/closed", "The recording was closed");
    return RecordingReader.open(this.#bytes);
  }
}
