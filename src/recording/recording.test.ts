import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeBlock, fileHead } from "./block.ts";
import { RecordingError, RecordingReader, recordingBytes, RecordingWriter, taskChange } from "./index.ts";
import type { Entry, RecordingEnvironment } from "./index.ts";

const ENVIRONMENT: RecordingEnvironment = {
  kind: "environment",
  kernel: "linux",
  release: "6.12.1",
  arch: "x64",
  cpus: 2,
  version: "0.1.0",
  command: "make -j2",
  pid: 4242,
  start: 1n << 62n,
  realtime: -5n,
  boottime: 7n,
  tai: 9n,
  timeZone: "Europe/Berlin",
  seed: 0xffff_ffff,
  self: { pid: 1, uid: 2, gid: 3, comm: "bpfkit", cgroupId: 4n },
  node: "host",
  system: "#1 SMP",
};

function record(entries: Iterable<Entry>): Uint8Array {
  const parts: Uint8Array[] = [];
  const writer = new RecordingWriter({ write: (bytes) => void parts.push(Uint8Array.from(bytes)) });
  writer.add(ENVIRONMENT);
  for (const entry of entries) writer.add(entry);
  writer.flush();
  return Buffer.concat(parts);
}

function readAll(bytes: Uint8Array): { entries: Entry[]; reader: RecordingReader } {
  const reader = RecordingReader.open(recordingBytes(bytes));
  return { entries: [...reader.entries()], reader };
}

/** Views of whatever kind, as one. */
function plain(entries: readonly Entry[]): Entry[] {
  return entries.map((entry) => {
    if (entry.kind === "file") return { ...entry, bytes: Uint8Array.from(entry.bytes) };
    if (entry.kind !== "event") return entry;
    const memory = entry.memory.map((piece) => ({ ...piece, bytes: Uint8Array.from(piece.bytes) }));
    return { ...entry, context: Uint8Array.from(entry.context), memory };
  });
}

const number = fc.maxSafeNat();
const word = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const bytes = fc.uint8Array({ maxLength: 300 });
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({ kind: fc.constant("file" as const), path: fc.string({ unit: "grapheme" }), bytes }),
  fc.record({ kind: fc.constant("hook" as const), name: fc.string({ unit: "grapheme" }) }),
  fc.record({
    kind: fc.constant("task" as const),
    pid: number,
    change: fc.record(
      { tgid: fc.nat(), priority: fc.integer(), userTime: word, comm: fc.string(), cgroupPath: fc.string() },
      { requiredKeys: [] },
    ),
  }),
  fc.record({ kind: fc.constant("taskEnd" as const), pid: number }),
  fc.record({
    kind: fc.constant("event" as const),
    hook: number,
    time: number,
    pid: number,
    cpu: number,
    context: bytes,
    memory: fc.array(
      fc.oneof(
        fc.record({ address: word, state: fc.constant("held" as const), bytes }),
        fc.record({
          address: word,
          state: fc.constant("fault" as const),
          bytes: fc.nat(300).map((length) => new Uint8Array(length)),
        }),
      ),
      { maxLength: 4 },
    ),
    stack: fc.array(word, { maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant("lost" as const), count: number }),
  fc.record({ kind: fc.constant("end" as const), time: number }),
);

describe("a recording", () => {
  test("is read as it was written", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), (entries) => {
        const { entries: read, reader } = readAll(record(entries));
        expect(plain(read)).toEqual(plain([ENVIRONMENT, ...entries]));
        expect(reader.damage).toBeUndefined();
        expect(reader.environment).toEqual(ENVIRONMENT);
      }),
    );
  });

  const events = Array.from({ length: 12_000 }, (_, index): Entry => ({
    kind: "event",
    hook: 0,
    time: index * 1000,
    pid: 1,
    cpu: 0,
    context: new Uint8Array(96).fill(index),
    memory: [],
    stack: [],
  }));

  test("that was cut off anywhere is read up to its last whole block, and says so", () => {
    const whole = record(events);
    const { entries: all, reader: complete } = readAll(whole);
    expect(all.length).toBe(events.length + 1);
    expect(complete.damage).toBeUndefined();
    const counts = new Set<number>();
    for (const share of [0.3, 0.5, 0.9, 0.999]) {
      const { entries, reader } = readAll(whole.subarray(0, Math.floor(whole.length * share)));
      counts.add(entries.length);
      expect(plain(entries.slice(-9))).toEqual(plain(all.slice(entries.length - 9, entries.length)));
      expect(reader.damage).toMatchObject({ truncated: true });
    }
    expect(counts.size).toBeGreaterThan(2);
  });

  test("whose bytes changed is read up to the change", () => {
    const damaged = record(events).slice();
    damaged[Math.floor(damaged.length * 0.7)]! ^= 0x40;
    const { entries, reader } = readAll(damaged);
    expect(entries.length).toBeGreaterThan(1);
    expect(entries.length).toBeLessThan(events.length);
    expect(reader.damage).toMatchObject({ truncated: false, reason: expect.stringContaining("damaged") });
  });

  test("with kinds of entries that are not known yet is read without them", () => {
    const unknown = encodeBlock(Uint8Array.of(200, 3, 1, 2, 3, 8, 1, 77));
    const { entries, reader } = readAll(Buffer.concat([record([]), unknown]));
    expect(entries.slice(1)).toEqual([{ kind: "end", time: 77 }]);
    expect(reader.damage).toBeUndefined();
  });

  test.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(0), "recording/not-one"],
    ["another file", Buffer.from("#!/bin/sh\necho hello\n"), "recording/not-one"],
    ["a later version", fileHead().map((byte, index) => (index === 9 ? 2 : byte)), "recording/version"],
    ["a head alone", fileHead(), "recording/empty"],
  ])("cannot be %s", (_, file, code) => {
    expect(() => readAll(file)).toThrow(expect.objectContaining({ code }));
  });
});

describe("hostile files", () => {
  test("random bytes behind the head", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (tail) => survives(Buffer.concat([fileHead(), tail]))),
    );
  });

  test("whole blocks of random entries", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (entries) =>
        survives(Buffer.concat([record([]), encodeBlock(entries)])),
      ),
      { numRuns: 500 },
    );
  });

  test("entries with some bytes changed, in blocks that are right otherwise", () => {
    const change = fc.tuple(fc.nat(10_000), fc.nat(255));
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 1, maxLength: 8 }),
        fc.array(change, { maxLength: 6 }),
        (entries, changes) => {
          const inner = packed(entries);
          for (const [at, byte] of changes) inner[at % inner.length] = byte;
          survives(Buffer.concat([record([]), encodeBlock(inner)]));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("a block that claims to be huge takes no memory", () => {
    const block = Buffer.from(encodeBlock(new Uint8Array(1000)));
    block.writeUInt32LE(0xffff_ffff, 8);
    const { entries, reader } = readAll(Buffer.concat([record([]), block]));
    expect(entries.length).toBe(1);
    expect(reader.damage?.reason).toContain("impossible size");
  });
});

function packed(entries: readonly Entry[]): Uint8Array {
  const whole = record(entries);
  // Its one block, opened again.
  const view = Buffer.from(whole);
  const stored = view.subarray(32, 32 + view.readUInt32LE(20));
  return Uint8Array.from(process.getBuiltinModule("node:zlib").inflateRawSync(stored));
}

test("what changed of a thread", () => {
  expect(taskChange({ uid: 1, comm: "a" }, { uid: 1, comm: "b", userTime: 0n })).toEqual({
    comm: "b",
    userTime: 0n,
  });
  expect(taskChange({ uid: 1 }, { uid: 1 })).toBeUndefined();
});

/** Whatever the bytes are, there are entries or a typed error. */
function survives(file: Uint8Array): void {
  try {
    const { entries, reader } = readAll(file);
    if (entries.length === 0) expect(reader.damage).toBeDefined();
  } catch (error) {
    expect(error).toBeInstanceOf(RecordingError);
  }
}
