import * as fc from "fast-check";
import { expect, test } from "vitest";
import { BpfkitError } from "../../src/errors.ts";
import type { Entry } from "../../src/recording/index.ts";
import { eventLine, recordingInfo, recordedEvents } from "../../src/playback/index.ts";
import { RecordingReader, recordingBytes } from "../../src/recording/index.ts";
import { ENVIRONMENT, recording, replay } from "./recordings.ts";

// Recordings whose blocks are right, and whose entries say whatever they like.

const pid = fc.oneof(fc.nat(5), fc.constantFrom(1, 100, 101), fc.nat({ max: 2 ** 52 - 1 }));
const word = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const bytes = fc.uint8Array({ maxLength: 80 });
const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({
    kind: fc.constant("task" as const),
    pid,
    change: fc.record(
      {
        tgid: pid,
        parent: pid,
        uid: fc.nat({ max: 2 ** 52 - 1 }),
        startTime: word,
        comm: fc.string(),
        cgroupPath: fc.string(),
        state: fc.string(),
      },
      { requiredKeys: [] },
    ),
  }),
  fc.record({ kind: fc.constant("taskEnd" as const), pid }),
  fc.record({
    kind: fc.constant("hook" as const),
    name: fc.constantFrom("", "::", "tracepoint:a", "uprobe:/x:1"),
  }),
  fc.record({ kind: fc.constant("end" as const), time: fc.nat(10_000_000_000) }),
  fc.record({
    kind: fc.constant("event" as const),
    hook: fc.nat(4),
    time: fc.nat(10_000_000_000),
    pid,
    cpu: fc.maxSafeNat(),
    context: bytes,
    memory: fc.array(
      fc.record({ address: word, state: fc.constantFrom("held" as const, "fault" as const), bytes }),
      { maxLength: 3 },
    ),
    stack: fc.array(word, { maxLength: 3 }),
  }),
);

const SCRIPT = `tracepoint:raw_syscalls:sys_enter { @[comm, cpu, uid, curtask->parent->parent->tgid] = count();
    @s[str(args.args[1])] = count(); @p[ustack] = count(); }
  rawtracepoint:sys_enter { @r = sum(args.regs->di) }
  rawtracepoint:sched_process_fork { @c[args.child->comm] = count(); }
  tracepoint:syscalls:sys_enter_openat { @f[str(args.filename)] = count() }
  interval:ms:500 { @i = count(); printf("%s %s\\n", strftime("%T", nsecs), username) }`;

test("a script over whatever entries ends, with an answer or a typed error", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 12 }), word, fc.nat(3000), async (entries, start, cpus) => {
      const file = recording(entries, { ...ENVIRONMENT, start, cpus });
      try {
        await replay(file, SCRIPT);
      } catch (error) {
        expect(error).toBeInstanceOf(BpfkitError);
      }
      const reader = RecordingReader.open(recordingBytes(file));
      for (const event of recordedEvents(reader)) expect(eventLine(event)).toMatch(/\n$/);
      expect(recordingInfo(reader).size).toBe(file.length);
    }),
    { numRuns: 15 },
  );
}, 60_000);

test("a script with fast timers may end a recording of years", async () => {
  const file = recording([{ kind: "end", time: 2 ** 53 - 1 }]);
  const script = "interval:hz:999 { @n++; if (@n == 3000) { exit() } }";
  expect((await replay(file, script)).out).toBe("@n: 3000\n");
});
