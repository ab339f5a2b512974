import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { BtfBuilder, parseBtf } from "../btf/index.ts";
import { ElfFile, SectionType } from "../elf/index.ts";
import { openEmbeddedKernel } from "../kernel/embedded/index.ts";
import { type ObjectSpec, toElf } from "../object/index.ts";
import {
  BpfMap,
  createMap,
  load as loadIn,
  LibraryError,
  lpmKey,
  openMap,
  openProgram,
  readObject,
} from "./index.ts";
import type { BpfObject, LoadOptions, ObjectInput, ObjectTypes } from "./index.ts";
import {
  canLoad,
  closesAll,
  onEmbedded,
  openDescriptors,
  testObject,
  type TestEvent,
  type TestObject,
} from "./test-object.test-util.ts";

const hasBpffs = readFileSync("/proc/mounts", "latin1").includes(" /sys/fs/bpf bpf ");
if (!hasBpffs) console.log("Skipped: nothing can be pinned without a bpf file system at /sys/fs/bpf");

const packet = new Uint8Array(64);

function sizes({ maps }: ObjectSpec): Record<string, number> {
  return Object.fromEntries(maps.map(({ name, valueSize }) => [name, valueSize]));
}

function send(object: BpfObject<TestObject>, count: number): void {
  object.program("send").testRun({ data: packet, repeat: count });
}

function value(byte: number): Uint8Array {
  return new Uint8Array(8).fill(byte);
}

describe.skipIf(!canLoad)("the library", () => {
  // One for all: what one test pins or numbers the next one finds.
  const given = onEmbedded ? { kernel: openEmbeddedKernel() } : {};
  afterAll(() => given.kernel?.[Symbol.dispose]());

  const load = <T extends ObjectTypes>(
    input: ObjectInput,
    options: LoadOptions = {},
  ): Promise<BpfObject<T>> => loadIn<T>(input, { ...given, ...options });

  let before = 0;
  beforeEach(() => {
    before = openDescriptors();
  });
  afterEach(async () => {
    // Handles of the event loop close in its next turn.
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
    expect(openDescriptors(), "descriptors that are open").toBe(before);
  });

  describe("an object", () => {
    it("has programs, maps and globals by name, and closes everything", async () => {
      await closesAll(async () => {
        await using object = await load<TestObject>(testObject());
        expect(Object.keys(object.programs)).toEqual(["send", "multiply"]);
        expect(Object.keys(object.maps)).toEqual([
          "events",
          "counts",
          "places",
          "cpus",
          "table",
          "queue",
          "seen",
        ]);
        expect({ ...object.globals }).toEqual({ sent: 0n, dropped: 0n, factor: 2 });
        expect(object.program("send").info()).toMatchObject({
          name: "send",
          type: object.program("send").type,
        });
      });
    });

    it("closes everything also where loading fails", async () => {
      const spec = testObject();
      const broken = {
        ...spec,
        programs: spec.programs.map((program) => ({ ...program, insns: program.insns.slice(0, -1) })),
      };
      await closesAll(async () => {
        await expect(load(broken)).rejects.toMatchObject({
          code: expect.stringMatching(/verifier|kernel/),
        });
      });
    });

    it("refuses names that it has not", async () => {
      await expect(load(testObject(), { maps: { nope: {} } })).rejects.toThrow("has no map nope");
      await expect(load(testObject(), { programs: { nope: true } })).rejects.toThrow("has no program nope");
      await expect(load(testObject(), { globals: { nope: 1 } })).rejects.toThrow(
        "has no global variable nope",
      );
      await expect(load("/nowhere/x.bpf.o")).rejects.toMatchObject({ code: "library/no-file" });
      using object = await load<TestObject>(testObject());
      expect(() => object.program("toString")).toThrow(LibraryError);
      expect(() => object.map("events")).toThrow("has no keys");
      expect(() => object.events("counts")).toThrow("no ring buffer");
    });

    it("has the part of a library that was linked in, or says what is missing", async () => {
      using object = await load<TestObject>(testObject());
      const names = { programs: ["send"], maps: ["counts"], globals: ["sent"] };
      expect(object.part(names)).toBe(object);
      expect(() => object.part({ ...names, programs: ["nope"] })).toThrow("has no program nope");
      expect(() => object.part({ ...names, maps: ["nope"] })).toThrow("has no map nope");
      expect(() => object.part({ ...names, globals: ["nope"] })).toThrow("has no global variable nope");
    });

    it("takes constants and changes at load", async () => {
      using object = await load<TestObject>(testObject(), {
        globals: { factor: 5 },
        maps: { counts: { maxEntries: 2 } },
        programs: { send: false },
      });
      expect(object.program("multiply").testRun({ data: packet }).result).toBe(5 * 50);
      expect(object.globals.factor).toBe(5);
      expect(() => ((object.globals as { factor: number }).factor = 6)).toThrow(
        "constant once the object is loaded",
      );
      expect(Object.keys(object.programs)).toEqual(["multiply"]);
      expect(() => object.programs.send.testRun()).toThrow("Program send was not to be loaded");
      expect(() => object.program("send")).toThrow(expect.objectContaining({ code: "library/not-loaded" }));
      expect(object.map("counts").maxEntries).toBe(2);
    });

    it("shares globals with its programs in place", async () => {
      using object = await load<TestObject>(testObject());
      send(object, 3);
      expect(object.globals.sent).toBe(3n);
      object.globals.sent = 100n;
      send(object, 1);
      expect(object.globals.sent).toBe(101n);
    });

    it("cannot be used once it is closed", async () => {
      const object = await load<TestObject>(testObject());
      const view = object.maps.table.view();
      const reader = object.events("events").read();
      void object.globals.sent;
      object[Symbol.dispose]();
      object[Symbol.dispose]();
      expect(() => object.globals.sent).toThrow("closed");
      expect(() => view.get(0)).toThrow("closed");
      expect(() => object.map("counts").get(1)).toThrow("closed");
      expect(() => object.program("send").testRun()).toThrow("closed");
      expect(reader.poll(() => undefined)).toBe(0);
      expect(await reader.next()).toEqual({ done: true, value: undefined });
    });
  });

  describe("maps", () => {
    it("with keys are typed by the object's BTF", async () => {
      using object = await load<TestObject>(testObject());
      const counts = object.maps.counts;
      counts.set(1, 10n);
      counts.set(2, 20);
      expect([counts.get(1), counts.get(3), counts.has(2), counts.has(3)]).toEqual([
        10n,
        undefined,
        true,
        false,
      ]);
      expect([...counts].toSorted(([a], [b]) => a - b)).toEqual([
        [1, 10n],
        [2, 20n],
      ]);
      expect([...counts.values()].toSorted((a, b) => Number(a - b))).toEqual([10n, 20n]);
      expect([counts.delete(1), counts.delete(1), counts.take(2), counts.take(2)]).toEqual([
        true,
        false,
        20n,
        undefined,
      ]);
      const places = object.maps.places;
      places.set({ row: 1, column: 2 }, 3n);
      expect([...places.keys()]).toEqual([{ row: 1, column: 2 }]);
      expect(places.get(Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0))).toBe(3n);
    });

    it("say what is wrong with an update", async () => {
      using object = await load<TestObject>(testObject(), { maps: { counts: { maxEntries: 1 } } });
      const counts = object.maps.counts;
      counts.set(1, 1n, { when: "absent" });
      expect(() => counts.set(1, 2n, { when: "absent" })).toThrow(
        expect.objectContaining({ code: "library/key-exists" }),
      );
      expect(() => counts.set(2, 2n, { when: "present" })).toThrow(
        expect.objectContaining({ code: "library/no-key" }),
      );
      expect(() => counts.set(2, 2n)).toThrow(expect.objectContaining({ code: "library/map-full" }));
      expect(() => counts.set(-1, 2n)).toThrow("the key of map counts takes a whole number");
    });

    it("take and drop many elements at once", async () => {
      using object = await load<TestObject>(testObject(), { maps: { counts: { maxEntries: 5000 } } });
      const counts = object.maps.counts;
      const entries = Array.from({ length: 3000 }, (_, index) => [index, BigInt(index)] as const);
      expect(counts.setAll(entries)).toBe(3000);
      expect([...counts].toSorted(([a], [b]) => a - b)).toEqual(entries);
      expect(counts.deleteAll(Array.from({ length: 2000 }, (_, index) => index * 2))).toBe(1500);
      for (const key of counts.keys()) counts.delete(key);
      expect([...counts]).toEqual([]);
      counts.setAll(entries.slice(0, 10));
      counts.clear();
      expect([...counts]).toEqual([]);
    });

    it("for each CPU have arrays of values", async () => {
      using object = await load<TestObject>(testObject());
      const cpus = object.maps.cpus;
      const count = object.kernel.files.possibleCpus().length;
      expect(cpus.get(0)).toEqual(Array<bigint>(count).fill(0n));
      const values = Array.from({ length: count }, (_, cpu) => BigInt(cpu + 1));
      cpus.set(1, values);
      expect(cpus.get(1)).toEqual(values);
      expect([...cpus]).toEqual([
        [0, Array<bigint>(count).fill(0n)],
        [1, values],
      ]);
    });

    it("in memory are seen in place", async () => {
      using object = await load<TestObject>(testObject());
      const table = object.maps.table;
      const view = table.view();
      view.set(2, 77n);
      expect(table.get(2)).toBe(77n);
      table.set(3, 5n);
      expect([...view]).toEqual([0n, 0n, 77n, 5n]);
      expect(() => view.get(4)).toThrow(RangeError);
      expect(() => object.map("counts").view()).toThrow("BPF_F_MMAPABLE");
    });

    it("without keys push, pop and remember", async () => {
      using object = await load<TestObject>(testObject());
      const queue = object.maps.queue;
      queue.push(value(1));
      queue.push(value(2));
      expect(() => queue.push(value(3))).toThrow(expect.objectContaining({ code: "library/map-full" }));
      queue.push(value(3), { replaceOldest: true });
      expect([queue.peek(), queue.pop(), queue.pop(), queue.pop()]).toEqual([
        value(2),
        value(2),
        value(3),
        undefined,
      ]);
      const seen = object.maps.seen;
      seen.add(new Uint8Array(4).fill(7));
      expect(seen.mayHave(new Uint8Array(4).fill(7))).toBe(true);
      expect(seen.mayHave(new Uint8Array(4).fill(8))).toBe(false);
    });

    it("can be made alone, nested, and opened again", async () => {
      await closesAll(async () => {
        using hash = await createMap({
          ...given,
          type: "percpuHash",
          key: "i32",
          value: "u64",
          maxEntries: 4,
        });
        hash.set(-1, [1]);
        expect(hash.get(-1)?.[0]).toBe(1n);
        using same = await openMap<BpfMap<number, Uint8Array[]>>({ id: hash.info().id }, given);
        expect(same.get(2 ** 32 - 1)?.[0]).toEqual(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
        expect(same.get(5)).toBeUndefined();
      });
    });

    it("find the longest prefix", async () => {
      using routes = await createMap({
        ...given,
        type: "lpmTrie",
        key: { kind: "bytes", size: 8 },
        value: "u32",
        maxEntries: 8,
      });
      routes.set(lpmKey("10.0.0.0/8"), 1);
      routes.set(lpmKey("10.1.0.0/16"), 2);
      expect([
        routes.get(lpmKey("10.9.9.9")),
        routes.get(lpmKey("10.1.9.9")),
        routes.get(lpmKey("11.0.0.1")),
      ]).toEqual([1, 2, undefined]);
    });

    it("and variables survive a file", async () => {
      await closesAll(async () => {
        const file = toElf(testObject());
        expect(sizes(readObject(file))).toEqual(sizes(testObject()));
        const elf = new ElfFile(file);
        expect(elf.section(".bss")).toMatchObject({ type: SectionType.Nobits, size: 16 });
        expect(elf.symbols(elf.section(".symtab")!)).toContainEqual(
          expect.objectContaining({ name: "dropped", value: 8, size: 8 }),
        );
        using object = await load<TestObject>(file, { globals: { factor: 3 } });
        send(object, 2);
        expect(object.globals.sent).toBe(2n);
        expect(object.programs.multiply.testRun({ data: packet }).result).toBe(150);
      });
    });

    it("take the place of an object's own", async () => {
      await closesAll(async () => {
        using first = await load<TestObject>(testObject());
        first.maps.counts.set(1, 7n);
        using second = await load<TestObject>(testObject(), { maps: { counts: { use: first.maps.counts } } });
        expect(second.maps.counts.get(1)).toBe(7n);
        expect(second.maps.counts.info().id).toBe(first.maps.counts.info().id);
        await expect(load(testObject(), { targets: { nope: first.programs.send } })).rejects.toThrow(
          "no program nope",
        );
      });
    });

    it.skipIf(!hasBpffs && !onEmbedded)("are kept by pins", async () => {
      // The embedded kernel has a file system of its own.
      const folder = onEmbedded ? "/sys/fs/bpf" : mkdtempSync("/sys/fs/bpf/bpfkit-test-");
      try {
        await closesAll(async () => {
          using object = await load<TestObject>(testObject());
          object.map("counts").set(1, 2n);
          object.map("counts").pin(join(folder, "counts"));
          object.program("multiply").pin(join(folder, "multiply"));
          expect(() => object.map("counts").pin(join(folder, "counts"))).toThrow("EEXIST");
          using counts = await openMap<BpfMap<number, bigint>>(join(folder, "counts"), given);
          // The pin carries the types.
          expect(counts.get(1)).toBe(2n);
          using program = await openProgram(join(folder, "multiply"), given);
          expect(program.testRun({ data: packet }).result).toBe(100);
          await expect(openProgram(join(folder, "counts"), given)).rejects.toThrow("is no program");
          await expect(openMap(join(folder, "nope"), given)).rejects.toThrow("ENOENT");
        });
      } finally {
        if (!onEmbedded) rmSync(folder, { recursive: true, force: true });
      }
    });
  });

  describe("events", () => {
    it("come typed and in order, one by one", async () => {
      await closesAll(async () => {
        using object = await load<TestObject>(testObject());
        send(object, 5);
        const seen: TestEvent[] = [];
        for await (const event of object.maps.events) {
          seen.push(event);
          if (seen.length === 5) send(object, 2);
          if (seen.length === 7) break;
        }
        expect(seen[0]).toEqual({ pid: 1234, kind: 1, when: 0n, comm: "test" });
        expect(seen.map(({ when }) => when)).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n]);
        // Leaving the loop closed the reader: another may read.
        using reader = object.maps.events.read();
        send(object, 1);
        expect((await reader.next()).value?.when).toBe(7n);
      });
    });

    it("are counted exactly under overload, lost ones too", async () => {
      using object = await load<TestObject>(testObject(1 << 12));
      using reader = object.maps.events.read({ lost: () => object.globals.dropped });
      let seen = 0n;
      let last = -1n;
      const take = (event: TestEvent): void => {
        expect(event.when).toBeGreaterThan(last);
        last = event.when;
        seen++;
      };
      const total = 20_000;
      for (let sent = 0; sent < total; sent += 500) {
        send(object, 500);
        reader.poll(take);
      }
      reader.poll(take);
      expect(reader.lost).toBeGreaterThan(0n);
      expect(reader.delivered).toBe(Number(seen));
      expect(BigInt(reader.delivered) + reader.lost).toBe(BigInt(total));
    });

    it("come in batches, and stop when told to", async () => {
      await closesAll(async () => {
        using object = await load<TestObject>(testObject());
        const ending = new AbortController();
        using reader = object.maps.events.read({ signal: ending.signal });
        send(object, 1000);
        const sizes: number[] = [];
        for await (const batch of reader.batches({ size: 300 })) {
          sizes.push(batch.length);
          if (sizes.length === 4) setTimeout(() => ending.abort(), 5);
        }
        expect(sizes).toEqual([300, 300, 300, 100]);
        expect(reader.closed).toBe(true);
      });
    });

    it("go to one reader, which may close itself within its handler", async () => {
      using object = await load<TestObject>(testObject());
      const events = object.maps.events;
      const reader = events.read();
      expect(() => events.read()).toThrow("is being read");
      send(object, 10);
      expect(reader.poll(() => reader.close())).toBe(1);
      expect(reader.poll(() => undefined)).toBe(0);
      using next = events.read();
      expect(next.poll(() => undefined)).toBe(9);
    });

    it("wake one who waits, and leave the event loop alone when nobody does", async () => {
      using object = await load<TestObject>(testObject());
      using reader = object.maps.events.read();
      setTimeout(() => send(object, 1), 5);
      expect(await reader.ready()).toBe(true);
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
      expect(reader.poll(() => undefined)).toBe(1);
      const waiting = reader.ready();
      reader.close();
      expect(await waiting).toBe(false);
    });

    it("that are no values of their type are errors, and counted; those in front of them are delivered", async () => {
      const wide = { events: { events: "struct wide" } };
      const spec = testObject();
      const btf = BtfBuilder.from(parseBtf(spec.btf!));
      const u64 = btf.int("u64", 8);
      btf.struct("wide", 48, [
        { name: "pid", type: u64, bitOffset: 0, bitSize: 0 },
        { name: "end", type: u64, bitOffset: 320, bitSize: 0 },
      ]);
      using object = await load<TestObject>({ ...spec, btf: btf.encode() }, wide);
      send(object, 3);
      using reader = object.maps.events.read();
      expect(() => reader.poll(() => undefined)).toThrow(
        "A record of events has 32 bytes, but its type takes 48",
      );
      await expect(reader.next()).rejects.toMatchObject({ code: "codec/too-short" });
      const batches = reader.batches();
      await expect(batches.next()).rejects.toThrow("32 bytes");
      expect(reader.delivered).toBe(3);
      expect(reader.closed).toBe(true);
    });

    it("are bytes where their type is not known, and errors where it does not fit", async () => {
      const spec = testObject();
      const { btf: _, ...untyped } = spec;
      using object = await load<TestObject>({ ...untyped, maps: spec.maps.map((map) => ({ ...map })) });
      send(object, 1);
      using reader = object.events<Uint8Array>("events").read();
      expect((await reader.next()).value?.length).toBe(32);
      await expect(load(spec, { events: { events: "struct nope" } })).rejects.toThrow("have no struct nope");
      await expect(load(spec, { events: { counts: "event" } })).rejects.toThrow("no ring buffer");
    });
  });
});
