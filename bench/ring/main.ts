// npm run bench:ring [-- --count N] [--ring BYTES] [--way NAME]: records a second that are read from a ring buffer
// into typed objects on one core, loss under overload, and memory over any number of records.
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { load } from "../../src/library/index.ts";
import type { BpfObject, EventReader } from "../../src/library/index.ts";
import { testObject } from "../../src/library/test-object.test-util.ts";
import type { TestEvent, TestObject } from "../../src/library/test-object.test-util.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "20000000" },
    ring: { type: "string", default: String(1 << 24) },
    way: { type: "string" },
  },
});

/** A record of 32 bytes behind its header. */
const RECORD = 40;
const ring = Number(values.ring);
const total = Number(values.count);
/** As many records as fit: they are sent first and read then, both on this core. */
const turn = Math.floor((ring * 0.9) / RECORD);
const packet = new Uint8Array(64);

type Take = (event: TestEvent) => void;
type Way = (reader: EventReader<TestEvent>, count: number, take: Take) => Promise<void>;

const WAYS: Readonly<Record<string, Way>> = {
  poll: async (reader, _count, take) => void reader.poll(take),
  batches: async (reader, count, take) => {
    let left = count;
    for await (const batch of unclosed(reader.batches())) {
      for (const event of batch) take(event);
      left -= batch.length;
      if (left === 0) return;
    }
  },
  "for await": async (reader, count, take) => {
    let left = count;
    for await (const event of unclosed(reader)) {
      take(event);
      if (--left === 0) return;
    }
  },
};

/** Leaving a loop closes its reader; the bench goes on with it. */
function unclosed<E>(events: AsyncIterator<E>): AsyncIterable<E> {
  return { [Symbol.asyncIterator]: () => ({ next: () => events.next() }) };
}

setFlagsFromString("--expose-gc");
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the flag puts it there
const collect = runInNewContext("gc") as () => void;

console.log(`records of 32 bytes (u32, u32, u64, char[16]) in a ring of ${ring} bytes, ${total} in all`);
for (const [name, way] of Object.entries(WAYS)) {
  if (values.way !== undefined && values.way !== name) continue;
  await measure(name, way);
}
if (values.way === undefined) await overload();

async function measure(name: string, way: Way): Promise<void> {
  await using object = await load<TestObject>(testObject(ring));
  using reader = object.maps.events.read({ lost: () => object.globals.dropped });
  let next = 0n;
  let wrong = 0;
  /** Records escape, so that no compiler can do without making the objects. */
  let kept: TestEvent | undefined;
  /** Microseconds of CPU time, of all threads: what else runs on the machine does not count. */
  let reading = 0;
  /** Milliseconds by the clock: whatever else ran on this core counts as well. */
  let waiting = 0;
  const heap: number[] = [];
  const take: Take = (event) => {
    if (event.when !== next || event.comm !== "test" || event.pid !== 1234) wrong++;
    next = event.when + 1n;
    kept = event;
  };
  for (let sent = 0; sent < total; sent += turn) {
    send(object, turn);
    const clock = performance.now();
    const start = process.cpuUsage();
    await way(reader, turn, take);
    const { user, system } = process.cpuUsage(start);
    reading += user + system;
    waiting += performance.now() - clock;
    // The first turns compile.
    if (sent < turn * 8 || sent < (total / 10) * heap.length) continue;
    collect();
    heap.push(process.memoryUsage().heapUsed / 2 ** 20);
    if (total > 100_000_000) console.error(`${name}: ${sent} records, heap ${heap.at(-1)!.toFixed(2)} MiB`);
  }
  const rate = reader.delivered / (reading / 1e6);
  const wall = reader.delivered / (waiting / 1e3);
  const memory = `${heap[0]?.toFixed(2)} to ${heap.at(-1)?.toFixed(2)}`;
  console.log(
    `${name.padEnd(10)} ${millions(rate)} million records/s of CPU time, ${millions(wall)} by the clock, ${(1e9 / rate).toFixed(0)} ns each; ` +
      `delivered ${reader.delivered}, lost ${reader.lost}, wrong ${wrong}; heap ${memory} MiB`,
  );
  if (kept === undefined || wrong > 0 || reader.lost > 0n) process.exitCode = 1;
}

function millions(rate: number): string {
  return (rate / 1e6).toFixed(2).padStart(6);
}

/** More is sent than fits: every record is delivered or counted. */
async function overload(): Promise<void> {
  await using object = await load<TestObject>(testObject(1 << 16));
  using reader = object.maps.events.read({ lost: () => object.globals.dropped });
  const sent = 5_000_000;
  for (let done = 0; done < sent; done += 5000) {
    send(object, 5000);
    reader.poll(() => undefined);
  }
  const exact = BigInt(reader.delivered) + reader.lost === BigInt(sent);
  console.log(
    `overload: sent ${sent}, delivered ${reader.delivered}, lost ${reader.lost}: ${exact ? "exact" : "NOT EXACT"}`,
  );
  if (!exact) process.exitCode = 1;
}

function send(object: BpfObject<TestObject>, count: number): void {
  object.programs.send.testRun({ data: packet, repeat: count });
}
