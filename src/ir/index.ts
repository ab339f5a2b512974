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
