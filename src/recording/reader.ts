import {
  BLOCK_HEAD_SIZE,
  decodeBlock,
  HEAD_SIZE,
  readBlockHead,
  VERSION,
  versionOf,
  type BlockHead,
} from "./block.ts";
import { unpackEntry } from "./entry-codec.ts";
import type { Entry, RecordingEnvironment } from "./entry.ts";
import { corrupt, RecordingError } from "./error.ts";
import { Unpacker } from "./packing.ts";

/** The bytes of a recording, wherever they are. */
export interface RecordingBytes {
  readonly size: number;
  /** Bytes from there on; fewer where they end. */
  read(offset: number, length: number): Uint8Array;
}

/** Why not all of a recording can be read. */
export interface RecordingDamage {
  /** Where in the file. */
  readonly offset: number;
  readonly reason: string;
  /** It simply ends: whoever wrote it was killed, or still writes. */
  readonly truncated: boolean;
}

/** Reads a recording, block by block, so that its size does not matter. */
export class RecordingReader {
  /** @throws RecordingError `recording/not-one`, `recording/version`, `recording/corrupt` */
  static open(bytes: RecordingBytes): RecordingReader {
    const version = versionOf(bytes.read(0, HEAD_SIZE));
    if (version === undefined)
      throw new RecordingError("This is no recording", {
        code: "recording/not-one",
        hints: ["Recordings are made with bpfkit record -o FILE"],
      });
    if (version !== VERSION)
      throw new RecordingError(`This recording has version ${version}, and this bpfkit reads ${VERSION}`, {
        code: "recording/version",
        hints: ["Read it with the bpfkit that wrote it, or a later one"],
      });
    const { value: first } = entriesOf(bytes, () => undefined).next();
    if (first?.kind !== "environment")
      throw new RecordingError("The recording ends before anything was recorded", {
        code: "recording/empty",
        hints: ["Its recorder was killed in its first second, or had nothing to record"],
      });
    return new RecordingReader(bytes, first);
  }

  readonly environment: RecordingEnvironment;
  readonly #bytes: RecordingBytes;
  #damage: RecordingDamage | undefined;
  #position = 0;

  private constructor(bytes: RecordingBytes, environment: RecordingEnvironment) {
    this.#bytes = bytes;
    this.environment = environment;
  }

  /** Known once all entries were read. */
  get damage(): RecordingDamage | undefined {
    return this.#damage;
  }

  get size(): number {
    return this.#bytes.size;
  }

  /** Bytes that were read: for the progress of long ones. */
  get position(): number {
    return this.#position;
  }

  /** All entries up to the first damage, each time from the beginning. Their bytes are views. */
  *entries(): Generator<Entry, void> {
    this.#damage = undefined;
    for (const entry of entriesOf(this.#bytes, (position) => (this.#position = position), this.#damaged))
      yield entry;
  }

  readonly #damaged = (damage: RecordingDamage): void => {
    this.#damage = damage;
  };
}

function* entriesOf(
  bytes: RecordingBytes,
  moved: (position: number) => void,
  damaged: (damage: RecordingDamage) => void = () => undefined,
): Generator<Entry, void> {
  let offset = HEAD_SIZE;
  while (true) {
    let block: Block | undefined;
    try {
      block = readBlock(bytes, offset);
    } catch (error) {
      damaged(damageAt(offset, error));
      return;
    }
    if (block === undefined) {
      // Not at a block's end: the rest of a block that was not finished.
      if (offset < bytes.size) damaged({ offset, reason: "it ends within a block", truncated: true });
      return;
    }
    const from = new Unpacker(block.entries);
    while (!from.done) {
      let entry: Entry | undefined;
      try {
        const tag = from.byte();
        entry = unpackEntry(tag, from.part(from.number()));
      } catch (error) {
        damaged(damageAt(offset, error));
        return;
      }
      if (entry) yield entry;
    }
    offset = block.end;
    moved(offset);
  }
}

interface Block {
  readonly entries: Uint8Array;
  readonly end: number;
}

/** Undefined where the file ends before the block does. @throws RecordingError */
function readBlock(bytes: RecordingBytes, offset: number): Block | undefined {
  const head = bytes.read(offset, BLOCK_HEAD_SIZE);
  if (head.length < BLOCK_HEAD_SIZE) return undefined;
  const block: BlockHead = readBlockHead(head);
  // Asked before memory is taken for it.
  if (offset + BLOCK_HEAD_SIZE + block.stored > bytes.size) return undefined;
  const stored = bytes.read(offset + BLOCK_HEAD_SIZE, block.stored);
  if (stored.length < block.stored) throw corrupt("the file shrank while it was read");
  return { entries: decodeBlock(block, stored), end: offset + BLOCK_HEAD_SIZE + block.stored };
}

function damageAt(offset: number, error: unknown): RecordingDamage {
  if (!(error instanceof RecordingError)) throw error;
  return { offset, reason: error.message, truncated: false };
}

/** A recording that is in memory. */
export function recordingBytes(bytes: Uint8Array): RecordingBytes {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}
