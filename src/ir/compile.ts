import { allocateRegisters } from "./machine/allocate.ts";
import { checkCallStacks } from "./machine/call-stack.ts";
import type { GeneratedFunction } from "./machine/call-stack.ts";
import { emitFunctions } from "./machine/emit.ts";
import { estimateFrequencies } from "./machine/frequency.ts";
import { hoistMoves } from "./machine/hoisting.ts";
import { layOutFrame } from "./machine/frame.ts";
import { mergeBlocks, moveColdBlocks, reversePostorder, threadJumps } from "./machine/layout.ts";
import { legalize } from "./machine/legalize.ts";
import { selectInstructions } from "./machine/select.ts";
import type { IrFunction, IrModule } from "./node.ts";
import { optimizeModule } from "./passes/index.ts";
import type { CpuVersion, ProgramCode } from "./program-code.ts";
import { removeUnreachable } from "./rewrite.ts";

export interface CompileOptions {
  readonly cpu: CpuVersion;
  /** Default true. */
  readonly optimize?: boolean;
  /** Hears of every pass that is done, for those who want to print the module after it. */
  readonly afterPass?: (name: string) => void;
}

/**
 * Instructions of a module. The module is used up: its functions are rewritten on the way.
 *
 * @throws {StackOverflowError} when a function needs more than 512 bytes of stack
 * @throws {JumpRangeError} when a function is larger than a branch can jump
 */
export function compileModule(module: IrModule, options: CompileOptions): ProgramCode {
  if (options.optimize === false) for (const fn of module.functions) removeUnreachable(fn);
  else optimizeModule(module, options.afterPass);
  const generated = neededFunctions(module).map((fn) => generateCode(fn, options));
  checkCallStacks(generated);
  const functions = generated.map(({ machine }) => machine);
  return emitFunctions(functions, { cpu: options.cpu, stackSize: generated[0]?.stackSize ?? 0 });
}

function generateCode(fn: IrFunction, { cpu }: CompileOptions): GeneratedFunction {
  legalize(fn, cpu);
  const machine = selectInstructions(fn, cpu);
  machine.blocks = reversePostorder(machine);
  hoistMoves(machine);
  threadJumps(machine);
  mergeBlocks(machine);
  machine.blocks = reversePostorder(machine);
  estimateFrequencies(machine);
  allocateRegisters(machine);
  threadJumps(machine);
  mergeBlocks(machine);
  machine.blocks = reversePostorder(machine);
  const stackSize = layOutFrame(machine);
  moveColdBlocks(machine);
  return { machine, stackSize };
}

/** The first function and what it calls or refers to: the verifier refuses code that nothing reaches. */
function neededFunctions(module: IrModule): IrFunction[] {
  const byName = new Map(module.functions.map((fn) => [fn.name, fn]));
  const needed = new Set(module.functions.slice(0, 1));
  const need = (name: string): void => {
    const fn = byName.get(name);
    if (fn === undefined) throw new TypeError(`${name} is called but not defined`);
    needed.add(fn);
  };
  // A set's iteration also meets what is added on the way.
  for (const fn of needed) {
    for (const leaf of fn.leaves.values()) if (leaf.op === "functionRef") need(leaf.name);
    for (const block of fn.blocks) {
      for (const value of block.body) {
        if (value.op === "call" && value.callee.kind === "function") need(value.callee.name);
      }
    }
  }
  return [...needed];
}
