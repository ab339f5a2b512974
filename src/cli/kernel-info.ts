import { probePmu } from "../attach/index.ts";
import type { Kernel } from "../kernel/index.ts";
import type { FeatureName, Features } from "../loader/index.ts";
import { BPF_FUNC, BPF_PROG_TYPE } from "../uapi/index.ts";
import { version } from "./version.ts";

type Fact = string | number | boolean;
/** Section to label to fact; the labels are bpftrace's where it has the same. */
export type KernelInfo = Readonly<Record<string, Readonly<Record<string, Fact>>>>;

const HELPERS = {
  get_tai_ns: BPF_FUNC.ktime_get_tai_ns,
  get_func_ip: BPF_FUNC.get_func_ip,
  lookup_percpu_elem: BPF_FUNC.map_lookup_percpu_elem,
  for_each_map_elem: BPF_FUNC.for_each_map_elem,
  loop: BPF_FUNC.loop,
  send_signal: BPF_FUNC.send_signal,
} as const;

const FEATURES: Readonly<Record<string, FeatureName>> = {
  "ring buffer": "ringBuffer",
  "instruction set v3": "cpuV3",
  "instruction set v4": "cpuV4",
  get_current_task_btf: "currentTaskBtf",
  "perf event links": "perfLink",
  bpf_rdonly_cast: "kfuncCasts",
};

const PROBES: Readonly<Record<string, FeatureName>> = {
  kprobe_multi: "kprobeMulti",
  uprobe_multi: "uprobeMulti",
  fentry: "trampolines",
};

/** As uname(1) names them. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };

/** What --info shows. */
export function kernelInfo(kernel: Kernel, features: Features): KernelInfo {
  const { files, release } = kernel;
  const answers = (rows: Readonly<Record<string, FeatureName>>): Record<string, boolean> =>
    Object.fromEntries(Object.entries(rows).map(([label, name]) => [label, features.has(name)]));
  return {
    System: {
      OS: `Linux ${release.text}`,
      Arch: ARCHITECTURES[release.arch] ?? release.arch,
      CPUs: files.possibleCpus().length,
    },
    Build: { version: version() },
    "Kernel helpers": Object.fromEntries(
      Object.entries(HELPERS).map(([label, helper]) => [
        label,
        features.hasHelper(BPF_PROG_TYPE.KPROBE, helper),
      ]),
    ),
    "Kernel features": {
      btf: files.hasBtf(),
      "module btf": files.btfModules().length > 0,
      ...answers(FEATURES),
    },
    "Probe types": {
      kprobe: probePmu(kernel, "kprobe") !== undefined,
      uprobe: probePmu(kernel, "uprobe") !== undefined,
      ...answers(PROBES),
    },
  };
}

export function kernelInfoText(info: KernelInfo): string {
  return Object.entries(info)
    .map(([section, facts]) => {
      const lines = Object.entries(facts).map(([label, fact]) => `  ${label}: ${shown(fact)}\n`);
      return `${section}\n${lines.join("")}`;
    })
    .join("\n");
}

function shown(fact: Fact): string {
  return typeof fact === "boolean" ? (fact ? "yes" : "no") : `${fact}`;
}
