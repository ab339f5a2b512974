import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attach, AttachError, runProgram } from "../../src/attach/index.ts";
import type { HookTarget } from "../../src/attach/index.ts";
import {
  aluImmediate,
  atomic,
  branchImmediate,
  call,
  exit,
  load,
  loadMap,
  move,
  moveImmediate,
  storeImmediate,
} from "../../src/isa/index.ts";
import type { Insn } from "../../src/isa/index.ts";
import { Features, loadObject, memoryStore, VerifierError } from "../../src/loader/index.ts";
import type { LoadedMap, LoadedObject } from "../../src/loader/index.ts";
import type { MapSpec, ObjectSpec, ProgramSpec } from "../../src/object/index.ts";
import { BPF_FUNC, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../src/uapi/index.ts";
import { openTestKernel } from "./test-kernel.ts";

const kernel = await openTestKernel();

const COUNTER: MapSpec = {
  name: "counter",
  type: BPF_MAP_TYPE.ARRAY,
  keySize: 4,
  valueSize: 8,
  maxEntries: 1,
  flags: 0,
};

/** Adds 1 to the counter whenever this process fires the hook. */
function counting(type: number, extra: Partial<ProgramSpec> = {}): ObjectSpec {
  const insns: Insn[] = [
    call(BPF_FUNC.get_current_pid_tgid),
    aluImmediate("RSH", 0, 32),
    branchImmediate("JNE", 0, process.pid, 9),
    storeImmediate(4, 10, -4, 0),
    ...loadMap(1, 0),
    move(2, 10),
    aluImmediate("ADD", 2, -4),
    call(BPF_FUNC.map_lookup_elem),
    branchImmediate("JEQ", 0, 0, 2),
    moveImmediate(1, 1),
    atomic("ADD", 8, 0, 0, 1),
    moveImmediate(0, 0),
    exit(),
  ];
  return object([COUNTER], {
    name: "count",
    type,
    insns,
    relocations: [{ kind: "map", insn: 4, map: "counter" }],
    ...extra,
  });
}

function object(
  maps: readonly MapSpec[],
  program: Pick<ProgramSpec, "name" | "type" | "insns"> & Partial<ProgramSpec>,
): ObjectSpec {
  return {
    license: "GPL",
    maps,
    programs: [{ section: "test", relocations: [], functions: [], lines: [], ...program }],
  };
}

function counted(loaded: LoadedObject): number {
  const value = loaded.maps.get("counter")!.lookup(new Uint8Array(4))!;
  return Number(new DataView(value.buffer).getBigUint64(0, true));
}

const spin = (): void => {
  const end = performance.now() + 30;
  while (performance.now() < end);
};

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);

/** Descriptors of maps, programs, links and BTF in this process. */
function openObjects(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    const link = `/proc/self/fd/${fd}`;
    return existsSync(`/proc/self/fdinfo/${fd}`) && /bpf|btf/.test(readlinkSync(link));
  }).length;
}

describe.skipIf(kernel === undefined)("loader and attach", () => {
  const host = kernel!;
  let features: Features;
  beforeAll(() => {
    features = new Features(host, memoryStore());
  });
  afterAll(() => host[Symbol.dispose]());

  /** Counts what `act` fires while the program is attached, and that nothing is counted afterwards. */
  function fires(spec: ObjectSpec, target: HookTarget, act: () => void): number {
    using loaded = loadObject(spec, { kernel: host });
    const context = { kernel: host, features, pid: process.pid };
    const link = attach(context, loaded.programs.get("count")!, target);
    act();
    link[Symbol.dispose]();
    const count = counted(loaded);
    act();
    expect(counted(loaded)).toBe(count);
    return count;
  }

  const callKernel = (): void => {
    for (let index = 0; index < 5; index++) host.clock("realtime");
  };

  test("BEGIN programs run once, in this process", () => {
    const loaded = loadObject(counting(BPF_PROG_TYPE.RAW_TRACEPOINT), { kernel: host });
    runProgram(host, loaded.programs.get("count")!);
    expect(counted(loaded)).toBe(1);
    loaded[Symbol.dispose]();
  });

  test("a tracepoint fires for each system call", () => {
    const target = { kind: "tracepoint", category: "raw_syscalls", event: "sys_enter" } as const;
    expect(fires(counting(BPF_PROG_TYPE.TRACEPOINT), target, callKernel)).toBeGreaterThan(0);
  });

  test("so does a tracepoint on a kernel without perf links", () => {
    const old = new Features(host, { read: () => new Map([["perfLink", false]]), write: () => undefined });
    const loaded = loadObject(counting(BPF_PROG_TYPE.TRACEPOINT), { kernel: host });
    const target = { kind: "tracepoint", category: "raw_syscalls", event: "sys_enter" } as const;
    const link = attach({ kernel: host, features: old }, loaded.programs.get("count")!, target);
    callKernel();
    expect(counted(loaded)).toBeGreaterThan(0);
    link[Symbol.dispose]();
    loaded[Symbol.dispose]();
  });

  test("a raw tracepoint fires", () => {
    const target = { kind: "rawtracepoint", event: "sys_enter" } as const;
    expect(fires(counting(BPF_PROG_TYPE.RAW_TRACEPOINT), target, callKernel)).toBeGreaterThan(0);
  });

  test("a BTF tracepoint fires", () => {
    const spec = counting(BPF_PROG_TYPE.TRACING, { expectedAttachType: 23, attachTarget: "sys_enter" });
    const target = { kind: "rawtracepoint", event: "sys_enter" } as const;
    expect(fires(spec, target, callKernel)).toBeGreaterThan(0);
  });

  test("profile and software events fire while this process runs", () => {
    const spec = counting(BPF_PROG_TYPE.PERF_EVENT);
    expect(fires(spec, { kind: "profile", frequency: 999 }, spin)).toBeGreaterThan(0);
    const clock = { kind: "perf", event: "cpu-clock", type: 1, config: 0, period: 1_000_000 } as const;
    expect(fires(spec, clock, spin)).toBeGreaterThan(0);
  });

  test("a uprobe and a uretprobe fire on a function of libc", () => {
    const maps = Buffer.from(host.files.read("/proc/self/maps")!).toString();
    const path = /(\/\S*libc[.-]\S*so\S*)$/m.exec(maps)?.[1];
    expect(path).toBeDefined();
    const target = { kind: "uprobe", path: path!, symbol: "syscall", offset: 0, return: false } as const;
    const spec = counting(BPF_PROG_TYPE.KPROBE);
    expect(fires(spec, target, callKernel)).toBeGreaterThanOrEqual(5);
    expect(fires(spec, { ...target, return: true }, callKernel)).toBeGreaterThanOrEqual(5);
    const unknown = { ...target, symbol: "syscal" };
    expect(() => fires(spec, unknown, callKernel)).toThrow(
      expect.objectContaining({ code: "attach/unknown", hints: [expect.stringContaining("syscall")] }),
    );
  });

  test("an unknown event is named, with the nearest ones", () => {
    const loaded = loadObject(counting(BPF_PROG_TYPE.TRACEPOINT), { kernel: host });
    const target = { kind: "tracepoint", category: "sched", event: "sched_swich" } as const;
    const program = loaded.programs.get("count")!;
    expect(() => attach({ kernel: host, features }, program, target)).toThrow(
      expect.objectContaining({ code: "attach/unknown", hints: [expect.stringContaining("sched_switch")] }),
    );
    const category = { kind: "tracepoint", category: "shed", event: "x" } as const;
    expect(() => attach({ kernel: host, features }, program, category)).toThrow(AttachError);
    loaded[Symbol.dispose]();
  });

  test("a rejected program carries the log, the instruction, its line and the reason", () => {
    const spec = object([], {
      name: "bad",
      type: BPF_PROG_TYPE.SOCKET_FILTER,
      insns: [load(8, 0, 10, 8), exit()],
      lines: [{ insn: 0, file: "a.bt", text: "$x = *bad", line: 3, column: 2 }],
    });
    try {
      loadObject(spec, { kernel: host });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(VerifierError);
      if (!(error instanceof VerifierError)) throw error;
      expect(error.reason).toMatch(/invalid read from stack/);
      expect(error.insn).toBe(0);
      expect(error.line?.text).toBe("$x = *bad");
      expect(error.log).toContain("processed");
    }
  });

  test("nothing of a failed object stays open", () => {
    const spec = object([COUNTER], { name: "bad", type: BPF_PROG_TYPE.SOCKET_FILTER, insns: [exit()] });
    const before = openObjects();
    expect(() => loadObject(spec, { kernel: host })).toThrow(VerifierError);
    expect(openObjects()).toBe(before);
  });

  function withMap(spec: Partial<MapSpec>, use: (map: LoadedMap) => void): void {
    const program = {
      name: "nothing",
      type: BPF_PROG_TYPE.SOCKET_FILTER,
      insns: [moveImmediate(0, 0), exit()],
    };
    const loaded = loadObject(object([{ ...COUNTER, ...spec }], program), { kernel: host });
    use(loaded.maps.get("counter")!);
    loaded[Symbol.dispose]();
  }

  test.each([BPF_MAP_TYPE.HASH, BPF_MAP_TYPE.LRU_HASH, BPF_MAP_TYPE.PERCPU_HASH])(
    "hash maps (type %i) give all their entries",
    (type) => {
      withMap({ type, maxEntries: 5000 }, (map) => {
        const bytes = map.perCpu ? map.valueStride * host.files.possibleCpus().length : 8;
        for (let key = 0; key < 3000; key++) map.update(u32(key), new Uint8Array(bytes).fill(key));
        const entries = map.entries();
        expect(new Set(entries.map(({ key }) => key.join())).size).toBe(3000);
        for (const { key, value } of entries) expect(value).toEqual(new Uint8Array(bytes).fill(key[0]!));
        expect(map.delete(u32(7))).toBe(true);
        expect(map.delete(u32(7))).toBe(false);
        expect(map.lookup(u32(7))).toBeUndefined();
        map.zero();
        expect(map.entries().every(({ value }) => value.every((byte) => byte === 0))).toBe(true);
        map.clear();
        expect(map.entries()).toEqual([]);
      });
    },
  );

  test("arrays give all their elements, and refuse values of the wrong size", () => {
    withMap({ maxEntries: 3000 }, (map) => {
      map.update(u32(2999), new Uint8Array(8).fill(1));
      expect(map.entries().length).toBe(3000);
      expect(map.entries()[2999]!.value).toEqual(new Uint8Array(8).fill(1));
      expect(() => map.update(u32(0), new Uint8Array(4))).toThrow(RangeError);
    });
  });

  test("features are what this kernel says, and are asked once", () => {
    let written = new Map<string, boolean>();
    const asked = new Features(host, {
      read: () => new Map(),
      write: (answers) => (written = new Map(answers)),
    });
    expect(asked.has("ringBuffer")).toBe(true);
    expect(asked.has("cpuV3")).toBe(true);
    expect(asked.hasHelper(BPF_PROG_TYPE.TRACEPOINT, BPF_FUNC.get_current_task)).toBe(true);
    expect(asked.hasHelper(BPF_PROG_TYPE.SOCKET_FILTER, BPF_FUNC.redirect)).toBe(false);
    expect(asked.hasHelper(BPF_PROG_TYPE.TRACEPOINT, 9999)).toBe(false);
    expect(written.size).toBe(5);
  });
});
