import type { IrFunction } from "../node.ts";

export interface PassScope {
  /** Whether the function is the program itself: its first parameter is then the context. */
  readonly isProgram: boolean;
}

export interface Pass {
  readonly name: string;
  readonly run: (fn: IrFunction, scope: PassScope) => void;
}
