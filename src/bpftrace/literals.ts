/** Nanoseconds of each duration suffix. */
const durations: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
};
const cSuffix = /^(?:u|l|ll|ul|ull|lu|llu)$/i;
const limit = 1n << 64n;

export interface IntegerLiteral {
  readonly value: bigint;
  /** `ull`, `ms` or "". */
  readonly suffix: string;
}

/**
 * Reads `12`, `0x1f`, `017`, `1_000`, `1e6`, `10ms`, `5ull`.
 * Yields the reason when it is no number or does not fit into 64 bits.
 */
export function readInteger(text: string): IntegerLiteral | string {
  const match =
    /^(0[xX][0-9a-fA-F][0-9a-fA-F_]*)([g-zG-Z][a-zA-Z]*)?$/.exec(text) ??
    /^([0-9][0-9_]*(?:[eE][0-9][0-9_]*)?)([a-zA-Z]*)$/.exec(text);
  if (!match) return `'${text}' is not a number`;
  const suffix = match[2] ?? "";
  const unit = durations[suffix];
  if (suffix !== "" && unit === undefined && !cSuffix.test(suffix))
    return `'${text}' is not a number: unknown suffix '${suffix}'`;
  const value = readDigits(match[1]!.replaceAll("_", ""));
  if (typeof value === "string") return value;
  const scaled = value * (unit ?? 1n);
  return scaled < limit ? { value: scaled, suffix } : `'${text}' does not fit into 64 bits`;
}

function readDigits(digits: string): bigint | string {
  const [mantissa, exponent] = /^0[xX]/.test(digits) ? [digits] : digits.split(/[eE]/);
  if (exponent !== undefined) {
    if (exponent.length > 2 || Number(exponent) > 19) return `'${digits}' does not fit into 64 bits`;
    return BigInt(mantissa!) * 10n ** BigInt(exponent);
  }
  if (mantissa!.length > 40) return `'${digits}' does not fit into 64 bits`;
  if (/^0[0-9]/.test(digits))
    return /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : `'${digits}' is not an octal number`;
  return BigInt(mantissa!);
}

const simpleEscapes: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
  e: "\x1b",
  "\\": "\\",
  '"': '"',
  "'": "'",
};

/**
 * The value of a string token, quotes and escapes resolved. Numeric escapes are bytes: runs of them that
 * are UTF-8 become characters, all others the character of that code.
 */
export function readString(token: string): {
  readonly value: string;
  readonly unknownEscapes: readonly string[];
} {
  const unknownEscapes: string[] = [];
  const body = token.slice(1, -1).replaceAll("\\\n", "");
  const value = body.replace(
    /(?:\\x[0-9a-fA-F]{1,2}|\\[0-7]{1,3})+|\\([^])/g,
    (run: string, simple: string | undefined) => {
      if (simple === undefined) return decodeBytes(run);
      const replaced = simpleEscapes[simple];
      if (replaced === undefined) unknownEscapes.push(run);
      return replaced ?? simple;
    },
  );
  return { value, unknownEscapes };
}

function decodeBytes(run: string): string {
  const bytes = Uint8Array.from(run.matchAll(/\\x([0-9a-fA-F]{1,2})|\\([0-7]{1,3})/g), ([, hex, octal]) =>
    hex === undefined ? Number.parseInt(octal!, 8) : Number.parseInt(hex, 16),
  );
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // Not UTF-8: every byte for itself.
    return String.fromCharCode(...bytes);
  }
}
