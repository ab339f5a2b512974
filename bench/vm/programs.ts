import type { BpfAttr } from "../../src/kernel/index.ts";
import { BPF_MAP_TYPE } from "../../src/uapi/index.ts";

/** Programs of type XDP in the kernel's wording; r1 is the context, whose first words bound the packet. */
export interface BenchProgram {
  readonly name: string;
  readonly text: string;
}

/** One that uses a map, which it finds by a descriptor. */
export interface BenchMapProgram {
  readonly name: string;
  readonly map: BpfAttr["MAP_CREATE"];
  /** Keys that are there from the start. */
  readonly keys: number;
  readonly text: (fd: number) => string;
}

/** Bytes of the packet that all programs are given. */
export const PACKET_SIZE = 1500;

const PACKET = "r6 = *(u32 *)(r1 +0)\nr7 = *(u32 *)(r1 +4)\n";

/** Runs `body` with r2 at each `step` bytes of the packet, r8 counting down from `turns`. */
function overPacket(before: string, step: number, turns: number, body: string, after: string): string {
  return `${PACKET}${before}
  r2 = r6
  r8 = ${turns}
loop:
  r3 = r2
  r3 += ${step}
  if r3 > r7 goto out
  ${body}
  r2 = r3
  r8 -= 1
  if r8 != 0 goto loop
out:
  ${after}
  exit`;
}

/** One round of a 32-bit mix: a -= c, a ^= c rotated by `left`, c += b. */
function mix(a: string, b: string, c: string, left: number): string {
  return `${a} -= ${c}\nw5 = ${c}\nw5 <<= ${left}\nw9 = ${c}\nw9 >>= ${32 - left}\nw5 |= w9\n${a} ^= w5\n${c} += ${b}`;
}

export const BENCH_PROGRAMS: readonly BenchProgram[] = [
  { name: "empty", text: "r0 = 2\nexit" },
  {
    name: "xorshift64 x10000",
    text: `
  r0 = 0x9e3779b97f4a7c15
  r1 = 10000
loop:
  r2 = r0
  r2 <<= 13
  r0 ^= r2
  r2 = r0
  r2 >>= 7
  r0 ^= r2
  r2 = r0
  r2 <<= 17
  r0 ^= r2
  r1 -= 1
  if r1 != 0 goto loop
  exit`,
  },
  {
    name: "divide and remainder x1000",
    text: `
  r0 = 0x9e3779b97f4a7c15
  r3 = 1
  r1 = 1000
loop:
  r2 = r0
  r4 = r1
  r4 += 77
  r2 /= r4
  r3 += r2
  r2 = r0
  r2 %= r4
  r3 ^= r2
  r0 += r3
  r1 -= 1
  if r1 != 0 goto loop
  r0 = r3
  exit`,
  },
  {
    name: "sum of u16, 1500 B",
    text: overPacket("r0 = 0", 2, 750, "r4 = *(u16 *)(r2 +0)\nr0 += r4", "r0 = r0"),
  },
  {
    name: "fnv1a, 1500 B",
    text: overPacket(
      "r0 = 0xcbf29ce484222325\nr9 = 0x100000001b3",
      1,
      1500,
      "r4 = *(u8 *)(r2 +0)\nr0 ^= r4\nr0 *= r9",
      "r0 = r0",
    ),
  },
  {
    name: "32-bit mix, 1488 B",
    text: overPacket(
      "w0 = 1\nw1 = 2\nw4 = 3",
      12,
      124,
      [
        ...["w0", "w1", "w4"].map((to, word) => `w5 = *(u32 *)(r2 +${4 * word})\n${to} += w5`),
        mix("w0", "w1", "w4", 4),
        mix("w1", "w4", "w0", 6),
        mix("w4", "w0", "w1", 8),
        mix("w0", "w1", "w4", 16),
        mix("w1", "w4", "w0", 19),
        mix("w4", "w0", "w1", 4),
      ]
        .join("\n")
        .replaceAll(/w5 = \*/g, "r5 = *"),
      "w0 ^= w1\nw0 ^= w4",
    ),
  },
  {
    name: "invert bits in place, 1500 B",
    text: overPacket("r0 = 2", 1, 1500, "r4 = *(u8 *)(r2 +0)\nr4 ^= 42\n*(u8 *)(r2 +0) = r4", "r0 = r0"),
  },
  {
    name: "copy 744 B by u64",
    text: overPacket(
      "r9 = r6\nr9 += 1496\nr0 = 0\nif r9 > r7 goto out",
      8,
      93,
      "r4 = *(u64 *)(r2 +0)\n*(u64 *)(r2 +744) = r4\nr0 += r4",
      "r0 = r0",
    ).replace("  if r3 > r7 goto out\n", "  r5 = r2\n  r5 += 752\n  if r5 > r7 goto out\n"),
  },
  {
    // Marks the multiples of composites too: a branch on a marked byte would split the verifier's states.
    name: "sieve of 256 on the stack",
    text: `
  r1 = r10
  r1 += -256
  r2 = 32
clear:
  r3 = 0
  *(u64 *)(r1 +0) = r3
  r1 += 8
  r2 -= 1
  if r2 != 0 goto clear
  r0 = 0
  r1 = 2
next:
  r3 = r10
  r3 += -256
  r3 += r1
  r4 = *(u8 *)(r3 +0)
  r4 ^= 1
  r0 += r4
  r5 = r1
  r5 += r1
mark:
  if r5 > 255 goto skip
  r3 = r10
  r3 += -256
  r3 += r5
  r4 = 1
  *(u8 *)(r3 +0) = r4
  r5 += r1
  goto mark
skip:
  r1 += 1
  if r1 < 256 goto next
  exit`,
  },
];

const TURNS = 64;

/** For each of 64 keys: `body`, with the key at r10 - 4 and the map in r1. */
function overKeys(fd: number, body: string): string {
  return `
  r6 = 0
loop:
  *(u32 *)(r10 -4) = r6
  r1 = map[fd:${fd}]
  r2 = r10
  r2 += -4
  ${body}
next:
  r6 += 1
  if r6 != ${TURNS} goto loop
  r0 = 2
  exit`;
}

const INCREMENT = `call bpf_map_lookup_elem
  if r0 == 0 goto next
  r1 = *(u64 *)(r0 +0)
  r1 += 1
  *(u64 *)(r0 +0) = r1`;

const UPDATE = `*(u64 *)(r10 -16) = r6
  r3 = r10
  r3 += -16
  r4 = 0
  call bpf_map_update_elem`;

const table = (map_type: number): BpfAttr["MAP_CREATE"] => ({
  map_type,
  key_size: 4,
  value_size: 8,
  max_entries: 1024,
});

export const BENCH_MAP_PROGRAMS: readonly BenchMapProgram[] = [
  ["array: look up and add x64", BPF_MAP_TYPE.ARRAY, INCREMENT],
  ["per-CPU array: the same", BPF_MAP_TYPE.PERCPU_ARRAY, INCREMENT],
  ["hash: look up and add x64", BPF_MAP_TYPE.HASH, INCREMENT],
  ["per-CPU hash: the same", BPF_MAP_TYPE.PERCPU_HASH, INCREMENT],
  ["LRU hash: the same", BPF_MAP_TYPE.LRU_HASH, INCREMENT],
  ["array: update x64", BPF_MAP_TYPE.ARRAY, UPDATE],
  ["hash: update x64", BPF_MAP_TYPE.HASH, UPDATE],
].map(([name, type, body]) => ({
  name: String(name),
  map: table(Number(type)),
  keys: TURNS,
  text: (fd: number) => overKeys(fd, String(body)),
}));
