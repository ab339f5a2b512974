import type { Kernel } from "../kernel/index.ts";
import type { ReplayKernel } from "../kernel/embedded/index.ts";
import { LibraryError } from "./library-error.ts";

/**
 * A recording that goes by on a kernel of its own: objects and scripts that run on it see its events, its memory and its
 * time. Replays are made by {@link Recording.replay}.
 *
 * @example
 * ```ts
 * import { openRecording, trace } from "bpfkit";
 *
 * using recording = openRecording("run.rec");
 * using replay = await recording.replay();
 * await using session = await trace("tracepoint:raw_syscalls:sys_enter { @calls = count(); }", { kernel: replay.kernel });
 * await replay.to(4);
 * console.log(replay.event, session.maps()[0]?.entries);
 * await replay.run();
 * console.log(replay.event, session.maps()[0]?.entries, replay.ended);
 * // prints 4 [ { value: 2 } ]
 * // prints 6 [ { value: 3 } ] true
 * ```
 */
export class Replay implements Disposable {
  /** For `load`, `trace`, `compile` and all else that takes a kernel. */
  readonly kernel: Kernel;
  readonly #replay: ReplayKernel;

  /** Replays are made by {@link Recording.replay}. */
  constructor(replay: ReplayKernel) {
    this.#replay = replay;
    this.kernel = replay.kernel;
  }

  /** Number of the event that it stands behind; 0 before the first. */
  get event(): number {
    return this.#replay.processes.events;
  }

  /** It has reached the recording's end. */
  get ended(): boolean {
    return this.#replay.processes.finished;
  }

  /** Reads of memory that the recording does not hold: they failed. */
  get missing(): number {
    return this.#replay.processes.missing;
  }

  /** Events that the recorder lost. */
  get lost(): number {
    return this.#replay.processes.lost;
  }

  /**
   * Goes on until it stands behind the event of this number, or at the end of the recording.
   * @throws LibraryError `library/wrong-kind` for an event that is behind it already
   */
  async to(event: number): Promise<void> {
    if (event < this.event)
      throw new LibraryError("library/wrong-kind", `The replay is behind event ${this.event} already`, [
        "Going back takes a new replay of the recording",
      ]);
    await this.#replay.processes.advance(event);
  }

  /** Goes on to the end. */
  async run(): Promise<void> {
    await this.#replay.processes.advance();
  }

  [Symbol.dispose](): void {
    this.#replay.processes[Symbol.dispose]();
    this.#replay.kernel[Symbol.dispose]();
  }
}
