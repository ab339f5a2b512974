import type { LoadedProgram } from "../loader/index.ts";
import type { AttachContext, Attacher } from "./context.ts";
import type { Hook } from "./hook.ts";
import { missingHook, nameOf } from "./hooks.ts";
import type { Link } from "./link.ts";
import { attachPerfEvent, onFirstCpu } from "./perf-link.ts";
import { probePmu } from "./probe-pmu.ts";
import { findUserFile, UserFile } from "./user-file.ts";

export const attachUprobe: Attacher<"uprobe"> = (context, program, target) => {
  // Without uprobes the file need not be looked at.
  if (!probePmu(context.kernel, "uprobe")) throw missingHook(context, target);
  const { counterOffset } = target;
  return probeFile(context, program, {
    ...uprobePlace(target),
    return: target.return,
    ...(counterOffset !== undefined && { counterOffset }),
  });
};

/** The file of a probe, and where in it: the symbol's code and `offset` behind it, or the offset alone. @throws AttachError */
export function uprobePlace(target: Extract<Hook, { readonly kind: "uprobe" }>): {
  readonly path: string;
  readonly offset: number;
} {
  const path = findUserFile(target.path);
  const start = target.symbol === undefined ? 0 : new UserFile(nameOf(target), path).offset(target.symbol);
  return { path, offset: start + target.offset };
}

export interface FileProbe {
  readonly path: string;
  readonly offset: number;
  /** Offset of a counter that is above 0 while the probe is on. */
  readonly counterOffset?: number;
  readonly return: boolean;
}

/** A uprobe at an offset of a file. */
export function probeFile(context: AttachContext, program: LoadedProgram, probe: FileProbe): Link {
  const pmu = probePmu(context.kernel, "uprobe");
  if (!pmu)
    throw missingHook(context, {
      kind: "uprobe",
      path: probe.path,
      offset: probe.offset,
      return: probe.return,
    });
  const attr = {
    type: pmu.type,
    config: (probe.return ? pmu.returnBit : 0n) | (BigInt(probe.counterOffset ?? 0) << pmu.counterShift),
    uprobe_path: probe.path,
    probe_offset: probe.offset,
  };
  const { pid } = context;
  return attachPerfEvent(context, program, attr, pid === undefined ? onFirstCpu(context) : { pid, cpu: -1 });
}
