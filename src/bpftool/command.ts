import type { Kernel } from "../kernel/index.ts";
import type { Arguments } from "./arguments.ts";
import type { Json } from "./json.ts";

export interface ToolOptions {
  readonly json: boolean;
  readonly pretty: boolean;
  /** -f: where objects are pinned. */
  readonly pins: boolean;
  /** -n: no file system is mounted for pins. */
  readonly noMount: boolean;
  /** -d: the verifier's log of every program that is loaded. */
  readonly debug: boolean;
  /** -L: through a generated loader program. */
  readonly loader: boolean;
  /** --tree: each program with all that belongs to it. */
  readonly tree: boolean;
  /** -B: base BTF. */
  readonly baseBtf: string | undefined;
}

export interface CommandContext {
  readonly args: Arguments;
  readonly options: ToolOptions;
  /** Opened at the first call. */
  readonly kernel: () => Promise<Kernel>;
  /** What the user is told beside the answer; silent with -j. */
  readonly inform: (text: string) => void;
  /** Resolves when the user asks a stream to end; until it is called Ctrl-C ends the program. */
  readonly stopped: () => Promise<void>;
  /** Runs another command line in this one's place, as batch does; errors are thrown. */
  readonly execute: (words: readonly string[]) => Promise<Answer | Stream>;
}

/**
 * What a command answers: text for people, data for machines. `text` is made only where it is asked for, and
 * holds its final newline; a long one may come in pieces, each good until the next is asked for.
 */
export interface Answer {
  readonly text: () => string | Uint8Array | Iterable<Uint8Array>;
  readonly json: () => Json;
  /** 0 if absent. */
  readonly exitCode?: number;
}

/** Answers one by one, an array in JSON; the generator returns the exit code. */
export interface Stream {
  readonly items: AsyncGenerator<Answer, number>;
}

export type Command = (context: CommandContext) => Promise<Answer | Stream> | Answer | Stream;

export interface CommandRow {
  readonly name: string;
  /** Its words in the help; the rows of one command under several names say it once. */
  readonly usage?: string;
  readonly run: Command;
}

/** `prog`, `map`, ...: the first command is the one meant when none is given. */
export interface ObjectRow {
  readonly name: string;
  readonly commands: readonly CommandRow[];
  /** Without a command the help is meant, not the first. */
  readonly bare?: "help";
  /** What the capitals in the usage lines stand for. */
  readonly terms?: readonly (readonly [term: string, meaning: string])[];
}

/** The answer of commands that do something and say nothing. */
export const DONE: Answer = { text: () => "", json: () => null };

export function isStream(answer: Answer | Stream): answer is Stream {
  return "items" in answer;
}
