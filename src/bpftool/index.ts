export { runTool } from "./run.ts";
export type { ToolHost } from "./run.ts";
export { fullProgramName } from "./handle.ts";
export { typedText } from "./typed-value.ts";
export { subcommands } from "./subcommands.ts";
