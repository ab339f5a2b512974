import { readVerifierLog, verifierMessage } from "../loader/index.ts";

/** What the verifier knew of a register at the end. */
export interface RegisterState {
  readonly register: string;
  /** In the verifier's words, as `map_value_or_null(id=1,map=m,ks=4,vs=8)`; logs of low levels do not tell. */
  readonly state?: string;
  /** The last instruction before the end that set it, with its source line. */
  readonly setBy?: LoggedInsn;
}

/** An instruction as it stands in a log. */
export interface LoggedInsn {
  readonly slot: number;
  readonly text: string;
  /** The source line above it. */
  readonly source?: SourcePlace;
}

/** A line of the program's source. */
export interface SourcePlace {
  readonly text: string;
  /** Not told by kernels before 6.9. */
  readonly file?: string;
  readonly line?: number;
}

/** A verifier log in words. */
export interface VerifierVerdict {
  /** The program's name, where a loader wrote it around the log. */
  readonly program?: string;
  readonly accepted: boolean;
  /** The line that says why it was rejected. */
  readonly reason: string;
  readonly insn?: LoggedInsn;
  readonly meaning?: string;
  readonly fix?: string;
  /** Registers that the reason or the instruction names. */
  readonly registers: readonly RegisterState[];
  /** From the statistics at the end. */
  readonly processed?: number;
}

const INSN = /^(\d+): \(([0-9a-f]{2})\) (.*?)(?:\s+; (.*))?$/;
const STATE = /\b(R\d+|fp-\d+)(?:_[wr]+)?=((?:[^\s(]+)?(?:\((?:[^()]|\([^()]*\))*\))?)/g;

/** Whether a text looks like one. */
export function isVerifierLog(text: string): boolean {
  return (
    /^processed \d+ insns/m.test(text) ||
    /^(?:\d+: )?R1=\S/m.test(text) ||
    (INSN_LINE.test(text) && verifierMessage(lastLine(text)) !== undefined && !INSN.test(lastLine(text)))
  );
}

const INSN_LINE = /^\d+: \([0-9a-f]{2}\) /m;

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}

/**
 * What a verifier log says, in words: what was rejected, where, why, what usually helps. Lines that a loader prints
 * around the log are no matter, and neither is a log that was cut off.
 *
 * @example
 * ```ts
 * import { explainVerifierLog } from "bpfkit";
 *
 * const { reason, insn } = explainVerifierLog(`
 * 6: (85) call bpf_map_lookup_elem#1
 * 7: (79) r0 = *(u64 *)(r0 +0)
 * R0 invalid mem access 'map_value_or_null'
 * processed 7 insns (limit 1000000)`);
 * console.log(reason, insn?.slot);
 * // prints R0 invalid mem access 'map_value_or_null' 7
 * ```
 */
export function explainVerifierLog(text: string): VerifierVerdict {
  const { log, program } = unwrap(text);
  const lines = log.split("\n").map((line) => line.trimEnd());
  const { reason } = readVerifierLog(log);
  const insns = loggedInsns(lines);
  const processed = /^processed (\d+) insns/m.exec(log)?.[1];
  const numbers = {
    ...(program !== undefined && { program }),
    ...(processed !== undefined && { processed: Number(processed) }),
  };
  if (isAccepted(reason, lines)) return { ...numbers, accepted: true, reason: "", registers: [] };
  const message = verifierMessage(reason);
  const last = insns.at(-1);
  return {
    ...numbers,
    accepted: false,
    reason,
    ...(last && { insn: last }),
    ...(message && { meaning: message.meaning, fix: message.fix }),
    registers: registersOf(reason, last, insns, lines),
  };
}

/** Loaders print the log between lines of their own. */
function unwrap(text: string): { readonly log: string; readonly program: string | undefined } {
  const plain = text.replaceAll(/^libbpf: /gm, "");
  const begin = /^.*BEGIN PROG LOAD LOG.*\n/m.exec(plain);
  if (!begin) return { log: plain, program: undefined };
  const rest = plain.slice(begin.index + begin[0].length);
  const end = rest.search(/^.*END PROG LOAD LOG/m);
  return {
    log: end < 0 ? rest : rest.slice(0, end),
    program: /prog '([^']+)'/.exec(begin[0])?.[1] ?? /prog '([^']+)'/.exec(plain)?.[1],
  };
}

/** The last thing said of an accepted program is an instruction, a state or a path that is safe. */
function isAccepted(reason: string, lines: readonly string[]): boolean {
  if (reason === "") return lines.some((line) => line.startsWith("processed "));
  if (verifierMessage(reason) && !INSN.test(reason)) return false;
  return INSN.test(reason) || /^(?:\d+: )?(?:R\d+|safe$|from \d+ to \d+)/.test(reason);
}

function loggedInsns(lines: readonly string[]): LoggedInsn[] {
  const insns: LoggedInsn[] = [];
  let source: SourcePlace | undefined;
  for (const line of lines) {
    const comment = /^; (.*?)(?: @ (\S+):(\d+))?$/.exec(line);
    if (comment)
      source = {
        text: comment[1]!.trim(),
        ...(comment[2] !== undefined && { file: comment[2], line: Number(comment[3]) }),
      };
    const insn = INSN.exec(line);
    if (insn) insns.push({ slot: Number(insn[1]), text: insn[3]!, ...(source && { source }) });
  }
  return insns;
}

function registersOf(
  reason: string,
  last: LoggedInsn | undefined,
  insns: readonly LoggedInsn[],
  lines: readonly string[],
): RegisterState[] {
  const named = [...reason.matchAll(/\bR(\d+)\b/g)].map(([, number]) => number!);
  const used =
    named.length > 0 ? named : [...(last?.text ?? "").matchAll(/\b[rw](\d+)\b/g)].map(([, n]) => n!);
  return [...new Set(used)].flatMap((number) => {
    const state = lastState(`R${number}`, lines);
    const setBy = insns.slice(0, -1).findLast(({ text }) => sets(text, number));
    if (state === undefined && !setBy) return [];
    return [{ register: `R${number}`, ...(state !== undefined && { state }), ...(setBy && { setBy }) }];
  });
}

function sets(text: string, register: string): boolean {
  if (new RegExp(`^[rw]${register} \\S*= ?`).test(text)) return true;
  return register === "0" && text.startsWith("call ");
}

function lastState(register: string, lines: readonly string[]): string | undefined {
  for (let at = lines.length - 1; at >= 0; at--) {
    const found = [...lines[at]!.matchAll(STATE)].findLast(([, name]) => name === register);
    if (found && found[2] !== "") return found[2];
  }
  return undefined;
}
