import { array, assert, constantFrom, integer, property, record } from "fast-check";
import { expect, test } from "vitest";
import { encodeCallFilter, passesFilter } from "./call-filter.ts";

const ALLOW = 0x7fff_0000;
const TRACE = 0x7ff0_0000;
const X64 = 0xc000_003e;

/** Runs a filter as the kernel does: the six instructions that it is made of. */
function run(filter: Uint8Array, data: DataView): number {
  const view = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
  let accumulator = 0;
  for (let at = 0; ; at++) {
    const code = view.getUint16(at * 8, true);
    const k = view.getUint32(at * 8 + 4, true);
    if (code === 0x20) accumulator = data.getUint32(k, true);
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (code === 0x15) at += view.getUint8(at * 8 + (accumulator === k ? 2 : 3));
    else if (code === 0x06) return k;
    else throw new Error(`code ${code}`);
  }
}

function seccompData(number: number, arch: number, args: BigUint64Array): DataView {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, number, true);
  data.setUint32(4, arch, true);
  args.forEach((value, index) => data.setBigUint64(16 + index * 8, value, true));
  return data;
}

test("the filter stops exactly the calls that it names", () => {
  const call = record(
    {
      number: integer({ min: 0, max: 12 }),
      argument: record({
        index: integer({ min: 0, max: 5 }),
        mask: constantFrom(0xff, 0xff00, 0xffff_ffff),
        value: constantFrom(0, 0x24, 0x2400),
      }),
    },
    { requiredKeys: ["number"] },
  );
  const args = array(constantFrom(0n, 0x24n, 0x2401n, 0xffff_ffff_0000_2400n), {
    minLength: 6,
    maxLength: 6,
  });
  assert(
    property(array(call, { maxLength: 8 }), integer({ min: 0, max: 14 }), args, (calls, number, values) => {
      const words = BigUint64Array.from(values);
      const expected = passesFilter(calls, number, words) ? TRACE : ALLOW;
      const filter = encodeCallFilter(calls, X64);
      expect(run(filter, seccompData(number, X64, words))).toBe(expected);
      expect(run(filter, seccompData(number, 0x4000_0003, words))).toBe(ALLOW);
    }),
  );
});
