import { array, assert as check, property, string, uint8Array } from "fast-check";
import { describe, expect, test } from "vitest";
import { BpfkitError } from "../errors.ts";
import { OPCODES } from "../isa/index.ts";
import {
  explainText,
  explainVerifierLog,
  explanationJson,
  explanationText,
  opcodeTableText,
} from "./index.ts";

const LOG = `libbpf: prog 'bad': BPF program load failed: -EACCES
libbpf: prog 'bad': -- BEGIN PROG LOAD LOG --
0: R1=ctx() R10=fp0
; __u32 k = skb->len; @ bad.bpf.c:5
0: (61) r1 = *(u32 *)(r1 +0)          ; R1=scalar(smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff))
; __u64 *v = bpf_map_lookup_elem(&m, &k); @ bad.bpf.c:6
4: (18) r1 = 0xffff88810a1d3000       ; R1=map_ptr(map=m,ks=4,vs=8)
6: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=m,ks=4,vs=8)
; return *v; @ bad.bpf.c:7
7: (79) r0 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
-- END PROG LOAD LOG --
libbpf: prog 'bad': failed to load: -EACCES
`;

describe("verifier logs", () => {
  test("what was rejected, where, why, what the register held and who set it", () => {
    expect(explainVerifierLog(LOG)).toMatchObject({
      program: "bad",
      accepted: false,
      processed: 7,
      reason: "R0 invalid mem access 'map_value_or_null'",
      insn: { slot: 7, source: { text: "return *v;", file: "bad.bpf.c", line: 7 } },
      meaning: expect.stringContaining("NULL"),
      registers: [
        {
          register: "R0",
          state: "map_value_or_null(id=1,map=m,ks=4,vs=8)",
          setBy: { slot: 6, source: { line: 6 } },
        },
      ],
    });
  });

  test("who set a register is told without its state too, as of Linux 5.10", () => {
    const log =
      "0: (bf) r6 = r1\n1: (79) r7 = *(u64 *)(r6 +0)\n4: (71) r0 = *(u8 *)(r7 +0)\nR7 invalid mem access 'inv'\n";
    expect(explainVerifierLog(log).registers).toEqual([
      { register: "R7", setBy: { slot: 1, text: "r7 = *(u64 *)(r6 +0)" } },
    ]);
  });

  test("an accepted program is said to be accepted", () => {
    const log =
      "0: R1=ctx() R10=fp0\n0: (b7) r0 = 0 ; R0_w=0\n1: (95) exit\nprocessed 2 insns (limit 1000000)\n";
    expect(explainVerifierLog(log)).toMatchObject({ accepted: true, processed: 2 });
    expect(explanationText(explainText(log), false)).toBe("The program was accepted after 2 instructions\n");
  });

  test("a log cut off anywhere is still read", () => {
    for (let length = 0; length < LOG.length; length += 7) explainVerifierLog(LOG.slice(0, length));
  });
});

describe("instructions", () => {
  const SAME = [
    "85 00 00 00 0e 00 00 00",
    "850000000e000000",
    "0x85 0x0 0x0 0x0 0xe 0x0 0x0 0x0",
    "0x85, 0x00, 0x00, 0x00, 0x0e, 0x00, 0x00, 0x00",
    "call bpf_get_current_pid_tgid#14",
    "   0: (85) call bpf_get_current_pid_tgid#14\n",
    "   0: (85) call bpf_get_current_pid_tgid#14\n       85 00 00 00 0e 00 00 00\n",
    '[{"disasm":"(85) call x","opcodes":{"code":"0x85","src_reg":"0x0","dst_reg":"0x0","off":["0x00","0x00"],"imm":["0x0e","0x00","0x00","0x00"]}}]',
  ];
  test("are read in every form", () => {
    for (const text of SAME)
      expect(explainText(text), text).toEqual({
        kind: "instructions",
        insns: [{ code: 0x85, dst: 0, src: 0, offset: 0, imm: 14 }],
      });
  });

  test("have every field told", () => {
    const text = explanationText(explainText(SAME[0]!), false);
    for (const word of ["JMP", "CALL", "K:", "helper id of bpf_get_current_pid_tgid"])
      expect(text).toContain(word);
  });

  test("of helpers tell arguments and result", () => {
    const text = explanationText(explainText("call bpf_map_lookup_elem#1"), false);
    expect(text).toContain(
      "call a helper: r1 const map ptr, r2 pointer to map key; r0 becomes pointer to map value or null",
    );
  });

  test("an opcode byte stands for all that share it", () => {
    const explanation = explainText("0xbf");
    expect(explanation.kind === "opcodes" && explanation.rows.map(({ name }) => name)).toContain("movsx8");
  });

  test("the table has them all", () => {
    expect(opcodeTableText().trimEnd().split("\n")).toHaveLength(OPCODES.length + 1);
  });
});

test("a bpf_attr is told member by member, as far as it goes", () => {
  const explanation = explainText("attr map_create 01000000 04000000 08000000 00010000");
  expect(
    explanation.kind === "attr" && explanation.attr.fields.map(({ name, value }) => `${name}=${value}`),
  ).toEqual(["map_type=1", "key_size=4", "value_size=8", "max_entries=256"]);
  expect(explanationText(explanation, false)).toContain("BPF_MAP_TYPE_HASH");
});

test("anything else is one clear error with examples", () => {
  for (const text of ["foo", "", "bf16", "attr NO_SUCH 00", "[1]", "[", "attr MAP_CREATE xyz"])
    expect(() => explainText(text), text).toThrow(BpfkitError);
});

test("no input makes it fail otherwise", () => {
  check(property(string(), survives));
  check(property(uint8Array({ maxLength: 64 }), (bytes) => survives(Buffer.from(bytes).toString("hex"))));
  const lines = LOG.split("\n");
  check(
    property(array(uint8Array({ minLength: 1, maxLength: 1 })), (picks) =>
      survives(picks.map(([pick]) => lines[pick! % lines.length]).join("\n")),
    ),
  );
});

function survives(text: string): void {
  try {
    const explanation = explainText(text);
    explanationText(explanation, true);
    JSON.stringify(explanationJson(explanation));
  } catch (error) {
    expect(error).toBeInstanceOf(BpfkitError);
  }
}
