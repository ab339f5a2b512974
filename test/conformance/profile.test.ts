import { expect, test } from "vitest";
import { openTestKernel } from "./test-kernel.ts";
import { encode } from "../../src/isa/index.ts";
import { BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../src/uapi/index.ts";
import { beginProgram, endProgram, VALUE_SIZE } from "../../src/profile/programs.ts";

test("the verifier takes the profiler's programs, for every number of metrics", async (context) => {
  using kernel = await openTestKernel();
  if (!kernel) return context.skip("no bpf(2)");
  const create = (type: number, value_size: number, max_entries: number) =>
    kernel.bpf("MAP_CREATE", { map_type: type, key_size: 4, value_size, max_entries });
  for (let metrics = 1; metrics <= 4; metrics++) {
    const maps = {
      events: create(BPF_MAP_TYPE.PERF_EVENT_ARRAY, 4, 8 * metrics),
      before: create(BPF_MAP_TYPE.PERCPU_ARRAY, VALUE_SIZE, metrics),
      sums: create(BPF_MAP_TYPE.PERCPU_ARRAY, VALUE_SIZE, metrics),
      runs: create(BPF_MAP_TYPE.PERCPU_ARRAY, 8, 1),
    };
    for (const insns of [beginProgram(maps, metrics, 8), endProgram(maps, metrics, 8)]) {
      // Not fentry and fexit, which need a target: the helpers are the same.
      const fd = kernel.bpf("PROG_LOAD", {
        prog_type: BPF_PROG_TYPE.KPROBE,
        insns: encode(insns),
        license: "GPL",
      });
      expect(fd).toBeGreaterThan(0);
      kernel.close(fd);
    }
    for (const fd of Object.values(maps)) kernel.close(fd);
  }
});
