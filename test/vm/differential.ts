import { encode, printProgram } from "../../src/isa/index.ts";
import type { Insn } from "../../src/isa/index.ts";
import { Machine } from "../../src/kernel/embedded/vm/index.ts";
import { SyscallError } from "../../src/kernel/index.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import { BPF_PROG_FLAG, BPF_PROG_TYPE } from "../../src/uapi/index.ts";
import { CONTEXT_SIZE, randomProgram } from "./random-program.ts";
import { Random } from "./random.ts";

/** What the kernel and the machine made of the same programs. */
export interface Outcome {
  /** Ran everywhere with the same state at the end. */
  readonly equal: number;
  /** Refused by the verifier, so not compared. */
  readonly refused: number;
  readonly mismatches: readonly string[];
}

/** Loads and runs `count` random programs in the kernel and in both of the machine's modes. */
export function compare(kernel: Kernel, seed: number, count: number, length: number): Outcome {
  let equal = 0;
  let refused = 0;
  const mismatches: string[] = [];
  let machine = new Machine();
  for (let index = 0; index < count; index++) {
    // Memory of a machine is never given back.
    if (index % 1000 === 999) machine = new Machine();
    const random = new Random(seed + index);
    const insns = randomProgram(random, length);
    const context = new Uint8Array(Uint32Array.from({ length: CONTEXT_SIZE / 4 }, () => random.u32()).buffer);
    const expected = runInKernel(kernel, insns, context);
    if (expected === undefined) {
      refused++;
      continue;
    }
    const wrong = (["jit", "interpreter"] as const).filter(
      (mode) => !Buffer.from(runInMachine(machine, mode, insns, context)).equals(expected),
    );
    if (wrong.length === 0) equal++;
    else
      mismatches.push(`seed ${seed + index}, length ${length}: ${wrong.join(", ")}\n${printProgram(insns)}`);
  }
  return { equal, refused, mismatches };
}

/** The context after the run; undefined if the verifier refuses the program. */
export function runInKernel(kernel: Kernel, insns: readonly Insn[], context: Uint8Array): Buffer | undefined {
  const after = Buffer.from(context);
  try {
    const fd = kernel.bpf("PROG_LOAD", {
      prog_type: BPF_PROG_TYPE.SYSCALL,
      prog_flags: BPF_PROG_FLAG.SLEEPABLE,
      insns: encode(insns),
      license: "GPL",
    });
    try {
      // The kernel writes the context back to where it came from (net/bpf/test_run.c).
      kernel.bpf("PROG_TEST_RUN", { prog_fd: fd, ctx_in: after });
    } finally {
      kernel.close(fd);
    }
  } catch (error) {
    if (error instanceof SyscallError && error.call === "bpf(PROG_LOAD)" && error.errnoName !== "EPERM")
      return undefined;
    throw error;
  }
  return after;
}

function runInMachine(
  machine: Machine,
  mode: "jit" | "interpreter",
  insns: readonly Insn[],
  context: Uint8Array,
): Uint8Array {
  const address = machine.allocate(context.length);
  machine.bytes(address, context.length).set(context);
  machine.load(insns, mode).run(address);
  return machine.bytes(address, context.length);
}
