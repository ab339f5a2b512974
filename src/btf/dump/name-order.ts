import { BtfError } from "../error.ts";

/** Ranges shorter than this are sorted by insertion. */
const SHORT = 12;
/** Byte comparisons; a kernel's names take some five million. Texts within texts could take for ever. */
const MOST_STEPS = 1 << 28;

/**
 * Sorts offsets of NUL-terminated texts by the bytes there, as strcmp(3) would: three-way radix quicksort, which
 * looks at each byte of a common beginning once.
 * @throws BtfError `btf/too-large`
 */
export function sortByText(strings: Uint8Array, offsets: Uint32Array): void {
  // Ranges still to be sorted: start, end, depth.
  const ranges = [0, offsets.length, 0];
  let steps = 0;
  while (ranges.length > 0) {
    const depth = ranges.pop()!;
    const end = ranges.pop()!;
    const start = ranges.pop()!;
    if ((steps += end - start) > MOST_STEPS) throw new BtfError("btf/too-large", "The names are without end");
    if (end - start < SHORT) {
      insertionSort(strings, offsets, start, end, depth);
      continue;
    }
    const pivot = medianByte(strings, offsets, start, end, depth);
    let less = start;
    let more = end;
    for (let at = start; at < more;) {
      const offset = offsets[at]!;
      const byte = strings[offset + depth]!;
      if (byte < pivot) {
        offsets[at++] = offsets[less]!;
        offsets[less++] = offset;
      } else if (byte > pivot) {
        offsets[at] = offsets[--more]!;
        offsets[more] = offset;
      } else at++;
    }
    if (less - start > 1) ranges.push(start, less, depth);
    if (end - more > 1) ranges.push(more, end, depth);
    if (pivot !== 0 && more - less > 1) ranges.push(less, more, depth + 1);
  }
}

function medianByte(
  strings: Uint8Array,
  offsets: Uint32Array,
  start: number,
  end: number,
  depth: number,
): number {
  const one = strings[offsets[start]! + depth]!;
  const two = strings[offsets[(start + end) >>> 1]! + depth]!;
  const three = strings[offsets[end - 1]! + depth]!;
  return Math.max(Math.min(one, two), Math.min(Math.max(one, two), three));
}

function insertionSort(
  strings: Uint8Array,
  offsets: Uint32Array,
  start: number,
  end: number,
  depth: number,
): void {
  for (let at = start + 1; at < end; at++) {
    const offset = offsets[at]!;
    let place = at;
    while (place > start && compareTexts(strings, offset + depth, offsets[place - 1]! + depth) < 0) {
      offsets[place] = offsets[place - 1]!;
      place--;
    }
    offsets[place] = offset;
  }
}

/** strcmp(3) of the texts at two offsets. */
export function compareTexts(strings: Uint8Array, one: number, other: number): number {
  if (one === other) return 0;
  for (let at = 0; ; at++) {
    const byte = strings[one + at]!;
    const difference = byte - strings[other + at]!;
    if (difference !== 0 || byte === 0) return difference;
  }
}
