import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import { corrupt } from "./error.ts";

// A file is a head and then blocks, each whole in itself: a recorder that is killed loses the last one alone.
//
//   head    "BPFKITREC", version, six zeroes (16 bytes)
//   block   marker "BLK:", u32 bytes as stored, u32 bytes as they were, u32 CRC-32 of the stored ones; then the
//           stored bytes: entries, deflated. Numbers are little-endian.
//   entry   tag, length, that many bytes; a tag that is not known is skipped.

export const VERSION = 1;
export const HEAD_SIZE = 16;
export const BLOCK_HEAD_SIZE = 16;
/** A block that says it is larger is no block. */
export const LARGEST_BLOCK: number = 256 * 1024 * 1024;

const MAGIC = Buffer.from("BPFKITREC");
const MARKER = 0x3a4b4c42;
/** The lowest level compresses these bytes nearly as well as higher ones, in a third of the time. */
const LEVEL = 1;

export function fileHead(): Uint8Array {
  const head = new Uint8Array(HEAD_SIZE);
  head.set(MAGIC);
  head[MAGIC.length] = VERSION;
  return head;
}

/** The version of a recording's format; undefined for what is none. */
export function versionOf(head: Uint8Array): number | undefined {
  const same = head.length >= HEAD_SIZE && MAGIC.every((byte, index) => head[index] === byte);
  return same ? head[MAGIC.length] : undefined;
}

export function encodeBlock(entries: Uint8Array): Uint8Array {
  const stored = deflateRawSync(entries, { level: LEVEL });
  const block = Buffer.alloc(BLOCK_HEAD_SIZE + stored.length);
  block.writeUInt32LE(MARKER, 0);
  block.writeUInt32LE(stored.length, 4);
  block.writeUInt32LE(entries.length, 8);
  block.writeUInt32LE(crc32(stored), 12);
  block.set(stored, BLOCK_HEAD_SIZE);
  return block;
}

export interface BlockHead {
  readonly stored: number;
  readonly plain: number;
  readonly checksum: number;
}

/** @throws RecordingError `recording/corrupt` */
export function readBlockHead(bytes: Uint8Array): BlockHead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MARKER) throw corrupt("what follows is no block");
  const [stored, plain] = [view.getUint32(4, true), view.getUint32(8, true)];
  if (stored > LARGEST_BLOCK || plain > LARGEST_BLOCK) throw corrupt("a block of impossible size");
  return { stored, plain, checksum: view.getUint32(12, true) };
}

/** @throws RecordingError `recording/corrupt` */
export function decodeBlock({ plain, checksum }: BlockHead, stored: Uint8Array): Uint8Array {
  if (crc32(stored) !== checksum) throw corrupt("a block is not what was written");
  let entries: Uint8Array;
  try {
    entries = inflateRawSync(stored, { maxOutputLength: Math.max(1, plain) });
  } catch {
    throw corrupt("a block cannot be inflated");
  }
  if (entries.length !== plain) throw corrupt("a block has another size than it says");
  return entries;
}
