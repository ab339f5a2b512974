import type { Kernel } from "../kernel/index.ts";
import type { Arguments } from "./arguments.ts";
import type { Json } from "./json.ts";

export interface ToolOptions {
  readonly json: boolean;
  readonly pretty: boolean;
  /** -f: where objects are pinned. */
  readonly pins: boolean;
  /** -B: base BTF. */
  readonly baseBtf: string | undefined;
}

export interface CommandContext {
  readonly args: Arguments;
  readonly options: ToolOptions;
  /** Opened at the first call. */
  readonly kernel: () => Promise<Kernel>;
}

/**
 * What a command answers: text for people, data for machines. `text` is made only where it is asked for, and
 * holds its final newline.
 */
export interface Answer {
  readonly text: () => string;
  readonly json: () => Json;
  /** 0 if absent. */
  readonly exitCode?: number;
}

export type Command = (context: CommandContext) => Promise<Answer> | Answer;

export interface CommandRow {
  readonly name: string;
  readonly run: Command;
}

/** `prog`, `map`, ...: the first command is the one meant when none is given. */
export interface ObjectRow {
  readonly name: string;
  readonly commands: readonly CommandRow[];
}

/** The answer of commands that do something and say nothing. */
export const DONE: Answer = { text: () => "", json: () => null };
