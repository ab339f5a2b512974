import type { CompileTarget } from "../bpftrace/index.ts";
import type { Kernel } from "../kernel/index.ts";
import type { Features } from "../loader/index.ts";
import { BPF_FUNC, BPF_PROG_TYPE } from "../uapi/index.ts";

/** Code for the kernel at hand: what it lacks is not used. A feature is probed when the compiler asks for it. */
export function kernelTarget(kernel: Kernel, features: Features): CompileTarget {
  const helper = (number: number): boolean => features.hasHelper(BPF_PROG_TYPE.RAW_TRACEPOINT, number);
  return {
    arch: kernel.release.arch,
    get cpu(): 3 | 4 {
      return features.has("cpuV4") ? 4 : 3;
    },
    relocate: false,
    get cpus(): number {
      return kernel.files.possibleCpus().length;
    },
    features: {
      get ringbuf(): boolean {
        return features.has("ringBuffer");
      },
      get currentTaskBtf(): boolean {
        return features.has("currentTaskBtf");
      },
      get rdonlyCast(): boolean {
        return features.has("kfuncCasts");
      },
      get forEachMapElem(): boolean {
        return helper(BPF_FUNC.for_each_map_elem);
      },
      get loop(): boolean {
        return helper(BPF_FUNC.loop);
      },
      /** No probe of its own: what was missing came with 5.17. */
      get functionAddress(): boolean {
        return helper(BPF_FUNC.loop);
      },
      get lookupPercpuElem(): boolean {
        return helper(BPF_FUNC.map_lookup_percpu_elem);
      },
      /** No probe of its own: both came with 5.11. */
      get largeKeys(): boolean {
        return features.has("currentTaskBtf");
      },
      get ktimeTai(): boolean {
        return helper(BPF_FUNC.ktime_get_tai_ns);
      },
      /** No probe of its own: both came with 6.6. */
      get userFunctionAddress(): boolean {
        return features.has("uprobeMulti");
      },
    },
  };
}
