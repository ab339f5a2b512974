export { parseGlobal } from "./global-value.ts";
export type { PrintkLine } from "./printk-line.ts";
export { RunSession } from "./session.ts";
export type { LeftProgram, RunOptions, RunReporter } from "./session.ts";
