// Runs in a guest: uses bpfkit's public API as a program of a user does, on a real kernel, and prints "well" once
// everything held. Whatever did not is an AssertionError.
import { deepEqual, equal, match, ok, rejects, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import {
  load as loadFile,
  LibraryError,
  openLink,
  openMap,
  openProgram,
  SyscallError,
  VerifierError,
} from "bpfkit";
import { assembleObject } from "bpfkit";
import type { BpfMap, BpfObject, EventMap, LoadOptions, Program } from "bpfkit";

interface ExecEvent {
  readonly pid: number;
  readonly parent: number;
  readonly when: bigint;
  readonly comm: string;
}

interface Place {
  readonly row: number;
  readonly column: number;
}

interface Tour {
  readonly programs: { readonly on_exec: Program; readonly on_demand: Program; readonly packets: Program };
  readonly maps: {
    readonly events: EventMap<ExecEvent>;
    readonly places: BpfMap<Place, bigint>;
    readonly cpus: BpfMap<number, bigint[]>;
    readonly table: BpfMap<number, bigint>;
    readonly shared: BpfMap<number, bigint>;
  };
  readonly globals: { readonly step: number; sent: bigint; dropped: bigint };
}

const [skeletonPath = "", objectPath = ""] = process.argv.slice(2);
// `bpfkit gen skeleton` wrote it for this run.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const skeleton = (await import(skeletonPath)) as {
  load(options?: LoadOptions): Promise<BpfObject<Tour>>;
};
const PINS = "/sys/fs/bpf/tour";
const openFiles = (): string[] => readdirSync("/proc/self/fd");
const tick = (): Promise<void> => new Promise((done) => void setTimeout(done, 20));

function ping(): void {
  execFileSync("ping", ["-c", "1", "127.0.0.1"]);
}

function send(object: BpfObject<Tour>, count: number, from = 0): void {
  const context = new Uint8Array(8);
  for (let index = 0; index < count; index++) {
    new DataView(context.buffer).setBigUint64(0, BigInt(from + index), true);
    object.programs.on_demand.testRun({ context });
  }
}

const STEPS: Readonly<Record<string, () => Promise<void>>> = {
  async "maps hold typed keys and values"() {
    await using object = await skeleton.load({ pins: PINS });
    const { places, cpus, table } = object.maps;
    places.set({ row: 2, column: 3 }, 5n);
    equal(places.get({ row: 2, column: 3 }), 5n);
    equal(places.get({ row: 9, column: 9 }), undefined);
    throws(() => places.set({ row: 2, column: 3 }, 1n, { when: "absent" }), { code: "library/key-exists" });
    equal(
      places.setAll([
        [{ row: 3, column: 1 }, 1n],
        [{ row: 4, column: 1 }, 2n],
      ]),
      2,
    );
    deepEqual(new Set(places.values()), new Set([1n, 2n, 5n]));
    equal(
      places.deleteAll([
        { row: 3, column: 1 },
        { row: 8, column: 8 },
      ]),
      1,
    );
    equal(places.delete({ row: 4, column: 1 }), true);
    equal([...places.keys()].length, 1);
    send(object, 3);
    equal(
      cpus.get(0)!.reduce((sum, count) => sum + count),
      3n,
    );
    table.set(2, 7n);
    const view = table.view();
    equal(view.get(2), 7n);
  },
  async "variables are read and written in place"() {
    await using object = await skeleton.load({ pins: PINS, globals: { step: 5 } });
    send(object, 2);
    equal(object.globals.sent, 10n);
    object.globals.sent = 1n;
    send(object, 1);
    equal(object.globals.sent, 6n);
    equal(object.globals.step, 5);
  },
  async "records come in order, and what is lost is counted"() {
    await using object = await skeleton.load({ pins: PINS });
    send(object, 100);
    using reader = object.maps.events.read({ lost: () => object.globals.dropped });
    const seen: bigint[] = [];
    for await (const { when, pid, comm } of reader) {
      equal(pid, process.pid);
      equal(comm, "node");
      seen.push(when);
      if (seen.length === 100) break;
    }
    deepEqual(
      seen,
      Array.from({ length: 100 }, (_, index) => BigInt(index)),
    );
    using next = object.maps.events.read({ lost: () => object.globals.dropped });
    send(object, 3000);
    while (next.poll(() => undefined) > 0);
    ok(next.lost > 0n);
    equal(BigInt(next.delivered) + next.lost, 3000n);
  },
  async "a tracepoint is on while its link is"() {
    await using object = await skeleton.load({ pins: PINS });
    const link = object.programs.on_exec.attach();
    const abort = new AbortController();
    const execs: ExecEvent[] = [];
    const done = (async () => {
      for await (const event of object.maps.events.read({ signal: abort.signal })) {
        execs.push(event);
        if (event.comm === "cat") abort.abort();
      }
    })();
    execFileSync("cat", ["/proc/version"]);
    await done;
    equal(execs.at(-1)!.parent, process.pid);
    link[Symbol.dispose]();
    const { sent } = object.globals;
    execFileSync("cat", ["/proc/version"]);
    equal(object.globals.sent, sent);
  },
  async "an interface's program stays by its pin, gives way to another, and goes"() {
    await using object = await skeleton.load({ pins: PINS });
    const link = object.programs.packets.attach({ interface: "lo", xdpMode: "generic" });
    link.pin(`${PINS}/link`);
    link[Symbol.dispose]();
    ping();
    const count = (): bigint => [...object.maps.places.values()].reduce((sum, value) => sum + value, 0n);
    const first = count();
    ok(first > 0n);
    await using other = await skeleton.load({ pins: PINS });
    using opened = await openLink(`${PINS}/link`);
    opened.update(other.programs.packets, object.programs.packets);
    throws(() => opened.update(other.programs.packets, object.programs.packets), SyscallError);
    ping();
    equal(count(), first);
    ok([...other.maps.places].length > 0);
    opened.detach();
    rmSync(`${PINS}/link`);
    const { sent: _sent } = other.globals;
    const last = [...other.maps.places.values()];
    ping();
    deepEqual([...other.maps.places.values()], last);
  },
  async "pins keep programs and maps, and are shared by name"() {
    {
      await using object = await skeleton.load({ pins: PINS });
      object.maps.shared.set(1, 11n);
      object.programs.on_demand.pin(`${PINS}/program`);
    }
    ok(existsSync(`${PINS}/shared`));
    await using again = await skeleton.load({ pins: PINS });
    equal(again.maps.shared.get(1), 11n);
    using map = await openMap<BpfMap<number, bigint>>(`${PINS}/shared`);
    equal(map.get(1), 11n);
    using program = await openProgram(`${PINS}/program`);
    equal(program.testRun({ context: new Uint8Array(8) }).result, 0);
    await using mine = await loadFile<Tour>(objectPath, { pins: PINS, maps: { shared: { use: map } } });
    equal(mine.maps.shared.get(1), 11n);
    rmSync(`${PINS}/program`);
    rmSync(`${PINS}/shared`);
  },
  async "what fails leaves nothing, and says why"() {
    const refused = await rejected(loadFile(assembleObject("socket", "r0 = r5\nexit")));
    ok(refused instanceof VerifierError);
    match(refused.log, /R5 !read_ok/);
    await rejects(loadFile("/nowhere.bpf.o"), { code: "library/no-file" });
    await rejects(skeleton.load({ maps: { nope: { maxEntries: 1 } } }), LibraryError);
    const object = await skeleton.load({ pins: PINS });
    object[Symbol.dispose]();
    throws(() => object.maps.places.get({ row: 1, column: 1 }), { code: "library/closed" });
  },
};

async function rejected(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

for (const [name, step] of Object.entries(STEPS)) {
  await tick();
  const before = openFiles();
  try {
    await step();
    await tick();
    equal(openFiles().length, before.length, "descriptors that are open");
    console.log(`well: ${name}`);
  } catch (error) {
    console.log(`FAILED: ${name}: ${error instanceof Error ? error.stack : String(error)}`);
  }
}
