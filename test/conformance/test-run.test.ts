import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { assemble, encode } from "../../src/isa/index.ts";
import { SyscallError } from "../../src/kernel/index.ts";
import type { BpfAttr, Kernel } from "../../src/kernel/index.ts";
import { BPF_ATTACH_TYPE, BPF_PROG_TYPE, STRUCT } from "../../src/uapi/index.ts";
import { openBothKernels } from "./test-kernel.ts";

// PROG_TEST_RUN takes and refuses the same input on both kernels, and gives back the same.

const kernels = await openBothKernels();

/** The interface that a context names. */
function interfaceOf({ prog_type, context }: Subject, { ctx_in }: RunAttr): number {
  const [xdp, skb] = [STRUCT.xdp_md.fields.ingress_ifindex.offset, SKB.fields.ifindex.offset];
  const at = prog_type === BPF_PROG_TYPE.XDP ? xdp : skb;
  if (!ctx_in || context < 24 || ctx_in.length < at + 4) return 0;
  return new DataView(ctx_in.buffer).getUint32(at, true);
}

type RunAttr = Omit<BpfAttr["PROG_TEST_RUN"], "prog_fd">;

interface Subject {
  readonly prog_type: number;
  readonly text: string;
  readonly expected_attach_type?: number;
  readonly prog_flags?: number;
  /** Bytes of the context, if the type takes one. */
  readonly context: number;
}

const SKB = STRUCT.__sk_buff;
/** Writes what it sees of the context into its control block, and answers with the length. */
const SEES_SKB = `
  r2 = *(u32 *)(r1 +${SKB.fields.protocol.offset})
  *(u32 *)(r1 +${SKB.fields.cb.offset}) = r2
  r2 = *(u32 *)(r1 +${SKB.fields.pkt_type.offset})
  *(u32 *)(r1 +${SKB.fields.cb.offset + 4}) = r2
  r2 = *(u32 *)(r1 +${SKB.fields.ifindex.offset})
  *(u32 *)(r1 +${SKB.fields.cb.offset + 8}) = r2
  r2 = *(u32 *)(r1 +${SKB.fields.mark.offset})
  *(u32 *)(r1 +${SKB.fields.cb.offset + 12}) = r2
  r0 = *(u32 *)(r1 +${SKB.fields.len.offset})
  exit`;

const SUBJECTS: Readonly<Record<string, Subject>> = {
  "a socket filter": { prog_type: BPF_PROG_TYPE.SOCKET_FILTER, text: SEES_SKB, context: SKB.size },
  tc: { prog_type: BPF_PROG_TYPE.SCHED_CLS, text: SEES_SKB, context: SKB.size },
  "a tunnel": {
    prog_type: BPF_PROG_TYPE.LWT_XMIT,
    text: `r0 = *(u32 *)(r1 +${SKB.fields.len.offset})\nr0 &= 1\nexit`,
    context: SKB.size,
  },
  "cgroup/skb": {
    prog_type: BPF_PROG_TYPE.CGROUP_SKB,
    expected_attach_type: BPF_ATTACH_TYPE.CGROUP_INET_INGRESS,
    text: `r0 = *(u32 *)(r1 +${SKB.fields.len.offset})\nr0 &= 1\nexit`,
    context: SKB.size,
  },
  XDP: {
    prog_type: BPF_PROG_TYPE.XDP,
    text: "r0 = *(u32 *)(r1 +4)\nr2 = *(u32 *)(r1 +0)\nr0 -= r2\nexit",
    context: STRUCT.xdp_md.size,
  },
  "XDP that moves its head": {
    prog_type: BPF_PROG_TYPE.XDP,
    text: "r2 = -4\ncall bpf_xdp_adjust_head\nexit",
    context: STRUCT.xdp_md.size,
  },
  "XDP that moves its tail": {
    prog_type: BPF_PROG_TYPE.XDP,
    text: "r2 = 100\ncall bpf_xdp_adjust_tail\nexit",
    context: STRUCT.xdp_md.size,
  },
  "a raw tracepoint": {
    prog_type: BPF_PROG_TYPE.RAW_TRACEPOINT,
    text: "r0 = *(u64 *)(r1 +8)\nexit",
    context: 16,
  },
  "a syscall program": {
    prog_type: BPF_PROG_TYPE.SYSCALL,
    prog_flags: 16,
    text: "r0 = *(u32 *)(r1 +4)\n*(u32 *)(r1 +0) = r0\nexit",
    context: 16,
  },
};

const packet = fc.oneof(
  fc.constant(undefined),
  fc.uint8Array({ minLength: 14, maxLength: 120 }),
  fc
    .constantFrom(0, 1, 13, 14, 15, 64, 1500, 3520, 3521, 3776, 3777, 4000)
    .map((size) => new Uint8Array(size).fill(7)),
);

/** Contexts that are mostly zero, with a word set here and there. */
function contextOf(size: number): fc.Arbitrary<Uint8Array | undefined> {
  const sized = fc.constantFrom(0, size, size, size, size, Math.max(0, size - 4), size + 8, 4);
  const words = fc.array(
    fc.record({ at: fc.nat(Math.max(0, size / 4 - 1)), value: fc.constantFrom(0, 1, 4, 64, 0xffff) }),
    {
      maxLength: 2,
    },
  );
  return fc.oneof(
    fc.constant(undefined),
    fc.record({ length: sized, words }).map(({ length, words: list }) => {
      const bytes = new Uint8Array(length);
      const view = new DataView(bytes.buffer);
      for (const { at, value } of list) if (at * 4 + 4 <= length) view.setUint32(at * 4, value, true);
      return bytes;
    }),
  );
}

function runAttr(context: number): fc.Arbitrary<RunAttr> {
  return fc.record({
    data_in: packet,
    data_out: fc
      .constantFrom(undefined, 0, 10, 4096, 4096)
      .map((size) => (size === undefined ? undefined : new Uint8Array(size))),
    ctx_in: contextOf(context),
    ctx_out: fc
      .constantFrom(undefined, undefined, context, 8)
      .map((size) => (size === undefined ? undefined : new Uint8Array(size))),
    repeat: fc.constantFrom(undefined, 0, 1, 3),
    flags: fc.constantFrom(undefined, undefined, undefined, 0, 1, 4, 64),
    cpu: fc.constantFrom(undefined, undefined, undefined, 0, 1, 1000),
    batch_size: fc.constantFrom(undefined, undefined, undefined, 0, 1),
  });
}

function outcome(kernel: Kernel, { prog_type, text, ...load }: Subject, attr: RunAttr): unknown {
  const { context: _context, ...rest } = load;
  const fd = kernel.bpf("PROG_LOAD", { prog_type, insns: encode(assemble(text)), license: "GPL", ...rest });
  const [data_out, ctx_out] = [attr.data_out?.slice(), attr.ctx_out?.slice()];
  const ctx_in = attr.ctx_in?.slice();
  try {
    const answer = kernel.bpf("PROG_TEST_RUN", { ...attr, prog_fd: fd, data_out, ctx_out, ctx_in });
    const { retval, data_size_out, ctx_size_out } = answer;
    return { retval, data_size_out, ctx_size_out, data_out, ctx_out, ctx_in };
  } catch (error) {
    if (error instanceof SyscallError) return error.errnoName;
    throw error;
  } finally {
    kernel.close(fd);
  }
}

describe.skipIf(kernels === undefined)("test runs are the same on both kernels", () => {
  afterAll(() => {
    for (const kernel of Object.values(kernels!)) kernel[Symbol.dispose]();
  });

  test.each(Object.entries(SUBJECTS))("%s", (_name, subject) => {
    // Without one, what a program reads of it decides, which a verifier knows.
    const reads = subject.context === 16;
    fc.assert(
      fc.property(runAttr(subject.context), (attr) => {
        fc.pre(!reads || (attr.ctx_in !== undefined && attr.ctx_in.length >= subject.context));
        // Which interfaces there are is the machine's.
        fc.pre(interfaceOf(subject, attr) <= 1);
        const { linux, embedded } = kernels!;
        expect(outcome(embedded, subject, attr)).toEqual(outcome(linux, subject, attr));
      }),
      { numRuns: 150 },
    );
  });

  test.each(["a socket filter", "tc", "a tunnel", "cgroup/skb"])("each word of the context of %s", (name) => {
    const subject = SUBJECTS[name]!;
    const { linux, embedded } = kernels!;
    for (let at = 0; at < SKB.size; at += 4)
      for (const value of [1, 64, 0xffff]) {
        const ctx_in = new Uint8Array(SKB.size);
        new DataView(ctx_in.buffer).setUint32(at, value, true);
        const attr = { data_in: new Uint8Array(20).fill(7), ctx_in, ctx_out: new Uint8Array(SKB.size) };
        // Which interfaces there are is the machine's.
        if (interfaceOf(subject, attr) > 1) continue;
        expect([at, value, outcome(embedded, subject, attr)]).toEqual([
          at,
          value,
          outcome(linux, subject, attr),
        ]);
      }
  });

  test.each(["tc", "a tunnel", "cgroup/skb"])("lengths on the wire that %s may be given", (name) => {
    const subject = SUBJECTS[name]!;
    const { linux, embedded } = kernels!;
    for (const wire of [1, 5, 6, 7, 19, 20, 21, 0xffff, 0x10000, 0x10001]) {
      const ctx_in = new Uint8Array(SKB.size);
      new DataView(ctx_in.buffer).setUint32(SKB.fields.wire_len.offset, wire, true);
      const attr = { data_in: new Uint8Array(20).fill(7), ctx_in };
      expect([wire, outcome(embedded, subject, attr)]).toEqual([wire, outcome(linux, subject, attr)]);
    }
  });
});
