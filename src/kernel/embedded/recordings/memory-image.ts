import type { MemoryPiece } from "../../../recording/index.ts";

/** Where memory that a script reads is, or is not: recorded, recorded as a fault, or not recorded at all. */
export type Found = "held" | "fault" | "missing";

/**
 * A thread's memory as far as it was recorded: that of its latest event, and of the ones before it up to the latest
 * system call's entry, since scripts keep addresses of arguments until a call returns.
 */
export class MemoryImage {
  #layers: (readonly MemoryPiece[])[] = [];

  /** `fresh`: what was known before is out of date. */
  add(pieces: readonly MemoryPiece[], fresh: boolean): void {
    if (fresh) this.#layers = [];
    if (pieces.length > 0) this.#layers.unshift(pieces);
    if (this.#layers.length > MOST_LAYERS) this.#layers.pop();
  }

  /** Fills `into`, or leaves it as it is. */
  read(address: bigint, into: Uint8Array): Found {
    const parts: Uint8Array[] = [];
    let size = 0;
    while (size < into.length) {
      const part = this.#at(address + BigInt(size));
      if (typeof part === "string") return part;
      parts.push(part);
      size += part.length;
    }
    let at = 0;
    for (const part of parts) {
      into.set(part.subarray(0, into.length - at), at);
      at += Math.min(part.length, into.length - at);
    }
    return "held";
  }

  /** Fills `into` up to the NUL, or all of it where there is none; its length is `size`. */
  readText(address: bigint, into: Uint8Array): { readonly found: Found; readonly size: number } {
    let size = 0;
    while (size < into.length) {
      const part = this.#at(address + BigInt(size));
      if (typeof part === "string") return { found: part, size };
      const end = part.indexOf(0);
      const text = (end < 0 ? part : part.subarray(0, end + 1)).subarray(0, into.length - size);
      into.set(text, size);
      size += text.length;
      if (end >= 0) break;
    }
    return { found: "held", size };
  }

  /** What is held from an address on, which is at least one byte. */
  #at(address: bigint): Uint8Array | "fault" | "missing" {
    let fault = false;
    for (const layer of this.#layers) {
      for (const piece of layer) {
        const offset = address - piece.address;
        if (offset < 0n || offset >= BigInt(piece.bytes.length)) continue;
        if (piece.state === "held") return piece.bytes.subarray(Number(offset));
        fault = true;
      }
    }
    return fault ? "fault" : "missing";
  }
}

const MOST_LAYERS = 8;
