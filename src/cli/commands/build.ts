import { readFileSync, writeFileSync, writeSync } from "node:fs";
import { PORTABLE } from "../../bpftrace/index.ts";
import { BpfkitError } from "../../errors.ts";
import { Features, memoryStore } from "../../loader/index.ts";
import { toElf } from "../../object/index.ts";
import { openKernel } from "../../open-kernel.ts";
import { parseArguments, usageError } from "../arguments.ts";
import type { Invocation } from "../command.ts";
import { buildOptions } from "../options.ts";
import { namedParameters } from "../parameters.ts";
import { compileHere } from "../script.ts";

/** `build`: one object that every kernel since 5.10 can run, with no compiler there. */
export async function build(args: readonly string[], invocation: Invocation): Promise<number> {
  const { options, all, positionals, rest } = parseArguments(args, buildOptions, invocation);
  if (options.has("help")) {
    writeSync(1, await invocation.help());
    return 0;
  }
  const [script, ...positional] = positionals;
  const target = options.get("output");
  if (script === undefined) throw usageError("Give the script to build", invocation);
  if (target === undefined) throw usageError("Give the object to write: -o OUT.bpf.o", invocation);
  const btf = options.get("btf");
  using kernel = await openKernel(btf === undefined ? {} : { btf });
  const { object, plan } = compileHere({
    source: { name: script, text: read(script) },
    kernel,
    features: new Features(kernel, memoryStore()),
    target: { ...PORTABLE, arch: kernel.release.arch },
    positional,
    named: namedParameters(rest),
    unsafe: options.has("unsafe"),
    warnings: true,
    child: false,
    pid: undefined,
    printIr: false,
    includeFolders: all.get("include-dir") ?? [],
    headers: all.get("include") ?? [],
  });
  const bytes = toElf(object, plan);
  writeFileSync(target, bytes);
  if (options.has("verbose")) writeSync(2, `${target}: ${bytes.length} bytes\n`);
  return 0;
}

function read(path: string): string {
  try {
    return readFileSync(path === "-" ? 0 : path, "utf8");
  } catch (cause) {
    throw new BpfkitError(`Cannot read ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      code: "cli/input",
      cause,
    });
  }
}
