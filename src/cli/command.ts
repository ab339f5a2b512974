/** One option of a command; the table yields parsing, help and completion. */
export interface OptionRow {
  readonly name: string;
  readonly short?: string;
  /** What the value is called in the help; absent: a switch. */
  readonly value?: string;
  /** Complete list of values, where there is one. */
  readonly choices?: readonly string[];
  readonly summary: string;
}

export interface CommandRow {
  readonly name: string;
  readonly summary: string;
  /** Arguments behind the name. */
  readonly usage: string;
  readonly options: readonly OptionRow[];
  readonly examples: readonly (readonly [command: string, meaning: string])[];
  /** Loads the command's rooms and runs it; resolves to the exit code. */
  readonly run: (args: readonly string[], invocation: Invocation) => Promise<number>;
}

export interface Invocation {
  /** `bpfkit`, or the name of the link it was started by. */
  readonly program: string;
  /** The command behind it, empty when the program is the command. */
  readonly verb: string;
  /** Text of the command's --help. */
  readonly help: () => Promise<string>;
}
