import { afterAll, describe, expect, test } from "vitest";
import { Features, memoryStore } from "../../src/loader/index.ts";
import { BPF_FUNC, BPF_PROG_TYPE } from "../../src/uapi/index.ts";
import type { BpfHelperName, BpfProgTypeName } from "../../src/uapi/index.ts";
import { openBothKernels } from "./test-kernel.ts";

const kernels = await openBothKernels();
/** The release whose answers the embedded kernel gives. */
const same = kernels !== undefined && /^6\.18\b/.test(kernels.linux.release.text);
if (!same) console.log("Skipped: which helpers programs may call is compared with Linux 6.18 only");

const TYPES: readonly BpfProgTypeName[] = [
  "SOCKET_FILTER",
  "KPROBE",
  "TRACEPOINT",
  "RAW_TRACEPOINT",
  "PERF_EVENT",
  "XDP",
  "SCHED_CLS",
  "LWT_XMIT",
  "SK_SKB",
  "SOCK_OPS",
  "CGROUP_DEVICE",
];

describe.skipIf(!same)("programs may call the same helpers", () => {
  afterAll(() => {
    for (const kernel of Object.values(kernels!)) kernel[Symbol.dispose]();
  });

  test.each(TYPES)("%s", (type) => {
    const [linux, embedded] = [kernels!.linux, kernels!.embedded].map((kernel) => {
      const features = new Features(kernel, memoryStore());
      return Object.entries(BPF_FUNC)
        .filter(([, id]) => id > 0 && features.hasHelper(BPF_PROG_TYPE[type], id))
        .map(([name]) => name);
    });
    // What the real kernel lets them call and the embedded one has not.
    const missing = linux!.filter((name) => !embedded!.includes(name));
    expect(embedded!.filter((name) => !linux!.includes(name))).toEqual([]);
    expect(missing.filter((name) => !MISSING.has(name))).toEqual([]);
  });
});

/** Helpers that the embedded kernel does not have. */
const MISSING: ReadonlySet<string> = new Set<BpfHelperName>([
  "tcp_raw_gen_syncookie_ipv4",
  "tcp_raw_gen_syncookie_ipv6",
  "tcp_raw_check_syncookie_ipv4",
  "tcp_raw_check_syncookie_ipv6",
  "store_hdr_opt",
  "reserve_hdr_opt",
  "load_hdr_opt",
  "skb_cgroup_classid",
  "lwt_push_encap",
]);
