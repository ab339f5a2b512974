import type { RecordingDamage, RecordingEnvironment, RecordingReader } from "../recording/index.ts";

/** What a recording holds. */
export interface RecordingInfo {
  readonly environment: RecordingEnvironment;
  /** Bytes of the file. */
  readonly size: number;
  readonly events: number;
  /** Events by the names of their hooks, in the recording's order. */
  readonly hooks: ReadonlyMap<string, number>;
  /** Nanoseconds from the start to the last event, or to the end. */
  readonly duration: number;
  /** Threads that something is known of. */
  readonly threads: number;
  /** Bytes of the memory of processes. */
  readonly memory: number;
  /** Events that the recorder lost. */
  readonly lost: number;
  /** It has an orderly end. */
  readonly ended: boolean;
  readonly damage: RecordingDamage | undefined;
}

/** Reads a recording from its beginning to its end. */
export function recordingInfo(reader: RecordingReader): RecordingInfo {
  const names: string[] = [];
  const counts: number[] = [];
  const threads = new Set<number>();
  let [events, duration, memory, lost, ended] = [0, 0, 0, 0, false];
  for (const entry of reader.entries()) {
    switch (entry.kind) {
      case "hook":
        names.push(entry.name);
        counts.push(0);
        break;
      case "task":
        threads.add(entry.pid);
        break;
      case "event":
        events++;
        if (counts[entry.hook] !== undefined) counts[entry.hook]!++;
        duration = Math.max(duration, entry.time);
        for (const { state, bytes } of entry.memory) if (state === "held") memory += bytes.length;
        break;
      case "lost":
        lost += entry.count;
        break;
      case "end":
        duration = Math.max(duration, entry.time);
        ended = true;
        break;
      default:
        break;
    }
  }
  const { environment, size, damage } = reader;
  const hooks = new Map(names.map((name, index) => [name, counts[index] ?? 0]));
  return {
    environment,
    size,
    events,
    hooks,
    duration,
    threads: threads.size,
    memory,
    lost,
    ended,
    damage,
  };
}
