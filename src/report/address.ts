const AF_INET = 2;
const AF_INET6 = 10;

/** An address as inet_ntop(3) writes it; empty for other families, as in bpftrace. */
export function formatInet(family: number, bytes: Uint8Array): string {
  if (family === AF_INET) return bytes.subarray(0, 4).join(".");
  return family === AF_INET6 ? formatInet6(bytes) : "";
}

export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join(":");
}

/** RFC 5952: the longest run of two or more zero groups shrinks to `::`, the first one if equal. */
function formatInet6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) => (bytes[2 * index]! << 8) | bytes[2 * index + 1]!);
  const zeros = longestZeros(groups);
  // IPv4-mapped and (deprecated) IPv4-compatible addresses keep the dotted form, as glibc prints them.
  const mapped = zeros.start === 0 && (zeros.length === 6 || (zeros.length === 5 && groups[5] === 0xffff));
  const shown = mapped ? groups.slice(0, 6) : groups;
  const tail = mapped ? bytes.subarray(12, 16).join(".") : "";
  if (zeros.length < 2) return hex(shown);
  const after = [hex(shown.slice(zeros.start + zeros.length)), tail].filter((part) => part !== "").join(":");
  return `${hex(shown.slice(0, zeros.start))}::${after}`;
}

function hex(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(":");
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (start + length < groups.length && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
