import { BpfkitError } from "../errors.ts";
import type { SyscallError } from "../kernel/index.ts";
import { parseBtf, relocationSubject } from "../btf/index.ts";
import { poisonedRelocation } from "../object/index.ts";
import type { LineInfo, ProgramSpec } from "../object/index.ts";

/**
 * The kernel's verifier rejected a program.
 *
 * @example
 * ```ts
 * import { assembleObject, load, VerifierError } from "bpfkit";
 *
 * try {
 *   await load(assembleObject("socket", "r0 = r5\nexit"));
 * } catch (error) {
 *   if (error instanceof VerifierError) console.log(error.log.includes("R5 !read_ok"));
 * }
 * // prints true
 * ```
 */
export class VerifierError extends BpfkitError {
  override readonly name = "VerifierError";
  readonly program: string;
  /** The whole log. */
  readonly log: string;
  /** The line of the log that says why. */
  readonly reason: string;
  /** Slot of the instruction that was being verified, where the log tells. */
  readonly insn: number | undefined;
  /** The source line it came from. */
  readonly line: LineInfo | undefined;

  /** `btf`: the object's own, which names what relocations asked for. */
  constructor(program: ProgramSpec, log: string, cause: SyscallError, btf?: Uint8Array) {
    const { reason: verdict, insn } = readVerifierLog(log);
    const unmet = unmetRelocation(program, verdict, btf);
    const reason = unmet ?? verdict;
    super(`The kernel's verifier rejected program ${program.name}: ${reason || cause.message}`, {
      code: "loader/verifier",
      hints: unmet === undefined ? [] : [GUARD],
      cause,
    });
    this.program = program.name;
    this.log = log;
    this.reason = reason;
    this.insn = insn;
    this.line = insn === undefined ? undefined : program.lines.findLast((line) => line.insn <= insn);
  }
}

const GUARD =
  "Ask first whether it is there: bpf_core_field_exists, bpf_core_type_exists, bpf_core_enum_value_exists or bpf_ksym_exists";

/** A relocation that found nothing leaves a call that no kernel has; the verdict then names only its number. */
function unmetRelocation(program: ProgramSpec, verdict: string, btf?: Uint8Array): string | undefined {
  const helper = /^invalid func unknown#(\d+)$/.exec(verdict)?.[1];
  const relocation = helper === undefined ? undefined : poisonedRelocation(program, Number(helper));
  if (relocation?.kind === "kfunc") return `this kernel has no kernel function ${relocation.name}`;
  if (relocation?.kind !== "core" || !btf) return undefined;
  const { typeId, access, coreKind } = relocation;
  return `this kernel has no ${relocationSubject(parseBtf(btf), { typeId, access, kind: coreKind })}`;
}

/** Lines at the end of every log that are no reason: statistics. */
const STATISTICS =
  /^(cur state:|old state:|processed \d+ insns|verification time|stack depth|func#|insns processed|mark_precise|arg#\d)/;
const INSN = /^(\d+): \([0-9a-f]{2}\) /;

/** The verdict of a verifier log: its last line that is no statistic, and the instruction before it. */
export function readVerifierLog(log: string): {
  readonly reason: string;
  readonly insn: number | undefined;
} {
  const lines = log.split("\n").filter((line) => line.trim() !== "");
  const reason = lines.findLast((line) => !STATISTICS.test(line)) ?? "";
  const insn = lines.findLast((line) => INSN.test(line));
  return { reason: reason.trim(), insn: insn === undefined ? undefined : Number(INSN.exec(insn)?.[1]) };
}
