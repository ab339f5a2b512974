import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Heap, OutOfMemoryError } from "./heap.ts";

const SIZE = 1 << 16;

describe("heap", () => {
  test("blocks do not meet, begin as zeroes, and all comes back", () => {
    const step = fc.record({
      size: fc.nat(5000),
      alignment: fc.constantFrom(16, 16, 4096),
      free: fc.boolean(),
      which: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const memory = new Uint8Array(SIZE);
        const heap = new Heap(memory, 100);
        const blocks = new Map<number, number>();
        for (const { size, alignment, free, which } of steps) {
          if (free && blocks.size > 0) {
            const address = [...blocks.keys()][which % blocks.size]!;
            heap.free(address);
            blocks.delete(address);
            continue;
          }
          let address: number;
          try {
            address = heap.allocate(size, alignment);
          } catch (error) {
            expect(error).toBeInstanceOf(OutOfMemoryError);
            continue;
          }
          expect(address % alignment).toBe(0);
          expect(address).toBeGreaterThanOrEqual(100);
          expect(address + size).toBeLessThanOrEqual(SIZE);
          expect(memory.subarray(address, address + size).every((byte) => byte === 0)).toBe(true);
          memory.fill(0xff, address, address + size);
          for (const [other, length] of blocks)
            expect(address + size <= other || other + length <= address || size === 0 || length === 0).toBe(
              true,
            );
          blocks.set(address, size);
        }
        for (const address of blocks.keys()) heap.free(address);
        expect(heap.used).toBe(0);
        // In one piece again.
        expect(heap.allocate(SIZE - 112)).toBe(112);
      }),
    );
  });
});
