import { aluImmediate, branchImmediate, call, encode, exit, jumpFar, moveImmediate } from "../isa/index.ts";
import type { Insn } from "../isa/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { BpfAttr, Kernel } from "../kernel/index.ts";
import { BPF_ATTACH_TYPE, BPF_PROG_FLAG, BPF_PROG_TYPE, ERRNO } from "../uapi/index.ts";

/** What a probe is told beside what it asks. */
export interface ProbeScope {
  /** Programs that run on this network device; 0: in the kernel. */
  readonly ifindex: number;
}

interface ProgramProbe {
  readonly attr?: Partial<BpfAttr["PROG_LOAD"]>;
  /** Types that need a target are refused with this, and with these words, where they are known. */
  readonly refused?: { readonly errno: number; readonly words?: string };
}

const BOGUS_TARGET = 1;

/** What the least program of a type needs beside its instructions. */
const PROBES: Readonly<Record<number, ProgramProbe>> = {
  [BPF_PROG_TYPE.CGROUP_SOCK_ADDR]: { attr: { expected_attach_type: BPF_ATTACH_TYPE.CGROUP_INET4_CONNECT } },
  [BPF_PROG_TYPE.CGROUP_SOCKOPT]: { attr: { expected_attach_type: BPF_ATTACH_TYPE.CGROUP_GETSOCKOPT } },
  [BPF_PROG_TYPE.SK_LOOKUP]: { attr: { expected_attach_type: BPF_ATTACH_TYPE.SK_LOOKUP } },
  [BPF_PROG_TYPE.LIRC_MODE2]: { attr: { expected_attach_type: BPF_ATTACH_TYPE.LIRC_MODE2 } },
  [BPF_PROG_TYPE.NETFILTER]: { attr: { expected_attach_type: BPF_ATTACH_TYPE.NETFILTER } },
  [BPF_PROG_TYPE.SYSCALL]: { attr: { prog_flags: BPF_PROG_FLAG.SLEEPABLE } },
  [BPF_PROG_TYPE.STRUCT_OPS]: { refused: { errno: ERRNO.ENOTSUPP } },
  [BPF_PROG_TYPE.TRACING]: {
    attr: { expected_attach_type: BPF_ATTACH_TYPE.TRACE_FENTRY, attach_btf_id: BOGUS_TARGET },
    refused: { errno: ERRNO.EINVAL, words: "attach_btf_id 1 is not a function" },
  },
  [BPF_PROG_TYPE.LSM]: {
    attr: { expected_attach_type: BPF_ATTACH_TYPE.MODIFY_RETURN, attach_btf_id: BOGUS_TARGET },
    refused: { errno: ERRNO.EINVAL, words: "attach_btf_id 1 is not a function" },
  },
  [BPF_PROG_TYPE.EXT]: {
    attr: { attach_btf_id: BOGUS_TARGET },
    refused: { errno: ERRNO.EINVAL, words: "Cannot replace kernel functions" },
  },
};

/** Types whose programs are refused before the verifier looks at what they call. */
const TARGETED: ReadonlySet<number> = new Set([
  BPF_PROG_TYPE.TRACING,
  BPF_PROG_TYPE.EXT,
  BPF_PROG_TYPE.LSM,
  BPF_PROG_TYPE.STRUCT_OPS,
]);

const LOG_SIZE = 4096;

interface Attempt {
  /** 0: the kernel took the program. */
  readonly errno: number;
  readonly log: string;
}

/** Loads programs that are gone at once, to see what the kernel says to them. */
export class ProgramProber {
  readonly #kernel: Kernel;
  readonly #ifindex: number;
  readonly #log = new Uint8Array(LOG_SIZE);

  constructor(kernel: Kernel, { ifindex }: ProbeScope) {
    this.#kernel = kernel;
    this.#ifindex = ifindex;
  }

  hasType(type: number): boolean {
    const refused = this.#ifindex === 0 ? PROBES[type]?.refused : undefined;
    // The nfp driver refuses programs that return 0.
    const { errno, log } = this.#load(type, [moveImmediate(0, this.#ifindex === 0 ? 0 : 2), exit()]);
    if (!refused) return errno === 0;
    return errno === refused.errno && log.includes(refused.words ?? "");
  }

  /** Whether programs of a type may call a helper (a BPF_FUNC number); undefined where it cannot be seen. */
  hasHelper(type: number, helper: number): boolean | undefined {
    if (TARGETED.has(type)) return undefined;
    const { errno, log } = this.#load(type, [call(helper), exit()]);
    if (errno === 0) return true;
    return (
      errno !== ERRNO.EPERM &&
      !/invalid func |unknown func |program of this type cannot use helper /.test(log)
    );
  }

  /** Whether a socket filter of these instructions is taken. */
  takes(insns: readonly Insn[]): boolean {
    return this.#load(BPF_PROG_TYPE.SOCKET_FILTER, insns, false).errno === 0;
  }

  #load(type: number, insns: readonly Insn[], withLog = true): Attempt {
    const { major, minor, patch } = this.#kernel.release;
    this.#log[0] = 0;
    try {
      const fd = this.#kernel.bpf("PROG_LOAD", {
        prog_type: type,
        insns: encode(insns),
        license: "GPL",
        ...(withLog && { log_buf: this.#log, log_level: 1 }),
        prog_ifindex: this.#ifindex,
        kern_version: type === BPF_PROG_TYPE.KPROBE ? (major << 16) | (minor << 8) | Math.min(patch, 255) : 0,
        ...PROBES[type]?.attr,
      });
      this.#kernel.close(fd);
      return { errno: 0, log: "" };
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      return { errno: error.errno, log: error.log };
    }
  }
}

const MANY_INSNS = 4096;

export type MiscFeature = "largePrograms" | "boundedLoops" | "isaV2" | "isaV3" | "isaV4";

/** Abilities of the verifier that come with no new type or helper. */
export const MISC_PROBES: Readonly<Record<MiscFeature, () => readonly Insn[]>> = {
  /** More than 4096 instructions (5.2; c04c0d2b968a). */
  largePrograms: () => [...Array.from({ length: MANY_INSNS }, () => moveImmediate(0, 1)), exit()],
  /** Loops whose end the verifier can see (5.3; 2589726d12a1). */
  boundedLoops: () => [
    moveImmediate(0, 10),
    aluImmediate("SUB", 0, 1),
    branchImmediate("JNE", 0, 0, -2),
    exit(),
  ],
  isaV2: () => [moveImmediate(0, 0), branchImmediate("JLT", 0, 0, 1), moveImmediate(0, 1), exit()],
  isaV3: () => [moveImmediate(0, 0), branchImmediate("JLT", 0, 0, 1, 32), moveImmediate(0, 1), exit()],
  /** gotol +1 (6.6; 1f9a1ea821ff). */
  isaV4: () => [
    moveImmediate(0, 0),
    branchImmediate("JEQ", 0, 1, 1, 32),
    jumpFar(1),
    moveImmediate(0, 1),
    exit(),
  ],
};
