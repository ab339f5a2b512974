import { allocateRegisters } from "./machine/allocate.ts";
import { emitFunctions } from "./machine/emit.ts";
import { layOutFrame } from "./machine/frame.ts";
import { mergeBlocks, reversePostorder, threadJumps } from "./machine/layout.ts";
import { legalize } from "./machine/legalize.ts";
import type { MachineFunction } from "./machine/machine.ts";
import { selectInstructions } from "./machine/select.ts";
import type { IrFunction, IrModule } from "./node.ts";
import type { CpuVersion, ProgramCode } from "./program-code.ts";

export interface CompileOptions {
  readonly cpu: CpuVersion;
}

/**
 * Instructions of a module. The module is used up: its functions are rewritten on the way.
 *
 * @throws {StackOverflowError} when a function needs more than 512 bytes of stack
 * @throws {JumpRangeError} when a function is larger than a branch can jump
 */
export function compileModule(module: IrModule, options: CompileOptions): ProgramCode {
  const sizes: number[] = [];
  const functions = module.functions.map((fn) => {
    const machine = compileFunction(fn, options);
    sizes.push(layOutFrame(machine));
    return machine;
  });
  return emitFunctions(functions, { cpu: options.cpu, stackSize: sizes[0] ?? 0 });
}

function compileFunction(fn: IrFunction, { cpu }: CompileOptions): MachineFunction {
  legalize(fn, cpu);
  const machine = selectInstructions(fn, cpu);
  machine.blocks = reversePostorder(machine);
  allocateRegisters(machine);
  threadJumps(machine);
  mergeBlocks(machine);
  machine.blocks = reversePostorder(machine);
  return machine;
}
