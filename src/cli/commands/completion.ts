import { writeSync } from "node:fs";
import type { CommandRow, Invocation } from "../command.ts";
import { usageError } from "../arguments.ts";
import { subcommands } from "../../bpftool/index.ts";

type Shell = (commands: readonly CommandRow[]) => string;

const SHELLS: Readonly<Record<string, Shell>> = { bash, zsh, fish };

export function completion(
  args: readonly string[],
  commands: readonly CommandRow[],
  invocation: Invocation,
): number {
  const [name = ""] = args;
  const shell = Object.hasOwn(SHELLS, name) ? SHELLS[name] : undefined;
  if (!shell) {
    throw usageError(`Give the shell: ${Object.keys(SHELLS).join(", ")}`, invocation);
  }
  writeSync(1, shell(commands));
  return 0;
}

function flags({ options }: CommandRow): string[] {
  return options.flatMap(({ name, short }) =>
    short === undefined ? [`--${name}`] : [`-${short}`, `--${name}`],
  );
}

function bash(commands: readonly CommandRow[]): string {
  const cases = commands.map(
    (row) =>
      `    ${row.name}) options="${flags(row).join(" ")}" words="${subcommands(row.name).join(" ")}" ;;`,
  );
  return `_bpfkit() {
  local current=\${COMP_WORDS[COMP_CWORD]} options="" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")} --help --version" -- "$current"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join("\n")}
  esac
  if [ "$COMP_CWORD" -eq 2 ] && [ -n "$words" ] && [[ $current != -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    return
  fi
  case $current in
    -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
    *) COMPREPLY=($(compgen -f -- "$current")) ;;
  esac
}
complete -o filenames -F _bpfkit bpfkit
`;
}

function zsh(commands: readonly CommandRow[]): string {
  const rows = commands.map(({ name, summary }) => `    '${name}:${zshText(summary)}'`);
  const cases = commands.map((row) => {
    const specs = row.options.map(({ name, value, choices, summary }) => {
      const action = value === undefined ? "" : `:${value}:${choices ? `(${choices.join(" ")})` : "_files"}`;
      return `'--${name}[${zshText(summary)}]${action}'`;
    });
    const words = subcommands(row.name);
    const first = words.length === 0 ? "" : ` '1:command:(${words.join(" ")})'`;
    return `    ${row.name}) _arguments ${specs.join(" ")}${first} '*:file:_files' ;;`;
  });
  return `#compdef bpfkit
_bpfkit() {
  local -a commands
  commands=(
${rows.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join("\n")}
  esac
}
compdef _bpfkit bpfkit
`;
}

function fish(commands: readonly CommandRow[]): string {
  const lines = commands.flatMap((row) => [
    `complete -c bpfkit -n __fish_use_subcommand -a ${row.name} -d ${fishText(row.summary)}`,
    ...subcommands(row.name).map(
      (word) => `complete -c bpfkit -n '__fish_seen_subcommand_from ${row.name}' -a ${word}`,
    ),
    ...row.options.map(({ name, short, value, choices, summary }) =>
      [
        `complete -c bpfkit -n '__fish_seen_subcommand_from ${row.name}'`,
        `-l ${name}`,
        ...(short === undefined ? [] : [`-s ${short}`]),
        ...(value === undefined ? [] : ["-r"]),
        ...(choices ? [`-a ${fishText(choices.join(" "))}`] : []),
        `-d ${fishText(summary)}`,
      ].join(" "),
    ),
  ]);
  return `${lines.join("\n")}\n`;
}

function zshText(text: string): string {
  return text.replace(/'/g, String.raw`'\''`).replace(/([[\]:])/g, String.raw`\$1`);
}

function fishText(text: string): string {
  return `'${text.replace(/['\\]/g, String.raw`\$&`)}'`;
}
