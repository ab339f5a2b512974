import type { ProgramInfo } from "../inspect/index.ts";
import type { Json } from "./json.ts";
import { programTypeName } from "./names.ts";
import { offloadText } from "./offload-text.ts";

/** What names a program: in lists, and in front of each of several dumps. */
export interface ProgramHead {
  readonly info: ProgramInfo;
  /** The full one, of its BTF. */
  readonly name: string;
}

export function headText({ info, name }: ProgramHead): string {
  const type = programTypeName(info.type) ?? `type ${info.type}`;
  const run = info.runTimeNs > 0n ? ` run_time_ns ${info.runTimeNs} run_cnt ${info.runCount}` : "";
  const misses = info.recursionMisses > 0n ? ` recursion_misses ${info.recursionMisses}` : "";
  return `${info.id}: ${type}  ${name === "" ? "" : `name ${name}  `}tag ${info.tag}${offloadText(info)}${info.gplCompatible ? "  gpl" : ""}${run}${misses}\n`;
}

export function headJson({ info, name }: ProgramHead): { readonly [name: string]: Json | undefined } {
  return {
    id: info.id,
    type: programTypeName(info.type) ?? info.type,
    name: name === "" ? undefined : name,
    tag: info.tag,
    gpl_compatible: info.gplCompatible,
    run_time_ns: info.runTimeNs > 0n ? info.runTimeNs : undefined,
    run_cnt: info.runTimeNs > 0n ? info.runCount : undefined,
    recursion_misses: info.recursionMisses > 0n ? info.recursionMisses : undefined,
  };
}
