import { usageError } from "./arguments.ts";
import type { FeatureName } from "../loader/index.ts";
import type { Invocation } from "./command.ts";
import { optionalFeatures } from "./options.ts";

/** `--name=value` and `--switch` behind `--`. */
export function namedParameters(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words
      .filter((word) => word.startsWith("--"))
      .map((word) => {
        const [, name = "", value = "true"] =
          /^--([^=]*)=?(.*)$/s.exec(word.includes("=") ? word : `${word}=true`) ?? [];
        return [name, value];
      }),
  );
}

/** `BPFTRACE_MAX_STRLEN` as `max_strlen`: settings that win over the script's own. */
export function environmentSettings(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const skipped = new Set(["btf", "color", "vmlinux", "kernel_source", "kernel_build"]);
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => {
      const setting = /^BPFTRACE_([A-Z_]+)$/.exec(name)?.[1]?.toLowerCase();
      return setting === undefined || value === undefined || skipped.has(setting) ? [] : [[setting, value]];
    }),
  );
}

export function processId(text: string | undefined, invocation: Invocation): number | undefined {
  if (text === undefined) return undefined;
  const pid = Number(text);
  if (/^\d+$/.test(text) && pid > 0 && pid <= 0x7fff_ffff) return pid;
  throw usageError(`-p takes a process id, not ${text}`, invocation);
}

/** `--no-feature kprobe_multi,ring_buffer` */
export function unwantedFeatures(text: string | undefined, invocation: Invocation): Set<FeatureName> {
  const names = (text ?? "").split(",").filter((name) => name !== "");
  return new Set(
    names.map((name) => {
      const feature = Object.hasOwn(optionalFeatures, name) ? optionalFeatures[name] : undefined;
      if (feature !== undefined) return feature;
      const known = Object.keys(optionalFeatures).join(", ");
      throw usageError(`--no-feature takes ${known}, not ${name}`, invocation);
    }),
  );
}

export function firstLine(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, 80)).toString("latin1");
}
