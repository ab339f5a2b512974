const ROW = 16;

/** Rows of sixteen bytes: offset, pairs of bytes, text. */
export function hexDump(bytes: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += ROW) {
    const row = bytes.subarray(at, at + ROW);
    const pairs = Array.from({ length: ROW }, (_, index) => {
      const byte = row[index];
      const digits = byte === undefined ? "  " : byte.toString(16).padStart(2, "0");
      return index % 2 === 1 ? `${digits} ` : digits;
    });
    const text = Array.from(row, (byte, index) => {
      const character = byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
      return index === ROW / 2 ? ` ${character}` : character;
    });
    rows.push(`${at.toString(16).padStart(7, "0")}\t${pairs.join("")}| ${text.join("")}`);
  }
  return rows.join("\n");
}
