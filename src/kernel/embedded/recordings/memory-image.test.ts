import { describe, expect, test } from "vitest";
import type { MemoryPiece } from "../../../recording/index.ts";
import { MemoryImage } from "./memory-image.ts";

function held(address: bigint, text: string): MemoryPiece {
  return { address, state: "held", bytes: Buffer.from(text, "latin1") };
}

function read(image: MemoryImage, address: bigint, size: number): string {
  const into = new Uint8Array(size);
  const found = image.read(address, into);
  return found === "held" ? Buffer.from(into).toString("latin1") : found;
}

function readText(image: MemoryImage, address: bigint, size: number): string {
  const into = new Uint8Array(size);
  const { found, size: length } = image.readText(address, into);
  return found === "held" ? Buffer.from(into.subarray(0, length)).toString("latin1") : found;
}

describe("memory of a recording", () => {
  test("is read wherever it begins, and over neighbouring pieces", () => {
    const image = new MemoryImage();
    image.add([held(0x1000n, "abcd"), held(0x1004n, "efgh")], true);
    expect(read(image, 0x1002n, 4)).toBe("cdef");
    expect(read(image, 0x1006n, 4)).toBe("missing");
    expect(read(image, 0xfffn, 2)).toBe("missing");
    expect(read(image, 0x1000n, 0)).toBe("");
  });

  test("of a text ends with it, so that what lies behind need not be there", () => {
    const image = new MemoryImage();
    image.add([held(0x1000n, "name\0rest"), held(0x2000n, "cut")], true);
    expect(readText(image, 0x1000n, 64)).toBe("name\0");
    expect(readText(image, 0x1001n, 2)).toBe("am");
    expect(readText(image, 0x2000n, 3)).toBe("cut");
    expect(readText(image, 0x2000n, 4)).toBe("missing");
  });

  test("tells a fault from what was not recorded", () => {
    const image = new MemoryImage();
    image.add([{ address: 8n, state: "fault", bytes: new Uint8Array(8) }], true);
    expect(read(image, 8n, 4)).toBe("fault");
    expect(readText(image, 10n, 4)).toBe("fault");
    expect(read(image, 16n, 4)).toBe("missing");
  });

  test("stays known until it is out of date, newer pieces first", () => {
    const image = new MemoryImage();
    image.add([held(0x1000n, "old")], true);
    image.add([], false);
    expect(read(image, 0x1000n, 3)).toBe("old");
    image.add([held(0x1000n, "new")], false);
    expect(read(image, 0x1000n, 3)).toBe("new");
    image.add([], true);
    expect(read(image, 0x1000n, 3)).toBe("missing");
  });

  test("at the top of the address space", () => {
    const image = new MemoryImage();
    image.add([held((1n << 64n) - 4n, "last")], true);
    expect(read(image, (1n << 64n) - 4n, 4)).toBe("last");
    expect(read(image, (1n << 64n) - 4n, 5)).toBe("missing");
  });
});
