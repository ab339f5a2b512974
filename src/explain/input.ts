import { BpfkitError } from "../errors.ts";
import { DiagnosticError } from "../diagnostic.ts";
import { isElf } from "../elf/index.ts";
import { assemble, decode, OPCODES } from "../isa/index.ts";
import type { Insn, Opcode } from "../isa/index.ts";
import { fromElf } from "../object/index.ts";
import { decodeUtf8 } from "../util/index.ts";
import { explainAttr } from "./bpf-attr.ts";
import type { AttrExplanation } from "./bpf-attr.ts";
import { explainVerifierLog, isVerifierLog } from "./verifier-log.ts";
import type { VerifierVerdict } from "./verifier-log.ts";

/** What a text turned out to be. */
export type Explanation =
  | { readonly kind: "opcodes"; readonly code: number; readonly rows: readonly Opcode[] }
  | { readonly kind: "instructions"; readonly insns: readonly Insn[] }
  | { readonly kind: "object"; readonly programs: readonly ExplainedProgram[] }
  | { readonly kind: "verdict"; readonly verdict: VerifierVerdict }
  | { readonly kind: "attr"; readonly attr: AttrExplanation };

/** A program of an object file, as it is before it is loaded. */
export interface ExplainedProgram {
  readonly name: string;
  readonly section: string;
  readonly insns: readonly Insn[];
}

const EXAMPLES = [
  "An opcode: bpfkit explain 0xbf",
  "Instructions in hexadecimal, 8 bytes each: bpfkit explain 85 00 00 00 0e 00 00 00",
  "Instructions in words: bpfkit explain 'r1 = *(u64 *)(r10 -8)'",
  "An object file, a dump or a verifier log: bpfkit explain FILE, or from a pipe: bpftool prog dump xlated id 42 | bpfkit explain",
  "A bpf_attr: bpfkit explain attr MAP_CREATE 02000000 04000000 08000000 01000000",
];

const INSN_SIZE = 8;

/** What a file holds: an object, or a text. */
export function explainFile(bytes: Uint8Array): Explanation {
  if (!isElf(bytes)) return explainText(decodeUtf8(bytes));
  const { programs } = fromElf(bytes).spec;
  return { kind: "object", programs };
}

/** @throws BpfkitError `explain/unknown` for what is none of them, with examples */
export function explainText(text: string): Explanation {
  const attr = /^\s*attr\s+(\S+)\s+([\s\S]+)$/i.exec(text);
  if (attr) {
    const bytes = hexBytes(attr[2]!);
    if (!bytes) throw unknown(attr[2]!, "no bytes in hexadecimal");
    return { kind: "attr", attr: explainAttr(attr[1]!, bytes) };
  }
  if (isVerifierLog(text)) return { kind: "verdict", verdict: explainVerifierLog(text) };
  const bytes = hexBytes(text);
  if (bytes) return explainBytes(bytes, text);
  const dumped = opcodesOfDump(text) ?? opcodesOfJson(text);
  if (dumped) return { kind: "instructions", insns: decode(dumped) };
  return { kind: "instructions", insns: assembled(text) };
}

function explainBytes(bytes: Uint8Array, text: string): Explanation {
  if (bytes.length === 1) {
    const code = bytes[0]!;
    return { kind: "opcodes", code, rows: OPCODES.filter((row) => row.code === code) };
  }
  if (bytes.length % INSN_SIZE === 0) return { kind: "instructions", insns: decode(bytes) };
  throw unknown(text, `${bytes.length} bytes, and instructions have 8 each`);
}

/** `bf 16 00`, `0xbf 0x16`, `bf,16`, `bf160000`, `\xbf\x16`; undefined for anything else. */
function hexBytes(text: string): Uint8Array | undefined {
  const digits = text
    .replaceAll(/\\x|0x/gi, " ")
    .replaceAll(/[,{}"']/g, " ")
    .trim()
    .split(/\s+/);
  const padded = digits.map((word) => (word.length === 1 ? `0${word}` : word));
  const joined = padded.join("");
  if (joined === "" || joined.length % 2 !== 0 || !/^[0-9a-f]+$/i.test(joined)) return undefined;
  return Uint8Array.from(Buffer.from(joined, "hex"));
}

/** The lines of bytes that `opcodes` adds to a dump: exact, where words leave something out. */
function opcodesOfDump(text: string): Uint8Array | undefined {
  const lines = [
    ...text.matchAll(/^ {5,}((?:[0-9a-f]{2} ){7}[0-9a-f]{2}(?: (?:[0-9a-f]{2} ){7}[0-9a-f]{2})?)\s*$/gm),
  ];
  return lines.length === 0 ? undefined : hexBytes(lines.map(([, line]) => line).join(" "));
}

interface DumpedOpcodes {
  readonly code: string;
  readonly src_reg: string;
  readonly dst_reg: string;
  readonly off: readonly string[];
  readonly imm: readonly string[];
}

/** A dump with `opcodes` in JSON. */
function opcodesOfJson(text: string): Uint8Array | undefined {
  if (!text.trimStart().startsWith("[")) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new BpfkitError("The JSON is broken", { code: "explain/unknown", hints: EXAMPLES, cause });
  }
  const rows = Array.isArray(parsed) ? parsed.map(opcodesIn) : [];
  if (rows.length === 0 || rows.includes(undefined))
    throw unknown(text, "JSON without opcodes (dump with `opcodes`)");
  return Uint8Array.from(rows.flatMap((row) => row ?? []));
}

function opcodesIn(row: unknown): number[] | undefined {
  if (typeof row !== "object" || row === null || !("opcodes" in row) || !isOpcodes(row.opcodes))
    return undefined;
  const { code, src_reg, dst_reg, off, imm } = row.opcodes;
  const bytes = [
    Number(code),
    (Number(src_reg) << 4) | Number(dst_reg),
    ...off.map(Number),
    ...imm.map(Number),
  ];
  return bytes.every((byte) => byte >= 0 && byte < 256) && bytes.length % INSN_SIZE === 0 ? bytes : undefined;
}

function isOpcodes(value: unknown): value is DumpedOpcodes {
  return (
    typeof value === "object" &&
    value !== null &&
    "code" in value &&
    "src_reg" in value &&
    "dst_reg" in value &&
    "off" in value &&
    Array.isArray(value.off) &&
    "imm" in value &&
    Array.isArray(value.imm)
  );
}

function assembled(text: string): Insn[] {
  const words = text.split("\n").map(plainCalls).join("\n");
  let insns: Insn[];
  try {
    insns = assemble({ name: "input", text: words });
  } catch (error) {
    if (!(error instanceof DiagnosticError)) throw error;
    throw unknown(text, "no instruction, no dump, no verifier log");
  }
  if (insns.length === 0) throw unknown(text, "nothing in it");
  return insns;
}

/** Dumps of loaded programs name kernel functions that have no number of their own: `call htab_map_lookup_elem#343552`. */
function plainCalls(line: string): string {
  return line
    .replace(/\bcall (?!bpf_\w+#\d{1,3}\b)\w+#(-?\d+)\s*$/, "call unknown#$1")
    .replace(/\bcall (pc[-+]\d+)#\S+/, "call $1");
}

function unknown(text: string, why: string): BpfkitError {
  const first = text.trim().split("\n")[0]!;
  const shown = first.length > 60 ? `${first.slice(0, 60)}...` : first;
  return new BpfkitError(`Cannot tell what this is: ${JSON.stringify(shown)} (${why})`, {
    code: "explain/unknown",
    hints: EXAMPLES,
  });
}
