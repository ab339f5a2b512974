/** Where the tiny program of {@link usdtExecutable} lies in memory. */
const BASE = 0x400000;
const CODE = 0x100;
const NOTE = 0x140;
/** In a page of its own: the kernel probes no code that may be written. */
const COUNTER = 0x1000;
const SIZE = 0x1008;

/**
 * A static x86-64 program with one USDT probe, `demo:tick`, arguments 42 and -7 (the latter in a register of
 * which 4 bytes count): it calls the probe `ticks` times and exits with 0. Two words of it a test looks at:
 * the probe is at file offset 0x10a, its counter at 0x1000.
 */
export function usdtExecutable(ticks: number): Uint8Array {
  const bytes = new Uint8Array(SIZE);
  const view = new DataView(bytes.buffer);
  // ELF header: 64-bit, little-endian, executable, x86-64, entry, three program headers, no sections.
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(BASE + CODE), true);
  view.setBigUint64(32, 64n, true);
  for (const [offset, value] of [
    [52, 64],
    [54, 56],
    [56, 3],
    [58, 64],
  ] as const)
    view.setUint16(offset, value, true);
  programHeader(view, 64, { type: 1, flags: 5, offset: 0, size: 0x200 });
  programHeader(view, 120, { type: 1, flags: 6, offset: COUNTER, size: 8 });
  programHeader(view, 176, { type: 4, flags: 4, offset: NOTE, size: 92 });
  // mov ebx, ticks; mov esi, -7; nop (the probe); dec ebx; jnz -5; mov eax, 60; xor edi, edi; syscall
  bytes.set([0xbb, 0, 0, 0, 0, 0xbe, 0xf9, 0xff, 0xff, 0xff, 0x90, 0xff, 0xcb, 0x75, 0xfb], CODE);
  bytes.set([0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05], CODE + 15);
  view.setUint32(CODE + 1, ticks, true);
  const texts = Buffer.from(["demo", "tick", "4@$42 -4@%esi", ""].join("\0"));
  view.setUint32(NOTE, 8, true);
  view.setUint32(NOTE + 4, 24 + texts.length, true);
  view.setUint32(NOTE + 8, 3, true);
  bytes.set(Buffer.from("stapsdt\0"), NOTE + 12);
  view.setBigUint64(NOTE + 20, BigInt(BASE + CODE + 10), true);
  view.setBigUint64(NOTE + 36, BigInt(BASE + COUNTER), true);
  bytes.set(texts, NOTE + 44);
  return bytes;
}

function programHeader(
  view: DataView,
  at: number,
  header: { readonly type: number; readonly flags: number; readonly offset: number; readonly size: number },
): void {
  view.setUint32(at, header.type, true);
  view.setUint32(at + 4, header.flags, true);
  for (const [field, value] of [
    [8, header.offset],
    [16, BASE + header.offset],
    [24, BASE + header.offset],
    [32, header.size],
    [40, header.size],
    [48, header.type === 1 ? 0x1000 : 4],
  ] as const)
    view.setBigUint64(at + field, BigInt(value), true);
}
