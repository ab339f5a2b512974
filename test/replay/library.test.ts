import { describe, expect, test } from "vitest";
import { compile, load, openRecording, trace } from "../../src/index.ts";
import type { TraceEvent } from "../../src/index.ts";
import { call, forked, recording, returned, text } from "./recordings.ts";

const OPENAT = 257;
const PATH = 0x5000n;

/** Opens of files 0, 1, 2, …, one a millisecond. */
function opens(count: number): Uint8Array {
  return recording(
    Array.from({ length: count }, (_, index) => [
      call(index * 1_000_000, OPENAT, [0, PATH], [text(PATH, `file ${index}`)]),
      returned(index * 1_000_000 + 500, OPENAT, index),
    ]).flat(),
  );
}

async function eventsOf(events: AsyncIterable<TraceEvent>): Promise<TraceEvent[]> {
  const all: TraceEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe("a recording, in the library", () => {
  test("events come by number, thread, name and probe", () => {
    using recorded = openRecording(recording([...events(), forked(9, 100, 101)]));
    function* events() {
      yield call(1, OPENAT, [0, PATH], [text(PATH, "a")]);
      yield { kind: "task", pid: 101, change: { comm: "other" } } as const;
      yield { ...call(2, OPENAT, [0, PATH], [text(PATH, "b")]), pid: 101 };
      yield returned(3, OPENAT, 7);
    }
    const numbers = (...filter: Parameters<typeof recorded.events>): number[] =>
      [...recorded.events(...filter)].map(({ number }) => number);
    expect(numbers()).toEqual([1, 2, 3, 4]);
    expect([...recorded].length).toBe(4);
    expect(numbers({ from: 2, to: 3 })).toEqual([2, 3]);
    expect(numbers({ from: 3, to: 2 })).toEqual([]);
    expect(numbers({ pid: 101 })).toEqual([2]);
    expect(numbers({ comm: "sh" })).toEqual([1, 3, 4]);
    expect(numbers({ probes: ["t:syscalls:sys_exit_*", "tracepoint:sched:sched_process_fork"] })).toEqual([
      3, 4,
    ]);
    expect(numbers({ probes: ["tracepoint:syscalls:sys_?nter_open*"] })).toEqual([1, 2]);
    expect(numbers({ probes: [] })).toEqual([]);
    const [first] = recorded.events();
    expect(first).toMatchObject({ args: { filename: "a" }, memory: [{ address: PATH }], stack: [] });
    expect(first?.record).toHaveLength(64);
  });

  test("a script runs over it, to its end or to an event", async () => {
    using recorded = openRecording(opens(3));
    const script = `tracepoint:syscalls:sys_enter_openat { @[str(args.filename)] = count(); }
      tracepoint:syscalls:sys_exit_openat { printf("%d\\n", args.ret); } END { printf("end\\n"); clear(@); }`;
    const whole = await eventsOf(await trace(script, { recording: recorded }));
    expect(whole.map((event) => (event.kind === "printf" ? event.text : event.kind))).toEqual([
      "attached",
      "0\n",
      "1\n",
      "2\n",
      "end\n",
      "map",
    ]);
    const early = await eventsOf(await trace(script, { recording: recorded, at: 3 }));
    expect(early.at(-1)).toMatchObject({ map: { entries: [{ key: "file 0" }, { key: "file 1" }] } });
    expect(early.filter(({ kind }) => kind === "printf")).toHaveLength(1);
  });

  test("waits for whoever reads what is printed, so that nothing is lost", async () => {
    using recorded = openRecording(opens(500));
    const session = await trace(`tracepoint:raw_syscalls:sys_* { printf("%d\\n", nsecs); }`, {
      recording: recorded,
      limit: 16,
    });
    let printed = 0;
    for await (const { kind } of session) {
      expect(kind).not.toBe("lost");
      if (kind === "printf" && printed++ % 100 === 0) await new Promise((done) => setTimeout(done, 5));
    }
    expect(printed).toBe(1000);
  });

  test("a reader that leaves, and one that stops listening, let it end", async () => {
    using recorded = openRecording(opens(500));
    const script = `tracepoint:raw_syscalls:sys_* { printf("%d\\n", nsecs); }`;
    const left = await trace(script, { recording: recorded, limit: 16 });
    for await (const { kind } of left) if (kind === "printf") break;
    expect(await left.ended).toBe(0);
    const unread = await trace(script, { recording: recorded, limit: 16 });
    expect(await unread.ended).toBe(0);
    expect((await eventsOf(unread)).find(({ kind }) => kind === "lost")).toBeDefined();
  });

  test("objects see its events, as far as they are called for", async () => {
    using recorded = openRecording(opens(4));
    using replay = await recorded.replay();
    const { kernel } = replay;
    // A script's object, without the session that it comes with.
    const { object: spec } = await compile(
      "tracepoint:syscalls:sys_enter_openat { @calls[args.dfd] += 1; }",
      { kernel },
    );
    await using object = await load(spec, { kernel });
    const [program] = Object.values(object.programs);
    using _link = program?.attach({ kind: "tracepoint", category: "syscalls", event: "sys_enter_openat" });
    const calls = (): unknown => object.map<bigint, bigint>("calls").get(0n);
    await replay.to(2);
    expect([replay.event, replay.ended, calls()]).toEqual([2, false, 1n]);
    await replay.to(2);
    await expect(replay.to(1)).rejects.toMatchObject({ code: "library/wrong-kind" });
    await replay.run();
    expect([replay.event, replay.ended, replay.missing, replay.lost]).toEqual([8, true, 0, 0]);
    expect(calls()).toBe(4n);
    await replay.to(1000);
    expect(replay.event).toBe(8);
  });

  test("goes on once at a time", async () => {
    using recorded = openRecording(opens(4));
    using replay = await recorded.replay();
    await using _session = await trace(`tracepoint:raw_syscalls:sys_* { printf("%d\\n", nsecs); }`, {
      kernel: replay.kernel,
    });
    const running = replay.run();
    await expect(replay.run()).rejects.toMatchObject({ code: "recording/busy" });
    await running;
    expect(replay.ended).toBe(true);
  });

  test("what cannot be is a typed error", async () => {
    expect(() => openRecording("/nowhere")).toThrow(expect.objectContaining({ code: "recording/file" }));
    expect(() => openRecording(import.meta.filename)).toThrow(
      expect.objectContaining({ code: "recording/not-one" }),
    );
    const recorded = openRecording(opens(1));
    await expect(trace("BEGIN { }", { recording: recorded, pid: 1 })).rejects.toMatchObject({
      code: "library/wrong-kind",
    });
    await expect(trace("BEGIN { }", { at: 1 })).rejects.toMatchObject({ code: "library/wrong-kind" });
    const session = await trace("BEGIN { exit(); @ = 1; }", { recording: recorded });
    await session.ended;
    expect(() => session.maps()).toThrow(expect.objectContaining({ code: "library/closed" }));
    recorded[Symbol.dispose]();
    expect(() => recorded.info()).toThrow(expect.objectContaining({ code: "library/closed" }));
    await expect(recorded.replay()).rejects.toMatchObject({ code: "library/closed" });
  });
});
