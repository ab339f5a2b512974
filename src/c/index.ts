export { clangCommand, compileC, compileToMemory, hintsFor } from "./compile.ts";
export type { ClangCommand, CompileOptions } from "./compile.ts";
export { CError } from "./error.ts";
export type { CErrorCode } from "./error.ts";
export { findClang } from "./find-clang.ts";
export type { Clang } from "./find-clang.ts";
