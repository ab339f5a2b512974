const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;

export type Colour = keyof typeof CODES;

/** Wraps a text in a colour, or hands it back unchanged where colour is off. */
export type Style = (colour: Colour, text: string) => string;

/** No colour at all: for files, pipes and tests. */
export const plain: Style = (_colour, text) => text;

export const ansi: Style = (colour, text) => `\x1b[${CODES[colour]}m${text}\x1b[0m`;

/**
 * The style for a stream. NO_COLOR (any value but the empty one) wins over FORCE_COLOR, which wins over
 * the terminal test, as no-color.org and force-color.org ask; BPFTRACE_COLOR is bpftrace's own switch.
 */
export function styleFor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Style {
  if (env["NO_COLOR"]) return plain;
  if (env["FORCE_COLOR"]) return env["FORCE_COLOR"] === "0" ? plain : ansi;
  if (env["BPFTRACE_COLOR"] === "always") return ansi;
  if (env["BPFTRACE_COLOR"] === "never" || env["TERM"] === "dumb") return plain;
  return stream.isTTY ? ansi : plain;
}
