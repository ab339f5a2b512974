import { assemble, encode } from "../../src/isa/index.ts";
import type { Insn } from "../../src/isa/index.ts";
import type { Fd, Kernel } from "../../src/kernel/index.ts";
import { SyscallError } from "../../src/kernel/index.ts";
import { BPF_ATTACH_TYPE, BPF_MAP_TYPE, BPF_PROG_FLAG, BPF_PROG_TYPE } from "../../src/uapi/index.ts";
import { randomProgram } from "../vm/random-program.ts";
import { Random } from "../vm/random.ts";

/** A program whose machine code is of interest; MAP, ARRAY, PERCPU and PROGS stand for maps' descriptors. */
interface ProgramRow {
  readonly type: keyof typeof BPF_PROG_TYPE;
  readonly attach?: keyof typeof BPF_ATTACH_TYPE;
  readonly code: string;
}

const KINDS: readonly ProgramRow[] = [
  {
    type: "SOCKET_FILTER",
    code: "r6 = r1; r0 = *(u8 *)skb[12]; r0 = *(u16 *)skb[r0 + 2]; w0 &= 0xffff; exit",
  },
  {
    type: "KPROBE",
    code: "r6 = *(u64 *)(r1 +112); call bpf_get_current_pid_tgid; r0 >>= 32; r0 s/= 7; exit",
  },
  {
    type: "SCHED_CLS",
    code: "r2 = *(u32 *)(r1 +76); r3 = *(u32 *)(r1 +80); r4 = r2; r4 += 14; if r4 > r3 goto pc+2; r0 = *(u16 *)(r2 +12); r0 = be16 r0; r0 = 0; exit",
  },
  { type: "SCHED_ACT", code: "r0 = *(u32 *)(r1 +8); if w0 s> -5 goto pc+1; r0 = 2; exit" },
  { type: "TRACEPOINT", code: "r6 = *(u64 *)(r1 +8); call bpf_ktime_get_ns; r0 *= r6; r0 %= 1000003; exit" },
  {
    type: "XDP",
    code: "r2 = *(u32 *)(r1 +0); r3 = *(u32 *)(r1 +4); r4 = r2; r4 += 34; if r4 > r3 goto pc+6; r5 = *(u64 *)(r2 +26); r5 = bswap64 r5; *(u64 *)(r2 +26) = r5; r0 = *(s8 *)(r2 +0); if w0 & 0x80 goto pc+1; *(u8 *)(r2 +1) = 7; r0 = 2; exit",
  },
  { type: "PERF_EVENT", code: "r0 = *(u64 *)(r1 +168); r0 <<= 3; r0 s>>= 5; exit" },
  { type: "CGROUP_SKB", attach: "CGROUP_INET_EGRESS", code: "r0 = *(u32 *)(r1 +0); r0 = 1; exit" },
  { type: "CGROUP_SOCK", code: "r0 = *(u32 *)(r1 +4); r0 = 1; exit" },
  { type: "LWT_IN", code: "r0 = *(u32 *)(r1 +0); r1 = -1; r0 |= r1; r0 = 0; exit" },
  { type: "LWT_XMIT", code: "r0 = *(u32 *)(r1 +0); w0 = -w0; r0 = 0; exit" },
  { type: "SOCK_OPS", code: "r2 = *(u32 *)(r1 +0); r3 = *(u32 *)(r1 +72); r2 ^= r3; r0 = 1; exit" },
  { type: "SK_SKB", code: "r0 = *(u32 *)(r1 +0); exit" },
  {
    type: "CGROUP_DEVICE",
    code: "r2 = *(u32 *)(r1 +0); w2 >>= 16; r0 = 1; if w2 == 0x3 goto pc+1; r0 = 0; exit",
  },
  { type: "SK_MSG", code: "r2 = *(u64 *)(r1 +0); r3 = *(u64 *)(r1 +8); r0 = 1; exit" },
  {
    type: "RAW_TRACEPOINT",
    code: "r0 = *(u64 *)(r1 +0); *(u64 *)(r10 -8) = r0; *(u32 *)(r10 -12) = -2; r0 = *(u32 *)(r10 -12); r0 = 0; exit",
  },
  {
    type: "CGROUP_SOCK_ADDR",
    attach: "CGROUP_INET4_CONNECT",
    code: "r2 = *(u32 *)(r1 +4); *(u32 *)(r1 +4) = r2; r0 = 1; exit",
  },
  { type: "LWT_SEG6LOCAL", code: "r0 = 0; exit" },
  { type: "SK_REUSEPORT", code: "r0 = *(u32 *)(r1 +16); r0 = 1; exit" },
  { type: "FLOW_DISSECTOR", code: "r0 = *(u64 *)(r1 +144); r0 = 0; exit" },
  { type: "CGROUP_SYSCTL", attach: "CGROUP_SYSCTL", code: "r0 = *(u32 *)(r1 +0); r0 = 1; exit" },
  { type: "RAW_TRACEPOINT_WRITABLE", code: "r0 = 0; exit" },
  { type: "CGROUP_SOCKOPT", attach: "CGROUP_GETSOCKOPT", code: "r0 = *(u32 *)(r1 +28); r0 = 1; exit" },
  { type: "SK_LOOKUP", attach: "SK_LOOKUP", code: "r0 = *(u32 *)(r1 +8); r0 = 1; exit" },
];

/** What the kernel's compiler does beyond single instructions. */
const FEATURES: readonly ProgramRow[] = [
  {
    type: "SOCKET_FILTER",
    code: "*(u32 *)(r10 -4) = 1; r2 = r10; r2 += -4; r1 = MAP; call bpf_map_lookup_elem; if r0 == 0x0 goto pc+1; r0 = *(u64 *)(r0 +0); exit",
  },
  {
    type: "SOCKET_FILTER",
    code: "*(u32 *)(r10 -4) = 1; r2 = r10; r2 += -4; r1 = ARRAY; call bpf_map_lookup_elem; if r0 == 0x0 goto pc+3; r1 = 1; lock *(u64 *)(r0 +0) += r1; r1 = atomic64_fetch_or((u64 *)(r0 +0), r1); r0 = 0; exit",
  },
  {
    type: "SOCKET_FILTER",
    code: "*(u32 *)(r10 -4) = 1; r2 = r10; r2 += -4; r1 = PERCPU; call bpf_map_lookup_elem; if r0 == 0x0 goto pc+1; r0 = *(u64 *)(r0 +0); exit",
  },
  { type: "SOCKET_FILTER", code: "r2 = PROGS; r3 = 3; call bpf_tail_call; r0 = 1; exit" },
  { type: "XDP", code: "r6 = r1; r2 = PROGS; r3 = *(u32 *)(r6 +16); call bpf_tail_call; r0 = 1; exit" },
  {
    type: "SOCKET_FILTER",
    code: "r6 = 300; r1 = 5; r2 = 3; call add; r6 += r0; r0 = r6; exit; add: r0 = r1; r0 += r2; *(u64 *)(r10 -8) = r0; call one; r1 = *(u64 *)(r10 -8); r0 += r1; exit; one: r0 = 1; exit",
  },
  {
    type: "SOCKET_FILTER",
    code: "call bpf_get_smp_processor_id; r6 = r0; call bpf_get_current_task; r0 = 0; exit",
  },
  { type: "SOCKET_FILTER", code: "r7 = 0; may_goto pc+2; r7 += 1; goto pc-3; r0 = r7; exit" },
  {
    type: "SOCKET_FILTER",
    code: "*(u64 *)(r10 -8) = 0; r1 = r10; r1 += -8; r0 = load_acquire((u64 *)(r10 -8)); store_release((u8 *)(r10 -8), r0); r0 = 0; exit",
  },
];

export interface LoadedProgram {
  readonly title: string;
  readonly fd: Fd;
}

/** Loads them all, and `random` more with all instructions mixed; those that this kernel refuses are named. */
export function loadPrograms(
  kernel: Kernel,
  random: number,
): { readonly loaded: readonly LoadedProgram[]; readonly refused: readonly string[] } {
  const map = (type: number, keySize: number, valueSize: number): Fd =>
    kernel.bpf("MAP_CREATE", { map_type: type, key_size: keySize, value_size: valueSize, max_entries: 8 });
  const fds: Readonly<Record<string, Fd>> = {
    MAP: map(BPF_MAP_TYPE.HASH, 4, 8),
    ARRAY: map(BPF_MAP_TYPE.ARRAY, 4, 8),
    PERCPU: map(BPF_MAP_TYPE.PERCPU_ARRAY, 4, 8),
    PROGS: map(BPF_MAP_TYPE.PROG_ARRAY, 4, 4),
  };
  const loaded: LoadedProgram[] = [];
  const refused: string[] = [];
  const load = (
    title: string,
    type: number,
    insns: readonly Insn[],
    attach?: number,
    flags?: number,
  ): void => {
    try {
      const fd = kernel.bpf("PROG_LOAD", {
        prog_type: type,
        insns: encode(insns),
        license: "GPL",
        ...(attach !== undefined && { expected_attach_type: attach }),
        ...(flags !== undefined && { prog_flags: flags }),
      });
      loaded.push({ title, fd });
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      refused.push(`${title}: ${error.message}`);
    }
  };
  for (const { type, attach, code } of [...KINDS, ...FEATURES]) {
    const text = code.replaceAll(/\b(MAP|ARRAY|PERCPU|PROGS)\b/g, (name) => `map[fd:${fds[name]}]`);
    const lines = text
      .split(";")
      .join("\n")
      .replaceAll(/(\w+:) /g, "$1\n");
    load(`${type}: ${code}`, BPF_PROG_TYPE[type], assemble(lines), attach && BPF_ATTACH_TYPE[attach]);
  }
  for (let seed = 1; seed <= random; seed++)
    load(
      `random ${seed}`,
      BPF_PROG_TYPE.SYSCALL,
      randomProgram(new Random(seed), 120),
      undefined,
      BPF_PROG_FLAG.SLEEPABLE,
    );
  for (const fd of Object.values(fds)) kernel.close(fd);
  return { loaded, refused };
}
