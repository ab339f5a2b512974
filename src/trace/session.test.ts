import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  branchImmediate,
  call,
  exit,
  loadImmediate64,
  move,
  moveImmediate,
  storeImmediate,
} from "../isa/index.ts";
import { openKernel } from "../open-kernel.ts";
import { PLAN_VERSION, type ObjectSpec, type PlanAction, type TracePlan } from "../object/index.ts";
import { BPF_FUNC, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../uapi/index.ts";
import type { TraceEvent } from "./event-queue.ts";
import { EventQueue, TraceSession } from "./index.ts";

/** BEGIN sends one record of 16 bytes whose second half is 42. */
const object: ObjectSpec = {
  license: "GPL",
  maps: [
    { name: "ring", type: BPF_MAP_TYPE.RINGBUF, keySize: 0, valueSize: 0, maxEntries: 1 << 16, flags: 0 },
    { name: "globals", type: BPF_MAP_TYPE.ARRAY, keySize: 4, valueSize: 16, maxEntries: 1, flags: 0 },
  ],
  programs: [
    {
      name: "begin_1",
      section: "raw_tp/begin",
      type: BPF_PROG_TYPE.RAW_TRACEPOINT,
      insns: [
        ...loadImmediate64(1, 0n),
        moveImmediate(2, 16),
        moveImmediate(3, 0),
        call(BPF_FUNC.ringbuf_reserve),
        branchImmediate("JEQ", 0, 0, 5),
        storeImmediate(8, 0, 0, 0),
        storeImmediate(8, 0, 8, 42),
        move(1, 0),
        moveImmediate(2, 0),
        call(BPF_FUNC.ringbuf_submit),
        moveImmediate(0, 0),
        exit(),
      ],
      relocations: [{ kind: "map", insn: 0, map: "ring" }],
      functions: [],
      lines: [],
    },
  ],
};

function planOf(actions: readonly PlanAction[]): TracePlan {
  return {
    version: PLAN_VERSION,
    source: { name: "-e", text: "BEGIN {}" },
    probes: [{ program: "begin_1", name: "BEGIN", attach: { kind: "begin" } }],
    maps: [],
    records: [{ size: 16, actions }],
    config: {
      ring: { kind: "ringbuf", map: "ring" },
      globals: { map: "globals", size: 16, lost: 0, pid: 8 },
      maxMapKeys: 16,
      maxStringLength: 64,
      printMapsOnExit: true,
      unsafe: false,
    },
  };
}

const value = { name: "", offset: 8, type: { kind: "int", size: 8, signed: false } } as const;
const canLoad = process.getuid?.() === 0 && existsSync("/sys/kernel/btf/vmlinux");

async function run(actions: readonly PlanAction[]): Promise<{ code: number; events: TraceEvent[] }> {
  using kernel = await openKernel();
  let queue: EventQueue | undefined;
  const session = new TraceSession(object, planOf(actions), {
    kernel,
    reporter: (resolver) => (queue = new EventQueue(resolver)),
  });
  const { code } = await session.run();
  queue?.close();
  const events: TraceEvent[] = [];
  for await (const event of queue ?? []) events.push(event);
  return { code, events };
}

describe.skipIf(!canLoad)("a session on the running kernel", () => {
  it("shows BEGIN's record and ends by itself", async () => {
    const { code, events } = await run([
      { kind: "printf", format: "%d!", args: [value] },
      { kind: "printValue", value },
    ]);
    expect(code).toBe(0);
    expect(events).toEqual([
      { kind: "attached", probes: 1 },
      { kind: "printf", text: "42!", args: [42] },
      { kind: "value", value: 42 },
    ]);
  });

  it("ends with the code of exit()", async () => {
    const { code, events } = await run([
      { kind: "exit", code: { constant: "3", type: value.type } },
      { kind: "cat", format: "/proc/self/comm", args: [] },
    ]);
    expect(code).toBe(3);
    expect(events.map(({ kind }) => kind)).toContain("cat");
  });

  it("refuses system() in a built object without being allowed to", async () => {
    await expect(run([{ kind: "system", format: "true", args: [] }])).rejects.toThrow("change the system");
  });

  it("refuses a plan whose fields lie outside its records", async () => {
    await expect(run([{ kind: "printValue", value: { ...value, offset: 12 } }])).rejects.toThrow(
      "Damaged trace plan",
    );
  });
});
