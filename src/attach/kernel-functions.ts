import type { Kernel } from "../kernel/index.ts";
import { AttachError } from "./attach-error.ts";
import { wildcard } from "./wildcard.ts";

/** Addresses of functions that one link can probe together. */
export interface ProbedFunctions {
  readonly names: readonly string[];
  /** Of each name, where the kernel shows addresses: names alone may be ambiguous. */
  readonly addresses?: BigUint64Array<ArrayBuffer>;
}

/**
 * Kernel functions that match a pattern and can be traced, from tracefs.
 * @throws AttachError if there is none
 */
export function matchingFunctions(kernel: Kernel, target: string, pattern: string): ProbedFunctions {
  const matches = wildcard(pattern);
  const found = withAddresses(kernel, matches) ?? byName(kernel, matches);
  if (found.names.length > 0) return found;
  throw new AttachError(target, `no traceable kernel function matches ${pattern}`, {
    code: "unknown",
    hints: ["bpfkit trace -l 'kprobe:*' lists what there is"],
  });
}

/** `address name [module]` lines, which kernels have since Linux 6.5. */
function withAddresses({ files }: Kernel, matches: (name: string) => boolean): ProbedFunctions | undefined {
  const text = files.tracefs("available_filter_functions_addrs");
  if (text === undefined) return undefined;
  const found = lines(text).flatMap((line) => {
    const [address, name] = line.split(" ");
    return address !== undefined && name !== undefined && matches(name) ? [{ address, name }] : [];
  });
  return {
    names: found.map(({ name }) => name),
    addresses: BigUint64Array.from(found, ({ address }) => BigInt(`0x${address}`)),
  };
}

/** Names of tracefs with all of their addresses in kallsyms. */
function byName({ files }: Kernel, matches: (name: string) => boolean): ProbedFunctions {
  const text = files.tracefs("available_filter_functions") ?? "";
  const names = new Set(lines(text).flatMap((line) => line.split(/[ \t]/, 1).filter(matches)));
  if (names.size === 0) return { names: [] };
  const found = lines(Buffer.from(files.kallsyms()).toString("latin1")).flatMap((line) => {
    const [, address, name] = /^([0-9a-f]+) [tTwW] (\S+)/.exec(line) ?? [];
    return address !== undefined && name !== undefined && names.has(name) && !/^0+$/.test(address)
      ? [{ address, name }]
      : [];
  });
  if (found.length === 0) return { names: [...names] };
  return {
    names: found.map(({ name }) => name),
    addresses: BigUint64Array.from(found, ({ address }) => BigInt(`0x${address}`)),
  };
}

function lines(text: string): string[] {
  return text.split("\n");
}

/** Names of all functions of the kernel. */
export function functionNames(kernel: Kernel): Set<string> {
  const text = Buffer.from(kernel.files.kallsyms()).toString("latin1");
  return new Set(lines(text).flatMap((line) => /^\w+ [tTwW] (\S+)/.exec(line)?.[1] ?? []));
}
