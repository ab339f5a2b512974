import { MAX_STACK, StackOverflowError } from "./frame.ts";
import type { MachineFunction } from "./machine.ts";

export interface GeneratedFunction {
  readonly machine: MachineFunction;
  /** Bytes. */
  readonly stackSize: number;
}

/** Frames of functions that call each other (callbacks too) share the program's stack. */
export function checkCallStacks(functions: readonly GeneratedFunction[]): void {
  const byName = new Map(functions.map((fn) => [fn.machine.name, fn]));
  const deepest = (fn: GeneratedFunction, callers: readonly GeneratedFunction[]): void => {
    const chain = [...callers, fn];
    const size = chain.reduce((sum, { stackSize }) => sum + frameSize(stackSize), 0);
    if (size > MAX_STACK) {
      const users = chain.map(({ machine, stackSize }) => ({
        name: machine.name,
        size: frameSize(stackSize),
        position: machine.position,
      }));
      throw new StackOverflowError(`The chain of calls from ${chain[0]!.machine.name}`, size, users);
    }
    for (const name of calleesOf(fn.machine)) {
      const callee = byName.get(name);
      // The verifier refuses recursion with better words.
      if (callee !== undefined && !chain.includes(callee)) deepest(callee, chain);
    }
  };
  if (functions[0] !== undefined) deepest(functions[0], []);
}

/** check_max_stack_depth in kernel/bpf/verifier.c rounds each frame up. */
function frameSize(stackSize: number): number {
  return Math.ceil(Math.max(stackSize, 1) / 32) * 32;
}

function calleesOf(fn: MachineFunction): Set<string> {
  const names = new Set<string>();
  for (const block of fn.blocks)
    for (const { target } of block.insns) if (target !== undefined) names.add(target);
  return names;
}
