import type { RecordWriter } from "./printf.ts";

/** join(): strings, each with its NUL, behind a u32 with their bytes; written with separators and a newline. */
export function compileJoin(separator: string, offset: number): RecordWriter {
  const between = Buffer.from(separator, "utf8");
  return ({ bytes, view }, at, end, out) => {
    const start = at + offset + 4;
    if (start > end) return;
    const stop = Math.min(end, start + view.getUint32(start - 4, true));
    out.reserve((stop - start) * Math.max(1, between.length) + 1);
    const target = out.bytes;
    let position = out.length;
    for (let index = start; index < stop; index++) {
      const byte = bytes[index]!;
      if (byte !== 0) target[position++] = byte;
      else if (index + 1 < stop) for (const part of between) target[position++] = part;
    }
    target[position++] = 10;
    out.length = position;
  };
}
