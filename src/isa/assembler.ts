import { DiagnosticError } from "../diagnostic.ts";
import type { Diagnostic, SourceText } from "../diagnostic.ts";
import { BPF_FUNC, nameOf, valueOf } from "../uapi/index.ts";
import { CALL, LDIMM64, PSEUDO } from "./encoding.ts";
import type { Insn } from "./insn.ts";
import { OPCODES } from "./opcode-table.ts";
import type { Opcode } from "./opcode-table.ts";
import { lazy } from "../util/index.ts";
import { parseWording, patternOf } from "./wording.ts";

/**
 * Reads what the disassembler prints, with labels besides: `out:` names a place, `goto out` and
 * `call out` go there. Comments start with `;` or `//`. Dumps of bpftool are accepted as they are:
 * the slot and opcode before an instruction, prototypes and source lines are skipped.
 *
 * `r1 = 5` is a 32-bit immediate; `r1 = 0x5` and `r1 = 5 ll` are ldimm64, as the kernel words them.
 * @throws DiagnosticError with every line that is no instruction.
 */
export function assemble(input: string | SourceText): Insn[] {
  const source = typeof input === "string" ? { name: "assembly", text: input } : input;
  const diagnostics: Diagnostic[] = [];
  const { statements, labels } = layOut(source, diagnostics);
  const insns: Insn[] = [];
  for (const statement of statements) {
    try {
      insns.push(...build(statement, labels));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      diagnostics.push(diagnosticOf(source, statement, error));
    }
  }
  if (diagnostics.length > 0) throw new DiagnosticError(diagnostics);
  return insns;
}

interface Statement {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly slot: number;
  readonly opcode: Opcode;
  readonly operands: Readonly<Partial<Record<string, string>>>;
}

class Fault extends Error {}

// ldimm64 comes first, because the pattern of a 32-bit move would take its hexadecimal too.
const patterns = lazy((): readonly { readonly opcode: Opcode; readonly pattern: RegExp }[] =>
  [...OPCODES]
    .sort((a, b) => Number(b.form === "loadImmediate64") - Number(a.form === "loadImmediate64"))
    // One row reads all calls: what is called decides which call it is.
    .filter((opcode) => opcode.form !== "callLocal" && opcode.form !== "callKfunc")
    .map((opcode) => ({ opcode, pattern: patternOf(parseWording(opcode.wording)) })),
);

function layOut(
  source: SourceText,
  diagnostics: Diagnostic[],
): { statements: Statement[]; labels: Map<string, number> } {
  const statements: Statement[] = [];
  const labels = new Map<string, number>();
  let slot = 0;
  let start = 0;
  for (const line of source.text.split("\n")) {
    const text = line
      .replace(/(?:;|\/\/).*$/, "")
      .replace(/^\s*\d+:\s*\([0-9a-f]{2}\)/i, "")
      .trim();
    const span = { source, start, end: start + line.length };
    start += line.length + 1;
    const label = /^([A-Za-z_.$][\w.$]*):$/.exec(text)?.[1];
    if (text === "" || text.endsWith("):")) continue;
    if (label !== undefined) {
      if (labels.has(label)) diagnostics.push(fault("isa/label", `Label ${label} is defined twice`, span));
      labels.set(label, slot);
      continue;
    }
    const found = match(text);
    if (!found) {
      const hints = ["Write it as bpftool's `prog dump xlated` does: `r1 = *(u64 *)(r10 -8)`"];
      diagnostics.push(fault("isa/syntax", `Not an instruction: ${text}`, span, hints));
      continue;
    }
    statements.push({ start: span.start, end: span.end, text, slot, ...found });
    slot += found.opcode.code === LDIMM64 ? 2 : 1;
  }
  return { statements, labels };
}

function match(text: string): Pick<Statement, "opcode" | "operands"> | undefined {
  for (const { opcode, pattern } of patterns()) {
    const groups = pattern.exec(text);
    if (groups) return { opcode, operands: groups.groups ?? {} };
  }
  return undefined;
}

function build(statement: Statement, labels: ReadonlyMap<string, number>): Insn[] {
  const { opcode, operands } = statement;
  const base = {
    code: opcode.code,
    dst: register(operands["dst"]),
    src: opcode.fixed.src ?? register(operands["src"]),
    offset: opcode.fixed.offset ?? 0,
    imm: opcode.fixed.imm ?? 0,
  };
  if (operands["off"] !== undefined) base.offset = offset(integer(operands["off"]));
  if (operands["imm"] !== undefined) base.imm = immediate(operands["imm"]);
  if (operands["hex"] !== undefined) base.imm = immediate(operands["hex"]);
  if (operands["to"] !== undefined) base.offset = offset(distance(operands["to"], statement, labels));
  if (operands["far"] !== undefined) base.imm = distance(operands["far"], statement, labels);
  if (operands["high"] !== undefined && operands["low"] !== undefined) {
    base.imm = (Number(operands["high"]) << 16) | (Number(operands["low"]) & 0xffff);
  }
  if (operands["callee"] !== undefined)
    return [{ ...base, ...callee(operands["callee"], statement, labels) }];
  if (operands["imm64"] !== undefined) return wide(base, operands["imm64"], statement, labels);
  return [base];
}

function register(text: string | undefined): number {
  const number = Number(text ?? 0);
  // r11 is the kernel's scratch register and shows in dumps.
  if (number > 11) throw new Fault(`There is no register r${text}`);
  return number;
}

function integer(text: string): number {
  const compact = text.replaceAll(/\s/g, "");
  if (compact === "") return 0;
  const value = /^[-+]/.test(compact) ? Number(compact.slice(1)) : Number(compact);
  if (Number.isNaN(value)) throw new Fault(`Not a number: ${text}`);
  return compact.startsWith("-") ? -value : value;
}

function offset(value: number): number {
  if (value < -0x8000 || value > 0x7fff) throw new Fault(`Offset ${value} does not fit in 16 bits`);
  return value;
}

function immediate(text: string): number {
  const value = integer(text);
  if (value < -0x8000_0000 || value > 0xffff_ffff) throw new Fault(`${text} does not fit in 32 bits`);
  return value | 0;
}

function distance(place: string, statement: Statement, labels: ReadonlyMap<string, number>): number {
  const label = labels.get(place);
  if (label !== undefined) return label - statement.slot - 1;
  if (!/^pc[-+]/i.test(place)) throw new Fault(`Label ${place} is not defined`);
  return immediate(place.slice(2)) || 0;
}

function callee(
  text: string,
  statement: Statement,
  labels: ReadonlyMap<string, number>,
): Pick<Insn, "src" | "imm"> {
  const local = /^pc[-+]\d+/i.exec(text)?.[0];
  if (local) return { src: CALL.LOCAL, imm: distance(local, statement, labels) };
  if (labels.has(text)) return { src: CALL.LOCAL, imm: distance(text, statement, labels) };
  const [name = "", number] = text.split("#");
  if (name === "kernel-function" && number !== undefined) return { src: CALL.KFUNC, imm: immediate(number) };
  if (name === "unknown" && number !== undefined) return { src: CALL.HELPER, imm: immediate(number) };
  const id = valueOf(BPF_FUNC, name.replace(/^bpf_/, ""));
  if (id === undefined) throw new Fault(`${name} is neither a helper nor a label`);
  if (number !== undefined && immediate(number) !== id) {
    throw new Fault(
      `Helper ${number} is not ${name} but ${nameOf(BPF_FUNC, immediate(number)) ?? "unknown"}`,
    );
  }
  return { src: CALL.HELPER, imm: id };
}

const WIDE_FORMS: readonly {
  readonly pattern: RegExp;
  readonly src: number;
}[] = [
  { pattern: /^map\[(?:id|fd):(\d+)\]$/, src: PSEUDO.MAP_FD },
  { pattern: /^map\[(?:id|fd):(\d+)\]\[0\]\+(\d+)$/, src: PSEUDO.MAP_VALUE },
  { pattern: /^btf\[id:(\d+)\](?:\[fd:(-?\d+)\])?$/, src: PSEUDO.BTF_ID },
  { pattern: /^map\[idx:(\d+)\]$/, src: PSEUDO.MAP_IDX },
  { pattern: /^map\[idx:(\d+)\]\[0\]\+(\d+)$/, src: PSEUDO.MAP_IDX_VALUE },
];

function wide(base: Insn, text: string, statement: Statement, labels: ReadonlyMap<string, number>): Insn[] {
  const slots = (src: number, low: number, high: number): Insn[] => [
    { ...base, src, imm: low },
    { code: 0, dst: 0, src: 0, offset: 0, imm: high },
  ];
  const inner = /^subprog\[(.+)\]$/.exec(text)?.[1];
  if (inner !== undefined) {
    const place = /^[-+]/.test(inner) ? `pc${inner}` : inner;
    return slots(PSEUDO.FUNC, distance(place, statement, labels), 0);
  }
  for (const { pattern, src } of WIDE_FORMS) {
    const groups = pattern.exec(text);
    if (groups) return slots(src, immediate(groups[1] ?? "0"), immediate(groups[2] ?? "0"));
  }
  const digits = text.replace(/\s*ll$/i, "");
  if (!/^-?(?:0x[0-9a-f]+|\d+)$/i.test(digits)) throw new Fault(`Not a 64-bit value: ${text}`);
  const value = digits.startsWith("-") ? -BigInt(digits.slice(1)) : BigInt(digits);
  if (BigInt.asUintN(64, value) !== value && BigInt.asIntN(64, value) !== value) {
    throw new Fault(`${text} does not fit in 64 bits`);
  }
  return slots(0, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
}

function fault(
  code: string,
  message: string,
  span: Diagnostic["span"],
  hints: readonly string[] = [],
): Diagnostic {
  return { code, severity: "error", message, ...(span && { span }), hints };
}

function diagnosticOf(source: SourceText, statement: Statement, error: Fault): Diagnostic {
  return fault("isa/operand", error.message, { source, start: statement.start, end: statement.end });
}
