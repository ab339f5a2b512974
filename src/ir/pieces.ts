/** The widest aligned accesses that cover `size` bytes, in order. */
export function* pieces(size: number, align: number): Generator<{ at: number; width: 1 | 2 | 4 | 8 }> {
  for (let at = 0; at < size;) {
    const left = size - at;
    const fits = (width: number): boolean => width <= left && align >= width;
    const width = fits(8) ? 8 : fits(4) ? 4 : fits(2) ? 2 : 1;
    yield { at, width };
    at += width;
  }
}
