export { runTool } from "./run.ts";
export type { ToolHost } from "./run.ts";
