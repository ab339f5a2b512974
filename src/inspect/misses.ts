import type { Fd, Kernel } from "../kernel/index.ts";
import { BPF_LINK_TYPE, BPF_PERF_EVENT } from "../uapi/index.ts";
import { StructReader } from "./struct-reader.ts";

/**
 * How often a program was reached and not run: because another program (or itself, or a call of bpf(2) for a
 * map) was at work on the same CPU. Tracepoints and perf events count it from Linux 6.7 on, others from 5.12.
 */
export function programMisses(kernel: Kernel, fd: Fd): bigint {
  const info = new StructReader("bpf_prog_info");
  kernel.objectInfo(fd, info.bytes);
  return info.bigint("recursion_misses");
}

/** How often the kprobes behind a link were hit while another was handled on the same CPU (Linux 6.7). */
export function linkMisses(kernel: Kernel, fd: Fd): bigint {
  const info = new StructReader("bpf_link_info");
  kernel.objectInfo(fd, info.bytes);
  switch (info.number("type")) {
    case BPF_LINK_TYPE.KPROBE_MULTI:
      return info.bigint("kprobe_multi.missed");
    case BPF_LINK_TYPE.PERF_EVENT: {
      const event = info.number("perf_event.type");
      const isKprobe = event === BPF_PERF_EVENT.KPROBE || event === BPF_PERF_EVENT.KRETPROBE;
      return isKprobe ? info.bigint("perf_event.kprobe.missed") : 0n;
    }
    default:
      return 0n;
  }
}
