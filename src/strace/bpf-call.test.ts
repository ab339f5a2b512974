import { array, assert, bigInt, boolean, constantFrom, oneof, property } from "fast-check";
import { expect, test } from "vitest";
import { BPF_ATTR, BPF_CMD } from "../uapi/index.ts";
import { CALLS } from "./calls.ts";
import type { ProcessView } from "./process-view.ts";
import { argumentsText } from "./value-text.ts";
import { settle } from "./value.ts";

const DETAIL = { verbose: true, stringLimit: 32, descriptors: false };
const BASE = 0x10_000n;

/** A process whose only memory is `bytes` at {@link BASE}. */
function processWith(bytes: Uint8Array): ProcessView {
  return {
    pid: 1,
    read: (address, length) => {
      const start = Number(address - BASE);
      return start < 0 || start > bytes.length ? new Uint8Array(0) : bytes.slice(start, start + length);
    },
    descriptor: (fd) => ["anon_inode:bpf-map", "anon_inode:bpf-prog"][fd % 3],
    interfaceName: () => "lo",
  };
}

function decoded(name: string, args: readonly bigint[], bytes: Uint8Array, detail = DETAIL): string {
  const row = CALLS.find((call) => call.name === name)!;
  const words = BigUint64Array.from({ length: 6 }, (_, index) => args[index] ?? 0n);
  const entry = row.decode(words, processWith(bytes), detail);
  const begun = argumentsText(entry).text;
  const whole = argumentsText(entry.map((value) => settle(value, { failed: false }))).text;
  expect(whole.startsWith(begun)).toBe(true);
  return whole;
}

test("MAP_CREATE is printed as far as the caller's size goes", () => {
  const bytes = Uint8Array.from({ length: 92 }, () => 0);
  const view = new DataView(bytes.buffer);
  [1, 4, 8, 16].forEach((value, index) => view.setUint32(index * 4, value, true));
  bytes.set(Buffer.from("counts"), BPF_ATTR.MAP_CREATE.fields.map_name.offset);
  expect(decoded("bpf", [0n, BASE, 20n], bytes)).toBe(
    "BPF_MAP_CREATE, {map_type=BPF_MAP_TYPE_HASH, key_size=4, value_size=8, max_entries=16, map_flags=0}, 20",
  );
  expect(decoded("bpf", [0n, BASE, 72n], bytes)).toContain('map_name="counts"');
});

test("what the caller gives beyond what is known is shown, and no memory is a pointer", () => {
  const bytes = new Uint8Array(12);
  bytes[8] = 7;
  expect(decoded("bpf", [BigInt(BPF_CMD.LINK_DETACH), BASE, 12n], bytes)).toBe(
    'BPF_LINK_DETACH, {link_detach={link_fd=0}, extra_data="\\x00\\x00\\x00\\x00\\x07\\x00\\x00\\x00" /* bytes 4..11 */}, 12',
  );
  expect(decoded("bpf", [BigInt(BPF_CMD.LINK_DETACH), BASE, 64n], bytes)).toBe(
    "BPF_LINK_DETACH, 0x10000, 64",
  );
  expect(decoded("bpf", [999n, BASE, 4n], bytes)).toBe("0x3e7 /* BPF_??? */, 0x10000, 4");
});

test("the form with five arguments shows its log", () => {
  const bytes = new Uint8Array(64);
  expect(decoded("bpf", [BigInt(BPF_CMD.MAP_FREEZE | (1 << 16)), BASE, 4n, BASE + 8n, 24n], bytes)).toBe(
    "BPF_MAP_FREEZE|BPF_COMMON_ATTRS, {map_fd=0}, 4, {log_buf=NULL, log_size=0, log_level=0, log_true_size=0}, 24",
  );
});

test("whatever a process passes, decoding ends and says something", () => {
  const words = array(constantFrom(0n, 1n, 4n, 64n, 0xffffn, BASE, BASE + 3n, 0xffff_ffff_ffff_ffffn), {
    minLength: 5,
    maxLength: 5,
  });
  assert(
    property(
      constantFrom(...CALLS.map(({ name }) => name)),
      oneof(bigInt({ min: 0n, max: 45n }), bigInt({ min: 0x2400n, max: 0x240bn })),
      words,
      array(constantFrom(...BASE_WORDS), { maxLength: 40 }),
      boolean(),
      (name, first, rest, memory, verbose) => {
        const bytes = new Uint8Array(BigUint64Array.from(memory).buffer);
        const text = decoded(name, [first, ...rest], bytes, { ...DETAIL, verbose, descriptors: true });
        expect(text).not.toBe("");
      },
    ),
    { numRuns: 2000 },
  );
});

/** Memory of words that may be counts, sizes, addresses of that memory, or nonsense. */
const BASE_WORDS = [0n, 1n, 8n, 0x4000n, BASE, BASE + 8n, BASE + 100n, 0xffff_ffffn, 0x1234_5678_9abc_def0n];
