// Internet checksums as the kernel computes them (include/net/checksum.h): sums in ones' complement.

export function add32(left: number, right: number): number {
  const sum = (left >>> 0) + (right >>> 0);
  return sum > 0xffffffff ? (sum + 1) >>> 0 : sum;
}

export function sub32(left: number, right: number): number {
  return add32(left, ~right);
}

/** The 16 bits that a sum of 32 folds to, not complemented (csum_from32to16). */
export function fold16(sum: number): number {
  const value = sum >>> 0;
  const once = (value >>> 16) + (value & 0xffff);
  return ((once >>> 16) + once) & 0xffff;
}

/** csum_partial: the words of `bytes` added to `start`. */
export function sumBytes(bytes: Uint8Array, start: number): number {
  let sum = start >>> 0;
  for (let at = 0; at < bytes.length; at += 4) {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at, at + 4);
    sum = add32(sum, (a | (b << 8) | (c << 16) | (d << 24)) >>> 0);
  }
  return sum;
}

/** What a checksum field becomes as some of what it covers goes from one value to another. */
export function replaceChecksum(field: number, size: number, from: number, to: number): number {
  const sum = ~field & 0xffff;
  // csum_replace2 stays in 16 bits.
  if (size === 2) return ~add16(add16(sum, ~from & 0xffff), to & 0xffff) & 0xffff;
  const whole = ~field >>> 0;
  const changed = size === 0 ? add32(to, whole) : add32(sub32(whole, from), to);
  return ~fold16(changed) & 0xffff;
}

function add16(left: number, right: number): number {
  const sum = left + right;
  return (sum + (sum >>> 16)) & 0xffff;
}
