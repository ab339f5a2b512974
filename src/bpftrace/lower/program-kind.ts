import type { AttachTarget } from "../../object/index.ts";
import { BPF_ATTACH_TYPE, BPF_PROG_TYPE } from "../../uapi/index.ts";
import type { ProbeKind } from "../probes.ts";

/** What the kernel is told about a probe's program. */
export interface ProgramKind {
  /** BPF_PROG_TYPE_* */
  readonly type: number;
  readonly expectedAttachType?: number;
  /** First part of the section's name. */
  readonly section: string;
  /** The kernel checks the program against one function or tracepoint: each target needs its own. */
  readonly typed?: boolean;
  /** Arguments lie elsewhere in each target, which needs its own program therefore. */
  readonly separate?: boolean;
  /** The context is an array of u64 arguments, which the verifier reads whole only. */
  readonly slotted?: boolean;
  /** Other processes run into it: `-p` must be checked by the program. */
  readonly filtered?: boolean;
}

const testRun: ProgramKind = { type: BPF_PROG_TYPE.RAW_TRACEPOINT, section: "raw_tp" };
const perf: ProgramKind = { type: BPF_PROG_TYPE.PERF_EVENT, section: "perf_event", filtered: true };

function kprobe(section: string, filtered = false): ProgramKind {
  return { type: BPF_PROG_TYPE.KPROBE, section, filtered };
}

function tracing(section: string, expectedAttachType: number): ProgramKind {
  return {
    type: BPF_PROG_TYPE.TRACING,
    section,
    expectedAttachType,
    typed: true,
    slotted: true,
    filtered: true,
  };
}

export const programKinds: Readonly<Record<ProbeKind, ProgramKind>> = {
  begin: testRun,
  end: testRun,
  self: testRun,
  test: testRun,
  bench: testRun,
  kprobe: kprobe("kprobe", true),
  kretprobe: kprobe("kretprobe", true),
  uprobe: kprobe("uprobe"),
  uretprobe: kprobe("uretprobe"),
  // A uprobe at one place: sections called usdt are loaded for links to all places.
  usdt: { ...kprobe("uprobe"), separate: true },
  fentry: tracing("fentry", BPF_ATTACH_TYPE.TRACE_FENTRY),
  fexit: tracing("fexit", BPF_ATTACH_TYPE.TRACE_FEXIT),
  rawtracepoint: tracing("tp_btf", BPF_ATTACH_TYPE.TRACE_RAW_TP),
  iter: tracing("iter", BPF_ATTACH_TYPE.TRACE_ITER),
  tracepoint: { type: BPF_PROG_TYPE.TRACEPOINT, section: "tracepoint", filtered: true },
  profile: perf,
  interval: { ...perf, filtered: false },
  software: perf,
  hardware: perf,
  watchpoint: perf,
};

/** What the target is called, for program and section names. */
export function targetName(attach: AttachTarget): string {
  switch (attach.kind) {
    case "begin":
    case "end":
      return attach.kind;
    case "signal":
      return attach.signal;
    case "tracepoint":
    case "rawtracepoint":
      return attach.event;
    case "kprobe":
    case "fentry":
      return attach.function;
    case "uprobe":
      return attach.staticProbe?.replace(/^.*:/, "") ?? attach.symbol ?? `0x${attach.offset.toString(16)}`;
    case "profile":
    case "interval":
      return attach.kind;
    case "perf":
      return attach.event;
  }
}

export function sectionName(kind: ProgramKind, attach: AttachTarget): string {
  if (attach.kind === "tracepoint") return `${kind.section}/${attach.category}/${attach.event}`;
  if (attach.kind === "uprobe")
    return `${kind.section}/${attach.path}:${attach.staticProbe ?? targetName(attach)}`;
  if (attach.kind === "profile" || attach.kind === "interval" || attach.kind === "perf") return kind.section;
  return `${kind.section}/${targetName(attach)}`;
}

/** BPF_OBJ_NAME_LEN without the NUL. */
const LONGEST_NAME = 15;

/** Names that the kernel takes, each given once. */
export class ProgramNames {
  readonly #taken = new Set<string>();
  /** Where to go on looking, by the name as it came. */
  readonly #next = new Map<string, number>();

  take(attach: AttachTarget): string {
    const name = targetName(attach).replace(/\W/g, "_");
    let candidate = name.slice(0, LONGEST_NAME);
    let number = this.#next.get(candidate) ?? 2;
    const first = candidate;
    for (; this.#taken.has(candidate); number++) {
      const suffix = `_${number}`;
      candidate = `${name.slice(0, LONGEST_NAME - suffix.length)}${suffix}`;
    }
    this.#next.set(first, number);
    this.#taken.add(candidate);
    return candidate;
  }
}
