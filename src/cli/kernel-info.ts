import type { Kernel } from "../kernel/index.ts";
import type { FeatureName, Features } from "../loader/index.ts";

const ROWS: readonly (readonly [FeatureName, string])[] = [
  ["ringBuffer", "ring buffer"],
  ["cpuV3", "instruction set v3"],
  ["cpuV4", "instruction set v4"],
  ["currentTaskBtf", "get_current_task_btf"],
  ["perfLink", "perf event links"],
  ["kfuncCasts", "bpf_rdonly_cast"],
];

/** What --info shows. */
export function kernelInfo(kernel: Kernel, features: Features): string {
  const { files, release } = kernel;
  return [
    "System",
    `  OS: Linux ${release.text}`,
    `  Arch: ${release.arch}`,
    `  CPUs: ${files.possibleCpus().length}`,
    "",
    "Kernel features",
    `  btf: ${yes(files.hasBtf())}`,
    ...ROWS.map(([name, label]) => `  ${label}: ${yes(features.has(name))}`),
    "",
  ].join("\n");
}

function yes(is: boolean): string {
  return is ? "yes" : "no";
}
