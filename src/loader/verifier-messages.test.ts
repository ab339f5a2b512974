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
  ["R1 doesn't have constant offset. bpf_spin_lock has to be at the constant offset", /special field/],
  ["function calls are not allowed while holding a lock", /lock/],
  ["bpf_rbtree_add not allowed in rbtree cb", /list or tree/],
  ["bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct", /allocated/],
  ["timer pointer in R1 map_uid=2 doesn't match map pointer in R2 map_uid=1", /another map/],
  ["Extension program changes packet data, while original does not", /cannot be attached/],
  ["drop() has 2 args while filter() has 1 args", /signature/],
  ["func 'vfs_read' doesn't have 5-th argument", /traced function/],
  ["Global function f() return value not void or scalar. Only those are supported.", /global function/],
  ["R6 is a packet pointer, but func#2 may change packet data", /packet pointer/],
  ["Sleepable programs can only use array, hash, ringbuf and local storage maps", /sleepable/],
  ["R2 is not a scalar", /not of the kind/],
  ["R1 doesn't point to a const string", /text/],
  ["kernel function bpf_x pointer type STRUCT foo is not supported", /kernel function/],
  ["R1 is ptr_task_struct access user memory: off=8", /kernel struct/],
  ["misaligned packet access off 0+14+0 size 4", /multiple/],
  ["The total number of maps per program has reached the limit of 64", /limit/],
  ["ldimm64 failed to find the address for kernel symbol 'x'.", /kernel variable/],
  ["program requires BPF JIT compiler but it is not available", /JIT/],
  ["Invalid map_extra.", /not allowed/],
  ["nonzero insn_off 4 for the first func info record", /type information/],
  ["verifier internal error: pop stack internal bug", /verifier itself/],
];

test("every verdict has its meaning", () => {
  for (const [reason, word] of VERDICTS) expect(verifierMessage(reason)?.meaning, reason).toMatch(word);
});

test("what is no verdict has none", () => {
  const state = [
    "0: (bf) r6 = r1",
    "from 5 to 9: R0=scalar() R10=fp0",
    "; if (!value) @ count.bpf.c:12",
    "mark_precise: frame0: last_idx 7 first_idx 0 subseq_idx -1",
    "Func#1 ('helper') is safe for any args that match its prototype",
  ];
  for (const line of [...state, "", "hello"]) expect(verifierMessage(line), line).toBeUndefined();
});

test("every message says what to do", () => {
  for (const { meaning, fix } of VERIFIER_MESSAGES) {
    expect(meaning).toMatch(/\S$/);
    expect(fix.length).toBeGreaterThan(5);
  }
});
