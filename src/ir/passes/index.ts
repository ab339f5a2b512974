import type { IrModule } from "../node.ts";
import { loadContextEarly } from "./context-load.ts";
import { simplifyControlFlow } from "./control-flow.ts";
import { removeDeadCode } from "./dead-code.ts";
import { eliminateLoads } from "./load-elimination.ts";
import type { Pass } from "./pass.ts";
import { sinkValues } from "./sinking.ts";
import { combineStores } from "./store-combining.ts";
import { eliminateStores } from "./store-elimination.ts";
import { numberValues } from "./value-numbering.ts";

/** What is done to every function, in this order. */
export const PASSES: readonly Pass[] = [
  { name: "control-flow", run: simplifyControlFlow },
  { name: "value-numbering", run: numberValues },
  { name: "control-flow", run: simplifyControlFlow },
  { name: "load-elimination", run: eliminateLoads },
  { name: "value-numbering", run: numberValues },
  { name: "dead-code", run: removeDeadCode },
  { name: "store-elimination", run: eliminateStores },
  { name: "dead-code", run: removeDeadCode },
  { name: "store-combining", run: combineStores },
  { name: "control-flow", run: simplifyControlFlow },
  { name: "sinking", run: sinkValues },
  { name: "context-load", run: loadContextEarly },
];

/** @param afterPass hears of every pass that is done, for those who want to look */
export function optimizeModule(module: IrModule, afterPass?: (name: string) => void): void {
  for (const pass of PASSES) {
    module.functions.forEach((fn, index) => {
      pass.run(fn, { isProgram: index === 0 });
    });
    afterPass?.(pass.name);
  }
}
