import { ERRNO } from "../../../uapi/index.ts";
import type { SeqFile } from "../iterators/seq-file.ts";
import type { World } from "../world.ts";
import { shownText } from "./btf-show.ts";
import { helper } from "./define.ts";
import type { HelperRow } from "./define.ts";
import { formatText } from "./format.ts";

const { EINVAL, EOVERFLOW } = ERRNO;

/** What iterators' programs write to who reads them. */
export function seqHelpers(world: World): HelperRow[] {
  const { memory } = world;
  const write = (seq: number, bytes: (file: SeqFile) => Uint8Array | undefined): number => {
    const file = world.run?.output;
    const written = file?.address === seq ? bytes(file) : undefined;
    if (!file || !written) return -EINVAL;
    return file.write(written) ? 0 : -EOVERFLOW;
  };
  return [
    helper("seq_write", ["address", "address", "number"], (seq, data, size) =>
      write(seq, () => memory.slice(data, size)),
    ),
    helper(
      "seq_printf",
      ["address", "address", "number", "address", "number"],
      (seq, format, size, data, length) => {
        if (length % 8 !== 0 || length > MOST_ARGUMENTS * 8) return -EINVAL;
        const values = Array.from({ length: length >>> 3 }, (_, index) => memory.u64(data + index * 8));
        return write(seq, () => formatText(memory, memory.slice(format, size), values));
      },
    ),
    helper("seq_printf_btf", ["address", "address", "number", "wide"], (seq, pointer, size, flags) => {
      const text = shownText(world, pointer, size, flags);
      if (typeof text === "number") return text;
      // What does not fit is told by the reader alone.
      const written = write(seq, () => text);
      return written === -EOVERFLOW ? 0 : written;
    }),
  ];
}

/** MAX_BPRINTF_VARARGS. */
const MOST_ARGUMENTS = 12;
