const CONVERSIONS = ["d", "i", "u", "o", "x", "X", "c", "s", "p", "r", "rx", "rh"] as const;
const LENGTHS = ["", "hh", "h", "l", "ll", "L", "j", "z", "t"] as const;

export type Conversion = (typeof CONVERSIONS)[number];
export type LengthModifier = (typeof LENGTHS)[number];

/** One `%...` of a format string. */
export interface FormatSpec {
  readonly kind: "spec";
  readonly left: boolean;
  readonly plus: boolean;
  readonly space: boolean;
  readonly alternate: boolean;
  readonly zero: boolean;
  readonly width: number;
  /** Absent: none given. */
  readonly precision?: number;
  readonly length: LengthModifier;
  readonly conversion: Conversion;
}

export type FormatPiece = { readonly kind: "literal"; readonly text: string } | FormatSpec;

const SPEC = /%([-+ #0]*)(\d*)(?:\.(\d*))?(hh|h|ll|l|L|j|z|t)?(rx|rh|r|[diouxXcsp])|%%/g;
/** A format may ask for any width; beyond this it only fills memory. */
const MAX_WIDTH = 1 << 20;

/** What is not a conversion stays literal text. */
export function parseFormat(format: string): FormatPiece[] {
  const pieces: FormatPiece[] = [];
  let literal = "";
  let last = 0;
  for (const match of format.matchAll(SPEC)) {
    literal += format.slice(last, match.index);
    last = match.index + match[0].length;
    if (match[0] === "%%") {
      literal += "%";
      continue;
    }
    if (literal !== "") pieces.push({ kind: "literal", text: literal });
    literal = "";
    pieces.push(specOf(match));
  }
  literal += format.slice(last);
  if (literal !== "") pieces.push({ kind: "literal", text: literal });
  return pieces;
}

function specOf([, flags = "", width, precision, length, conversion]: RegExpExecArray): FormatSpec {
  return {
    kind: "spec",
    left: flags.includes("-"),
    plus: flags.includes("+"),
    space: flags.includes(" "),
    alternate: flags.includes("#"),
    zero: flags.includes("0"),
    width: Math.min(Number(width), MAX_WIDTH),
    ...(precision !== undefined && { precision: Math.min(Number(precision), MAX_WIDTH) }),
    length: LENGTHS.find((known) => known === length) ?? "",
    // The pattern admits nothing else.
    conversion: CONVERSIONS.find((known) => known === conversion) ?? "s",
  };
}
