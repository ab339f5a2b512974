import { CLASS, JUMP, LDIMM64, type Insn } from "../isa/index.ts";
import type { ObjectSpec, ProgramSpec } from "../object/index.ts";
import { BPF_FUNC } from "../uapi/index.ts";

/** Helpers that print to the trace pipe; all take the format first. */
const PRINTERS: ReadonlySet<number> = new Set([BPF_FUNC.trace_printk, BPF_FUNC.trace_vprintk]);

/** What an object's programs may print. */
export interface PrintkFormats {
  /** Whether they print at all. */
  readonly any: boolean;
  /** Whether a message is one of theirs, as far as their formats tell; formats made on the stack allow all. */
  readonly matches: (message: string) => boolean;
}

export function printkFormats(spec: ObjectSpec): PrintkFormats {
  const formats = spec.programs.flatMap((program) => formatsOf(program, spec));
  const known = formats.filter((format) => format !== undefined);
  if (known.length < formats.length) return { any: true, matches: () => true };
  const matchers = known.map(matcherOf);
  return {
    any: formats.length > 0,
    matches: (message) => matchers.some((matches) => matches(message)),
  };
}

/** One element a call: the format, or undefined where it is no text of a data section. */
function formatsOf(program: ProgramSpec, spec: ObjectSpec): (string | undefined)[] {
  return program.insns.flatMap((insn, index) => (isPrinter(insn) ? [formatAt(program, spec, index)] : []));
}

function isPrinter({ code, src, imm }: Insn): boolean {
  return code === CLASS.JMP + JUMP.CALL && src === 0 && PRINTERS.has(imm);
}

/** Register 1 as the instructions right before the call load it. */
function formatAt(program: ProgramSpec, spec: ObjectSpec, call: number): string | undefined {
  for (let index = call - 1; index >= 0; index--) {
    const insn = program.insns[index]!;
    const kind = insn.code & 7;
    if (kind === CLASS.JMP || kind === CLASS.JMP32) return undefined;
    if (insn.dst !== 1 || kind === CLASS.ST || kind === CLASS.STX) continue;
    // The second slot of a wide load comes first, looking back.
    const start = program.insns[index - 1]?.code === LDIMM64 ? index - 1 : index;
    const relocation = program.relocations.find((other) => other.insn === start && other.kind === "map");
    if (relocation?.kind !== "map") return undefined;
    const contents = spec.maps.find(({ name }) => name === relocation.map)?.contents;
    return contents && textAt(contents, relocation.offset ?? 0);
  }
  return undefined;
}

function textAt(contents: Uint8Array, offset: number): string | undefined {
  const end = contents.indexOf(0, offset);
  return end < 0 ? undefined : Buffer.from(contents.subarray(offset, end)).toString("utf8");
}

/** Conversions of bpf_trace_printk: flags, width, precision, length, and %p's own letters. */
const CONVERSION = /%[-+ #0]*\d*(?:\.\d+)?(?:hh|h|ll|l|z)?(?:p[A-Za-z0-9]*|[diuxXcs])/;

/** Whether the literal parts of a format are in a message, in their order: no search goes back. */
function matcherOf(format: string): (message: string) => boolean {
  const parts = format
    .replace(/\n$/, "")
    .split(CONVERSION)
    .map((part) => part.replaceAll("%%", "%"));
  const [first = "", ...others] = parts;
  const last = others.pop();
  return (message) => {
    if (last === undefined) return message === first;
    if (!message.startsWith(first) || !message.endsWith(last)) return false;
    let at = first.length;
    for (const part of others) {
      const found = message.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= message.length - last.length;
  };
}
