/**
 * What code is generated for. `trace` fills it in from what the running kernel was seen to do; `build` takes
 * {@link PORTABLE}, which every kernel since 5.10 takes but for what the script cannot do there.
 */
export interface CompileTarget {
  /** As process.arch names it. */
  readonly arch: string;
  /** The newest instruction set version that may be used. */
  readonly cpu: 3 | 4;
  /**
   * True: field offsets and type ids are left to the loader (CO-RE, tracepoint formats). False: the types at hand
   * are those of the kernel that runs the program, and their offsets are written down as they are.
   */
  readonly relocate: boolean;
  /** Possible CPUs of the machine that runs the program, where that is known. */
  readonly cpus?: number;
  readonly features: TargetFeatures;
}

export interface TargetFeatures {
  /** BPF_MAP_TYPE_RINGBUF (5.8); without it records go through a perf event array. */
  readonly ringbuf: boolean;
  /** bpf_get_current_task_btf (5.11), whose result is read by plain loads. */
  readonly currentTaskBtf: boolean;
  /** kfunc bpf_rdonly_cast (6.2): turns any address into a typed pointer that is read by plain loads. */
  readonly rdonlyCast: boolean;
  /** bpf_for_each_map_elem (5.13). */
  readonly forEachMapElem: boolean;
  /** bpf_loop (5.17). */
  readonly loop: boolean;
  /** bpf_get_func_ip of all kinds of programs (5.17). */
  readonly functionAddress: boolean;
  /** bpf_map_lookup_percpu_elem (5.19). */
  readonly lookupPercpuElem: boolean;
  /** Keys of hash maps that are larger than the stack, 512 bytes (5.11). */
  readonly largeKeys: boolean;
  /** bpf_ktime_get_tai_ns (6.1). */
  readonly ktimeTai: boolean;
  /** bpf_get_func_ip of uprobes and uretprobes (6.6). */
  readonly userFunctionAddress: boolean;
}

export const PORTABLE: CompileTarget = {
  arch: "x64",
  cpu: 3,
  relocate: true,
  features: {
    ringbuf: true,
    currentTaskBtf: false,
    rdonlyCast: false,
    // There is no other way to do what these are for: whether the kernel has them is seen when it is loaded.
    forEachMapElem: true,
    lookupPercpuElem: true,
    loop: false,
    functionAddress: false,
    largeKeys: false,
    ktimeTai: false,
    userFunctionAddress: false,
  },
};

/** Where the kernel's struct pt_regs (for programs: bpf_user_pt_regs_t) keeps what a script asks for. */
export interface RegisterLayout {
  /** Byte offsets of integer arguments that travel in registers. */
  readonly args: readonly number[];
  readonly result: number;
  readonly stackPointer: number;
  readonly instructionPointer: number;
  /** By the names that reg() takes. */
  readonly names: Readonly<Record<string, number>>;
}

const x64Registers: Readonly<Record<string, number>> = {
  r15: 0,
  r14: 8,
  r13: 16,
  r12: 24,
  bp: 32,
  bx: 40,
  r11: 48,
  r10: 56,
  r9: 64,
  r8: 72,
  ax: 80,
  cx: 88,
  dx: 96,
  si: 104,
  di: 112,
  orig_ax: 120,
  ip: 128,
  cs: 136,
  flags: 144,
  sp: 152,
  ss: 160,
};

const arm64Registers: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Array.from({ length: 31 }, (_, index) => [`r${index}`, index * 8])),
  lr: 240,
  sp: 248,
  pc: 256,
  pstate: 264,
};

const layouts: Readonly<Record<string, RegisterLayout>> = {
  x64: {
    args: [112, 104, 96, 88, 72, 64],
    result: 80,
    stackPointer: 152,
    instructionPointer: 128,
    names: x64Registers,
  },
  arm64: {
    args: [0, 8, 16, 24, 32, 40, 48, 56],
    result: 0,
    stackPointer: 248,
    instructionPointer: 256,
    names: arm64Registers,
  },
};

export function registerLayout(arch: string): RegisterLayout | undefined {
  return layouts[arch];
}
