/** The operands that an instruction's wording may name; see Opcode.wording. */
export type Operand =
  | "dst"
  | "src"
  | "imm"
  | "hex"
  | "off"
  | "to"
  | "far"
  | "imm64"
  | "callee"
  | "high"
  | "low";

/** A wording cut at its operands: literal text and operands in turn, beginning with text. */
export interface Wording {
  readonly texts: readonly string[];
  readonly operands: readonly Operand[];
}

const OPERANDS: readonly string[] = [
  "dst",
  "src",
  "imm",
  "hex",
  "off",
  "to",
  "far",
  "imm64",
  "callee",
  "high",
  "low",
] satisfies Operand[];

function isOperand(name: string): name is Operand {
  return OPERANDS.includes(name);
}

/** Cuts `r{dst} += {imm}` into texts and operands. */
export function parseWording(wording: string): Wording {
  const texts: string[] = [];
  const operands: Operand[] = [];
  wording.split(/\{(\w+)\}/).forEach((part, index) => {
    if (index % 2 === 0) texts.push(part);
    else if (isOperand(part)) operands.push(part);
  });
  return { texts, operands };
}

const NUMBER = "[-+]?(?:0x[0-9a-f]+|[0-9]+)";
const PLACE = "pc[-+][0-9]+|[A-Za-z_.$][\\w.$]*";

const PATTERNS: Readonly<Record<Operand, string>> = {
  dst: "[0-9]+",
  src: "[0-9]+",
  imm: NUMBER,
  hex: NUMBER,
  off: "(?:[-+]\\s*[0-9a-fx]+)?",
  to: PLACE,
  far: PLACE,
  imm64: "-?0x[0-9a-f]+(?:\\s*ll)?|-?[0-9]+\\s*ll|(?:map|subprog|btf)\\[.*",
  callee: "\\S+",
  high: "[0-9]+",
  low: "[0-9]+",
};

/**
 * A pattern that accepts what {@link parseWording}'s wording prints, with any spacing, and has one group
 * for each operand's first mention.
 */
export function patternOf(wording: Wording): RegExp {
  const seen = new Set<Operand>();
  let pattern = literal(wording.texts[0] ?? "");
  wording.operands.forEach((operand, index) => {
    pattern += seen.has(operand) ? `\\k<${operand}>` : `(?<${operand}>${PATTERNS[operand]})`;
    seen.add(operand);
    pattern += literal(wording.texts[index + 1] ?? "");
  });
  return new RegExp(`^${pattern}$`, "i");
}

function literal(text: string): string {
  return text
    .replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
    .replaceAll(/(?<=\w) (?=\w|$)/g, String.raw`\s+`)
    .replaceAll(" ", String.raw`\s*`);
}
