import { writeSync } from "node:fs";
import { basename } from "node:path";
import { commands } from "./command-table.ts";

/** Names that stand for a command of their own: links to the launcher. */
const ALIASES: Readonly<Record<string, string>> = { bpftrace: "trace", bpftool: "bpftool" };

/** The command line of this process; `args` without the paths of Node and of the program. */
export function start(args: readonly string[], path: string): void {
  const program = process.env["BPFKIT_PROGRAM"] ?? path;
  restoreEnvironment(process.env);
  void main(args, program).then((code) => {
    process.exitCode = code;
  });
}

/** Takes back what the launcher set for this process alone, not for the commands that it runs. */
function restoreEnvironment(environment: NodeJS.ProcessEnv): void {
  delete environment["BPFKIT_PROGRAM"];
  const certificates = environment["BPFKIT_NODE_EXTRA_CA_CERTS"];
  if (certificates === undefined) return;
  environment["NODE_EXTRA_CA_CERTS"] = certificates;
  delete environment["BPFKIT_NODE_EXTRA_CA_CERTS"];
}

async function main(args: readonly string[], path: string): Promise<number> {
  const name = basename(path);
  const alias = Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined;
  const program = alias === undefined ? "bpfkit" : name;
  // Scripts see this as comm in BEGIN, and pidof(1) finds it.
  process.title = program;
  const [first = "--help", ...others] = alias === undefined ? args : [alias, ...args];
  const place = { program, verb: alias === undefined ? first : "" };
  const row = commands.find((command) => command.name === first);
  try {
    if (row) {
      const help = async (): Promise<string> => (await import("./help.ts")).commandHelp(row, place);
      return await row.run(others, { ...place, help });
    }
    return await withoutCommand(first, program);
  } catch (error) {
    const { reportFailure } = await import("./failure.ts");
    return reportFailure(error);
  }
}

async function withoutCommand(first: string, program: string): Promise<number> {
  if (first === "--version" || first === "-V" || first === "version") {
    const { version } = await import("./version.ts");
    writeSync(1, `bpfkit ${version()}\n`);
    return 0;
  }
  const { programHelp } = await import("./help.ts");
  if (first === "--help" || first === "-h" || first === "help") {
    writeSync(1, programHelp(program, commands));
    return 0;
  }
  const { usageError } = await import("./arguments.ts");
  throw usageError(`Unknown command ${first}`, { program, verb: "" });
}
