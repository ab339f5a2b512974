import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { array, assert, nat, property, tuple } from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cc, createMap, openMap } from "../../src/index.ts";
import type { BpfMap, BpfObject, EventMap, Program, UserRingMap } from "../../src/index.ts";
import { findClang } from "../../src/c/index.ts";
import { BpfkitError } from "../../src/errors.ts";
import { canLoad, closesAll } from "../../src/library/test-object.test-util.ts";
import { fromElf } from "../../src/object/index.ts";
import { skeletonModule, subskeletonModule } from "../../src/skeleton/index.ts";

/** All that the object needs of a header. */
const source = `
typedef unsigned int u32; typedef unsigned long long u64; typedef unsigned char u8;
#define SEC(name) __attribute__((section(name), used))
static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static void *(*bpf_ringbuf_reserve)(void *map, u64 size, u64 flags) = (void *)131;
static void (*bpf_ringbuf_submit)(void *data, u64 flags) = (void *)132;
enum state { IDLE, BUSY = 3 };
struct address { u8 family; union { u32 v4; u8 v6[16]; }; };
struct event { u32 length; enum state state; int negative; u32 low : 3, high : 13; struct address from; char name[12]; };
const struct event *unused __attribute__((unused));
struct { int (*type)[27]; int (*max_entries)[4096]; } events SEC(".maps");
struct key { u32 length; };
struct { int (*type)[1]; int (*max_entries)[16]; struct key *key; u64 *value; } counts SEC(".maps");
u64 calls; u64 dropped; static u64 hidden;
const volatile int answer = 42;
struct __sk_buff { u32 len; };
SEC("socket") int record(struct __sk_buff *skb) {
  struct key key = { .length = skb->len };
  struct event *event;
  u64 *count;
  calls++; hidden += calls;
  count = bpf_map_lookup_elem(&counts, &key);
  if (count) *count += 1;
  event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
  if (!event) { dropped++; return 0; }
  __builtin_memset(event, 0, sizeof(*event));
  event->length = skb->len; event->state = BUSY; event->negative = -answer;
  event->low = 5; event->high = 4097; event->from.family = 2; event->from.v4 = 0x0100007f;
  __builtin_memcpy(event->name, "hello", 6);
  bpf_ringbuf_submit(event, 0);
  return answer;
}
static long (*bpf_perf_event_output)(void *ctx, void *map, u64 flags, void *data, u64 size) = (void *)25;
static long (*bpf_user_ringbuf_drain)(void *map, void *callback, void *ctx, u64 flags) = (void *)209;
static long (*bpf_dynptr_read)(void *dst, u32 len, const void *src, u32 offset, u64 flags) = (void *)201;
static long (*bpf_tail_call)(void *ctx, void *map, u32 index) = (void *)12;
struct sample { u64 first; char text[56]; };
const struct sample *unused_sample __attribute__((unused));
struct { int (*type)[4]; int (*key_size)[4]; int (*value_size)[4]; } samples SEC(".maps");
SEC("raw_tp/sys_enter") int sample(u64 *args) {
  struct sample sample = { .first = args[0], .text = "text" };
  // Of the text only what there is is sent.
  return bpf_perf_event_output(args, &samples, 0xffffffff, &sample, 8 + (args[1] & 31) + 1);
}
struct command { int add; u32 times; };
struct { int (*type)[31]; int (*max_entries)[4096]; struct command *value; } commands SEC(".maps");
long total;
static long obey(void *dynptr, void *context) {
  struct command command;
  if (bpf_dynptr_read(&command, sizeof(command), dynptr, 0, 0) == 0) total += (long)command.add * command.times;
  return 0;
}
SEC("syscall") int drain(void *context) { return bpf_user_ringbuf_drain(&commands, obey, 0, 0); }
struct inner { int (*type)[2]; int (*max_entries)[4]; u32 *key; u64 *value; };
struct inner first SEC(".maps");
struct { int (*type)[12]; int (*max_entries)[4]; u32 *key; struct inner *values[]; } outer SEC(".maps") = { .values = { &first } };
struct { int (*type)[3]; int (*max_entries)[2]; u32 *key; u32 *value; } tails SEC(".maps");
SEC("socket") int jump(struct __sk_buff *skb) { bpf_tail_call(skb, &tails, 1); return 1; }
SEC("socket") int landed(struct __sk_buff *skb) { return 77; }
char LICENSE[] SEC("license") = "GPL";
`;

interface RecordTypes {
  readonly programs: {
    readonly record: Program;
    readonly sample: Program;
    readonly drain: Program;
    readonly jump: Program;
    readonly landed: Program;
  };
  readonly maps: {
    readonly events: EventMap<{ length: number; name: string }>;
    readonly counts: BpfMap<{ length: number }, bigint>;
    readonly samples: EventMap<{ first: bigint; text: string }>;
    readonly commands: UserRingMap<{ add: number; times: number }>;
    readonly first: BpfMap<number, bigint>;
    readonly outer: BpfMap<number, number>;
    readonly tails: BpfMap<number, number>;
  };
  readonly globals: { calls: bigint; dropped: bigint; total: bigint; readonly answer: number };
}

const clang = findInstalledClang();
if (clang === undefined) console.log("Skipped: there is no clang");

describe.skipIf(clang === undefined || !canLoad)("a skeleton of an object that clang made", () => {
  let folder: string;
  let open: (options?: object) => Promise<BpfObject<RecordTypes>>;
  let text: string;
  let bytes: Uint8Array;

  beforeAll(async () => {
    const cache = join(import.meta.dirname, "..", "..", ".cache");
    mkdirSync(cache, { recursive: true });
    folder = mkdtempSync(join(cache, "c-object-"));
    const c = join(folder, "record.bpf.c");
    writeFileSync(c, source);
    const compiled = await cc(c);
    expect(compiled.warnings).toBe("");
    bytes = compiled.object;
    text = skeletonModule(fromElf(bytes).spec, bytes, { name: "record", module: "../../src/index.ts" });
    const skeleton = join(folder, "record.skel.ts");
    writeFileSync(skeleton, text);
    const made: unknown = await import(pathToFileURL(skeleton).href);
    // The module was written a moment ago.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    open = (made as { load: typeof open }).load;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("has all types of the C program", () => {
    expect(text.slice(0, text.indexOf("const object ="))).toMatchSnapshot();
  });

  it("of a damaged object is a typed error, or a module", () => {
    assert(
      property(array(tuple(nat(bytes.length - 1), nat(255)), { minLength: 1, maxLength: 6 }), (changes) => {
        const damaged = bytes.slice();
        for (const [at, value] of changes) damaged[at] = value;
        try {
          const { spec } = fromElf(damaged);
          expect(skeletonModule(spec, damaged, { name: "record" })).toMatch(/^\/\/ Made by/);
          subskeletonModule(spec, { name: "record" });
        } catch (error) {
          if (!(error instanceof BpfkitError)) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });

  it("reads perf buffers, cut records too, and counts what they lose", async () => {
    await closesAll(async () => {
      await using record = await open();
      using samples = record.maps.samples.read({ pages: 1 });
      const [cpu = 0] = record.kernel.files.onlineCpus();
      const send = (first: number, length: number): void => {
        const context = new Uint8Array(BigUint64Array.of(BigInt(first), BigInt(length)).buffer);
        record.programs.sample.testRun({ context, cpu });
      };
      send(1, 1);
      send(2, 31);
      expect((await samples.next()).value).toEqual({ first: 1n, text: "te" });
      expect((await samples.next()).value).toEqual({ first: 2n, text: "text" });
      for (let index = 0; index < 500; index++) send(index, 31);
      while (samples.poll(() => undefined) > 0);
      // The kernel tells of lost records in front of the next one that fits.
      send(500, 31);
      while (samples.poll(() => undefined) > 0);
      expect(samples.lost).toBeGreaterThan(0n);
      expect(BigInt(samples.delivered) + samples.lost).toBe(503n);
    });
  });

  it("sends to programs through a ring in the other direction", async () => {
    await closesAll(async () => {
      await using record = await open();
      const { commands } = record.maps;
      let sent = 0;
      for (let round = 0; round < 3; round++) {
        // 16 bytes each in a ring of 4096.
        while (commands.send({ add: -2, times: 3 })) sent++;
        expect(sent).toBe(256 * (round + 1));
        expect(record.programs.drain.testRun().result).toBe(256);
      }
      expect(record.globals.total).toBe(BigInt(-6 * sent));
      expect(() => commands.send({ add: 2 ** 31 })).toThrow("a record of commands.add takes");
    });
  });

  it("sets maps of maps and programs by descriptor, and reads their ids", async () => {
    await closesAll(async () => {
      await using record = await open();
      const { first, outer, tails } = record.maps;
      expect(outer.get(0)).toBe(first.info().id);
      using other = await createMap({ type: "array", key: "u32", value: "u64", maxEntries: 4 });
      outer.set(1, other.fd);
      other.set(2, 9n);
      using same = await openMap<BpfMap<number, bigint>>({ id: outer.get(1) ?? 0 });
      expect(same.maxEntries).toBe(4);
      expect(record.programs.jump.testRun({ data: new Uint8Array(64) }).result).toBe(1);
      tails.set(1, record.programs.landed.fd);
      expect(record.programs.jump.testRun({ data: new Uint8Array(64) }).result).toBe(77);
      expect(tails.get(1)).toBe(record.programs.landed.info().id);
    });
  });

  it("loads, runs, and reads what the program sends", async () => {
    await closesAll(async () => {
      await using record = await open({ globals: { answer: 7 }, maps: { counts: { maxEntries: 2 } } });
      record.maps.counts.set({ length: 50 }, 10n);
      const { result } = record.programs.record.testRun({ data: new Uint8Array(64), repeat: 3 });
      expect(result).toBe(7);
      expect({ ...record.globals }).toMatchObject({ calls: 3n, dropped: 0n, answer: 7 });
      expect("hidden" in record.globals).toBe(false);
      expect([...record.maps.counts]).toEqual([[{ length: 50 }, 13n]]);
      using events = record.maps.events.read({ lost: () => record.globals.dropped });
      const { value } = await events.next();
      expect(value).toEqual({
        length: 50,
        state: 3,
        negative: -7,
        low: 5,
        high: 4097,
        from: { family: 2, v4: 0x0100007f, v6: Uint8Array.of(127, 0, 0, 1, ...new Uint8Array(12)) },
        name: "hello",
      });
    });
  });
});

function findInstalledClang(): string | undefined {
  try {
    return findClang(process.env).path;
  } catch (error) {
    if (error instanceof BpfkitError) return undefined;
    throw error;
  }
}
