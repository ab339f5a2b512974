import type { Insn } from "../../../isa/index.ts";
import { KernelObject } from "../kernel-object.ts";
import type { BpfMap, TailTarget } from "../maps/index.ts";
import type { Executable } from "../vm/index.ts";
import type { BtfObject } from "./btf-object.ts";

export interface ProgramDefinition {
  /** BPF_PROG_TYPE number. */
  readonly type: number;
  readonly name: string;
  readonly license: string;
  readonly flags: number;
  /** BPF_ATTACH_TYPE number. */
  readonly attachType: number;
  readonly attachBtfId: number;
  /** As system calls show it: maps by their ids. */
  readonly xlated: readonly Insn[];
  /** As the machine runs it. */
  readonly insns: readonly Insn[];
  readonly maps: readonly BpfMap[];
  readonly btf: BtfObject | undefined;
  /** struct bpf_func_info[] and bpf_line_info[] as given, in records of the kernel's own size. */
  readonly functionInfo: Uint8Array;
  readonly lineInfo: Uint8Array;
  /** Nanoseconds of the boot clock. */
  readonly loadTime: bigint;
  readonly uid: number;
  readonly tag: () => Uint8Array;
  readonly faultsAsZero: boolean;
  /** Address of a u64 for each slot with how often it ran, if that is counted. */
  readonly counters?: number | undefined;
}

/** A loaded program. */
export class BpfProgram extends KernelObject implements TailTarget {
  readonly kind = "prog";
  readonly id: number;
  readonly definition: ProgramDefinition;
  readonly executable: Executable;
  runCount = 0n;
  runTime = 0n;
  /** Maps that were bound to it beside those that it names. */
  readonly bound: BpfMap[] = [];
  readonly #forget: (program: BpfProgram) => void;

  constructor(
    id: number,
    definition: ProgramDefinition,
    executable: Executable,
    forget: (program: BpfProgram) => void,
  ) {
    super();
    this.id = id;
    this.definition = definition;
    this.executable = executable;
    this.#forget = forget;
  }

  get type(): number {
    return this.definition.type;
  }

  get attachType(): number {
    return this.definition.attachType;
  }

  get maps(): readonly BpfMap[] {
    return [...this.definition.maps, ...this.bound];
  }

  get gplCompatible(): boolean {
    return isGplCompatible(this.definition.license);
  }

  tailTarget(): number {
    return this.executable.tailTarget();
  }

  override describe(): Readonly<Record<string, string | number>> {
    return {
      prog_type: this.type,
      prog_jited: this.executable.mode === "jit" ? 1 : 0,
      prog_tag: Buffer.from(this.definition.tag()).toString("hex"),
      memlock: this.definition.xlated.length * 8,
      prog_id: this.id,
      run_time_ns: String(this.runTime),
      run_cnt: String(this.runCount),
      recursion_misses: 0,
      verified_insns: this.definition.xlated.length,
    };
  }

  protected free(): void {
    this.#forget(this);
    this.executable[Symbol.dispose]();
    for (const map of this.maps) map.release();
    this.definition.btf?.release();
  }
}

/** license_is_gpl_compatible (include/linux/license.h). */
export function isGplCompatible(license: string): boolean {
  return GPL_LICENSES.has(license);
}

const GPL_LICENSES: ReadonlySet<string> = new Set([
  "GPL",
  "GPL v2",
  "GPL and additional rights",
  "Dual BSD/GPL",
  "Dual MIT/GPL",
  "Dual MPL/GPL",
]);
