import { spawnSync } from "node:child_process";
import { writeSync } from "node:fs";
import { clangCommand, hintsFor } from "../../c/index.ts";
import { openKernel } from "../../open-kernel.ts";
import { usageError } from "../arguments.ts";
import type { Invocation } from "../command.ts";

interface CcArguments {
  readonly help: boolean;
  readonly verbose: boolean;
  readonly flags: boolean;
  readonly btf: string | undefined;
  /** For clang, as they came. */
  readonly args: readonly string[];
}

/** `cc`: clang with BPF's flags and headers. Everything that is not ours is clang's. */
export async function cc(words: readonly string[], invocation: Invocation): Promise<number> {
  const { help, verbose, flags, btf, args } = readArguments(words, invocation);
  if (help) {
    writeSync(1, await invocation.help());
    return 0;
  }
  if (args.length === 0 && !flags) throw usageError("Give the C program to compile", invocation);
  using kernel = await openKernel(btf === undefined ? {} : { btf });
  const types = kernel.files.hasBtf() ? kernel.files.btf() : undefined;
  const compile = args.some((word) => /^(-[cES]|-fsyntax-only|-M{1,2})$/.test(word)) ? [] : ["-c"];
  using command = clangCommand({ btf: types, arch: kernel.release.arch, args: [...compile, ...args] });
  if (flags) {
    writeSync(1, `${command.args.filter((word) => word !== "-c").join("\n")}\n`);
    return 0;
  }
  if (verbose) writeSync(2, `${[command.clang.path, ...command.args].join(" ")}\n`);
  const colours = process.stderr.isTTY && !process.env["NO_COLOR"] ? ["-fcolor-diagnostics"] : [];
  const { status, stderr, error } = spawnSync(command.clang.path, [...colours, ...command.args], {
    encoding: "utf8",
    stdio: ["inherit", "inherit", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error) throw error;
  writeSync(2, [stderr, ...hintsFor(stderr, { btf: types }).map((hint) => `HINT: ${hint}\n`)].join(""));
  return status ?? 1;
}

/** Ours of the words before `--`; the rest is left in place for clang. */
function readArguments(words: readonly string[], invocation: Invocation): CcArguments {
  const args: string[] = [];
  const switches = { help: false, verbose: false, flags: false };
  let btf: string | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === "--") {
      args.push(...words.slice(at + 1));
      break;
    }
    if (word === "--btf" || word.startsWith("--btf=")) {
      btf = word === "--btf" ? words[++at] : word.slice("--btf=".length);
      if (!btf) throw usageError("Option --btf needs FILE", invocation);
    } else if (word === "--help" || word === "-h") switches.help = true;
    else if (word === "--verbose") switches.verbose = true;
    else if (word === "--flags") switches.flags = true;
    else args.push(word);
  }
  return { ...switches, btf, args };
}
