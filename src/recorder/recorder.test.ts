import { describe, expect, test } from "vitest";
import type { HookTarget } from "../attach/index.ts";
import { parseBtf } from "../btf/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { Features, loadObject } from "../loader/index.ts";
import { openKernel } from "../open-kernel.ts";
import { recorderHook } from "./hooks.ts";
import { recorderObject } from "./programs.ts";
import { taskOffsets } from "./task-offsets.ts";

const TARGETS: readonly HookTarget[] = [
  { kind: "tracepoint", category: "raw_syscalls", event: "sys_enter" },
  { kind: "tracepoint", category: "raw_syscalls", event: "sys_exit" },
  { kind: "tracepoint", category: "syscalls", event: "sys_enter_openat" },
  { kind: "tracepoint", category: "sched", event: "sched_process_fork" },
  { kind: "tracepoint", category: "sched", event: "sched_process_exec" },
  { kind: "tracepoint", category: "sched", event: "sched_process_exit" },
  { kind: "tracepoint", category: "signal", event: "signal_deliver" },
  { kind: "uprobe", path: "/bin/sh", offset: 0, return: false },
];

async function open(): Promise<Kernel | undefined> {
  try {
    const kernel = await openKernel({ kernel: "linux" });
    return kernel.files.tracefs("events/sched/sched_process_exec/format") === undefined ? undefined : kernel;
  } catch {
    return undefined;
  }
}

const linux = await open();

describe.skipIf(linux === undefined)("the recorder's programs, for the running kernel (needs root)", () => {
  test.each([
    ["of the whole system", false],
    ["of some processes", true],
  ])("%s pass the verifier", (_, filtered) => {
    const kernel = linux!;
    const object = recorderObject({
      hooks: TARGETS.map((target, index) => recorderHook(kernel, target, index).recorded),
      offsets: taskOffsets(parseBtf(kernel.files.btf())),
      filtered,
      ringSize: 1 << 16,
      snap: 512,
      cpu: new Features(kernel).has("cpuV4") ? 4 : 3,
    });
    // Nothing is attached.
    using loaded = loadObject(object, { kernel });
    expect(loaded.programs.size).toBe(TARGETS.length);
    [...loaded.programs].map(
      ([n, p]) => n + " " + p.spec.insns.length + " " + p.log.trim().split("\n").slice(-3),
    );
  });

  test("know where this kernel's structs have what they read", () => {
    const offsets = taskOffsets(parseBtf(linux!.files.btf()));
    expect(Object.values(offsets).every((offset) => Number.isInteger(offset))).toBe(true);
  });
});
