import { expect, test } from "vitest";
import { VERIFIER_MESSAGES, verifierMessage } from "./verifier-messages.ts";

/** Verdicts of kernels from 5.10 to 7.2, and a word of what must be said of each. */
const VERDICTS: readonly (readonly [reason: string, word: RegExp])[] = [
  ["R0 invalid mem access 'map_value_or_null'", /NULL/],
  ["R1 invalid mem access 'inv'", /plain number/],
  ["R3 invalid mem access 'scalar'", /plain number/],
  ["R2 unbounded memory access, use 'var &= const' or 'if (var < const)'", /upper bound/],
  ["R4 min value is negative, either use unsigned or 'var &= const'", /negative/],
  ["invalid access to map value, value_size=4 off=4 size=4", /behind the end/],
  ["invalid access to packet, off=0 size=14, R2(id=0,off=0,r=0)", /packet/],
  ["invalid indirect read from stack off -8+4 size 8", /before it was written/],
  ["invalid read from stack R10 off=-8 size=8", /before it was written/],
  ["R1 !read_ok", /holds nothing/],
  ["invalid bpf_context access off=4 size=8", /context/],
  ["R2 type=scalar expected=fp, pkt, pkt_meta, map_key, map_value", /another kind/],
  ["Unreleased reference id=2 alloc_insn=7", /not released/],
  ["unknown func bpf_ktime_get_tai_ns#208", /no such helper/],
  ["program of this type cannot use helper bpf_probe_read#4", /may not call/],
  ["cannot call GPL-restricted function from non-GPL compatible program", /GPL/],
  ["calling kernel function bpf_task_acquire is not allowed", /kfunc/],
  ["back-edge from insn 7 to 2", /loop/],
  ["infinite loop detected at insn 2", /loop/],
  ["BPF program is too large. Processed 1000001 insn", /gave up/],
  ["combined stack size of 2 calls is 544. Too large", /512/],
  ["R1 pointer arithmetic on ctx prohibited", /arithmetic/],
  ["At program exit the register R0 has unknown scalar value should have been in [0, 1]", /return value/],
  ["invalid func unknown#195896080", /CO-RE/],
  ["math between map_value pointer and register with unbounded min value is not allowed", /bound/],
  ["unreachable insn 5", /nothing jumps/],
];

test("every verdict has its meaning", () => {
  for (const [reason, word] of VERDICTS) expect(verifierMessage(reason)?.meaning, reason).toMatch(word);
});

test("what is no verdict has none", () => {
  for (const line of ["0: (bf) r6 = r1", "", "hello"]) expect(verifierMessage(line), line).toBeUndefined();
});

test("every message says what to do", () => {
  for (const { meaning, fix } of VERIFIER_MESSAGES) {
    expect(meaning).toMatch(/\S$/);
    expect(fix.length).toBeGreaterThan(5);
  }
});
