import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BpfMap, BpfObject, EventMap, Program } from "../../src/index.ts";
import { canLoad, closesAll } from "../../src/library/test-object.test-util.ts";
import { fromElf } from "../../src/object/index.ts";
import { skeletonModule } from "../../src/skeleton/index.ts";

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
char LICENSE[] SEC("license") = "GPL";
`;

interface RecordTypes {
  readonly programs: { readonly record: Program };
  readonly maps: {
    readonly events: EventMap<{ length: number; name: string }>;
    readonly counts: BpfMap<{ length: number }, bigint>;
  };
  readonly globals: { calls: bigint; dropped: bigint; readonly answer: number };
}

const clang = ["clang", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14"].find(
  (name) => spawnSync(name, ["--version"]).status === 0,
);
if (clang === undefined) console.log("Skipped: there is no clang");

describe.skipIf(clang === undefined || !canLoad)("a skeleton of an object that clang made", () => {
  let folder: string;
  let open: (options?: object) => Promise<BpfObject<RecordTypes>>;
  let text: string;

  beforeAll(async () => {
    const cache = join(import.meta.dirname, "..", "..", ".cache");
    mkdirSync(cache, { recursive: true });
    folder = mkdtempSync(join(cache, "c-object-"));
    const c = join(folder, "record.bpf.c");
    const object = join(folder, "record.bpf.o");
    writeFileSync(c, source);
    const built = spawnSync(clang!, ["-target", "bpf", "-g", "-O2", "-c", c, "-o", object], {
      encoding: "utf8",
    });
    expect(built.stderr).toBe("");
    const bytes = readFileSync(object);
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
