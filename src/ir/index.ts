export type {
  AtomicOp,
  BinaryOp,
  Block,
  Callee,
  CallEffects,
  ConvertOp,
  Instruction,
  IrFunction,
  IrModule,
  LoadTimeNumber,
  Phi,
  Predicate,
  ResultType,
  SourcePosition,
  Terminator,
  UnaryOp,
  Value,
  ValueType,
  Width,
} from "./node.ts";
export { addFunction, addIncoming, Builder, createModule } from "./builder.ts";
export type { AccessOptions, CallOptions, FunctionOptions } from "./builder.ts";
export { printFunction, printInstruction, printModule } from "./printer.ts";
export { InvalidIrError, validateModule } from "./validator.ts";
export { compileModule } from "./compile.ts";
export type { CompileOptions } from "./compile.ts";
export { JumpRangeError } from "./machine/emit.ts";
export { StackOverflowError } from "./machine/frame.ts";
export type { CodeLine, CodeRelocation, CpuVersion, ProgramCode } from "./program-code.ts";
