import { BpfkitError } from "../errors.ts";
import { opcodeOf } from "../isa/index.ts";
import type { ProgramSpec } from "../object/index.ts";
import { BPF_FUNC, BPF_PROG_TYPE, ERRNO } from "../uapi/index.ts";
import type { Features } from "./features.ts";
import { ProgramLoadError } from "./program-load.ts";
import type { VerifierError } from "./verifier-error.ts";

/** Releases that brought what objects cannot do without. */
const SINCE: Readonly<Record<number, string>> = {
  [BPF_FUNC.get_current_task_btf]: "5.11",
  [BPF_FUNC.for_each_map_elem]: "5.13",
  [BPF_FUNC.loop]: "5.17",
  [BPF_FUNC.map_lookup_percpu_elem]: "5.19",
  [BPF_FUNC.ktime_get_tai_ns]: "6.1",
};

/** Says which helper a rejected program calls that the kernel lacks; undefined if it has them all. */
export function missingHelper(
  program: ProgramSpec,
  features: Features,
  cause: ProgramLoadError | VerifierError,
): BpfkitError | undefined {
  // Other reasons have nothing to do with the program's code.
  if (cause instanceof ProgramLoadError && cause.errno !== ERRNO.EINVAL) return undefined;
  // Without a target no tracing program can be tried; raw tracepoints have the same helpers.
  const type = program.type === BPF_PROG_TYPE.TRACING ? BPF_PROG_TYPE.RAW_TRACEPOINT : program.type;
  const helpers = new Set(
    program.insns.flatMap((insn) =>
      opcodeOf(insn)?.name === "call" && insn.src === HELPER ? [insn.imm] : [],
    ),
  );
  const missing = [...helpers].find((helper) => !features.hasHelper(type, helper));
  if (missing === undefined) return undefined;
  const since = SINCE[missing];
  return new BpfkitError(`This kernel has no helper bpf_${nameOf(missing)}, which the program calls`, {
    code: "loader/no-helper",
    hints: [
      since === undefined ? "It came with a later kernel, see bpf-helpers(7)" : `It came with Linux ${since}`,
    ],
    cause,
  });
}

/** Source register of a call of a helper by its number. */
const HELPER = 0;

function nameOf(helper: number): string {
  return Object.entries(BPF_FUNC).find(([, number]) => number === helper)?.[0] ?? `#${helper}`;
}
