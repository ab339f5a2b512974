/** `r` keeps printable ASCII and escapes the rest, `rx` escapes every byte, `rh` separates bare hex by blanks. */
export type HexStyle = "r" | "rx" | "rh";

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const ESCAPED = HEX.map((hex) => `\\x${hex}`);
const PRINTABLE = ESCAPED.map((escaped, byte) =>
  byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : escaped,
);

const TABLES = { r: [PRINTABLE, ""], rx: [ESCAPED, ""], rh: [HEX, " "] } as const;

export function hexBuffer(bytes: Uint8Array, style: HexStyle): string {
  const [table, separator] = TABLES[style];
  return Array.from(bytes, (byte) => table[byte]!).join(separator);
}
