// How maps lie in memory. A map's address, which programs hold as their map pointer, is that of its header;
// the fast paths (fast-path.ts) read it, and what they do not know they leave to the map's class.

/** Offsets of the header's u32 fields. */
export const HEADER = {
  /** {@link FAST}: what lookups may do inside WebAssembly. */
  lookup: 0,
  /** The same of updates and deletions. */
  change: 4,
  id: 8,
  keySize: 12,
  valueSize: 16,
  maxEntries: 20,
  /** Arrays: bytes from one element to the next. */
  stride: 24,
  /** Arrays: the first element. Hashes: the buckets. Ring buffers: the consumer's page. */
  data: 28,
  /** Hashes: number of buckets less one. Ring buffers: bytes less one. */
  mask: 32,
  /** Hashes: elements in use. */
  count: 36,
  /** Hashes: first free element. */
  free: 40,
  /** Hashes: from an element to its value. */
  valueOffset: 44,
  /** Per-CPU maps: from one CPU's value to the next. */
  cpuStride: 48,
} as const;
export const HEADER_SIZE = 64;

export const FAST = {
  none: 0,
  array: 1,
  perCpuArray: 2,
  hash: 3,
  perCpuHash: 4,
  lruHash: 5,
  lruPerCpuHash: 6,
  ringBuffer: 7,
} as const;

/** A hash's element: u32 next, u32 hash, u32 state; the key follows. */
export const ELEMENT = { next: 0, hash: 4, state: 8, key: 16 } as const;
/** Bits of an element's state. */
export const STATE = { used: 1, referenced: 2 } as const;

/** State of the kernel that code in WebAssembly reads, at a fixed address. */
export const CELL = {
  cpu: 0,
  /** Records of ring buffers that are reserved. */
  reserved: 4,
} as const;
export const CELLS_SIZE = 64;
