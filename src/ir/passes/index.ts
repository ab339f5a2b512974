import type { IrFunction } from "../node.ts";
import { simplifyControlFlow } from "./control-flow.ts";
import { removeDeadCode } from "./dead-code.ts";
import { numberValues } from "./value-numbering.ts";

export interface Pass {
  readonly name: string;
  readonly run: (fn: IrFunction) => void;
}

/** What is done to every function, in this order. */
export const PASSES: readonly Pass[] = [
  { name: "control-flow", run: simplifyControlFlow },
  { name: "value-numbering", run: numberValues },
  { name: "control-flow", run: simplifyControlFlow },
  { name: "value-numbering", run: numberValues },
  { name: "dead-code", run: removeDeadCode },
  { name: "control-flow", run: simplifyControlFlow },
];

export function optimizeFunction(fn: IrFunction, afterPass?: (pass: Pass, fn: IrFunction) => void): void {
  for (const pass of PASSES) {
    pass.run(fn);
    afterPass?.(pass, fn);
  }
}
