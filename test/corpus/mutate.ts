/** A whole number of at least 0 and less than `below`. */
export type Random = (below: number) => number;

/** The same numbers for the same seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Numbers that tables are bad at. */
const NASTY = [
  0, 1, 2, 3, 7, 8, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff,
];

/** A copy with up to four changes, most of them within one of the ranges; now and then cut off. */
export function mutate(original: Uint8Array, ranges: readonly Range[], random: Random): Uint8Array {
  const bytes = Uint8Array.from(original);
  const view = new DataView(bytes.buffer);
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const { start, end } = ranges[random(ranges.length)] ?? { start: 0, end: bytes.length };
    if (end - start < 4 || end > bytes.length) continue;
    const at = start + random(end - start - 3);
    const word = start + ((at - start) & ~3);
    switch (random(5)) {
      case 0:
        bytes[at]! ^= 1 << random(8);
        break;
      case 1:
        bytes[at] = random(256);
        break;
      case 2:
        view.setUint32(word, NASTY[random(NASTY.length)]!, true);
        break;
      case 3:
        view.setUint32(word, (view.getUint32(word, true) + random(5) - 2) >>> 0, true);
        break;
      default:
        bytes.copyWithin(
          word,
          start + (random(end - start - 3) & ~3),
          Math.min(end, word + 4 * (1 + random(8))),
        );
    }
  }
  return random(40) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
}
