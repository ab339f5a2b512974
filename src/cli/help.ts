import type { CommandRow, Invocation, OptionRow } from "./command.ts";

export function programHelp(program: string, commands: readonly CommandRow[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    `${program}: the eBPF toolkit for TypeScript`,
    "",
    `usage: ${program} COMMAND [ARGUMENT...]`,
    "",
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    `${program} COMMAND --help shows a command's options and examples; ${program} --version the version.`,
    "",
  ].join("\n");
}

export function commandHelp(
  row: CommandRow,
  { program, verb }: Pick<Invocation, "program" | "verb">,
): string {
  const name = [program, verb].filter((word) => word !== "").join(" ");
  const flags = row.options.map(flag);
  const width = Math.max(...flags.map(({ length }) => length));
  return [
    `${name}: ${row.summary}`,
    "",
    `usage: ${name} ${row.usage}`,
    "",
    ...row.options.map(({ summary }, index) => `  ${flags[index]!.padEnd(width)}  ${summary}`),
    "",
    "examples:",
    ...row.examples.flatMap(([command, meaning]) => [
      `  ${command.replace(`bpfkit ${row.name}`, name)}`,
      `      ${meaning}`,
    ]),
    "",
  ].join("\n");
}

function flag({ name, short, value }: OptionRow): string {
  const names = `${short === undefined ? "    " : `-${short}, `}--${name}`;
  return value === undefined ? names : `${names} ${value}`;
}
