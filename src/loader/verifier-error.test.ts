import { describe, expect, test } from "vitest";
import { readVerifierLog } from "./verifier-error.ts";

describe("readVerifierLog()", () => {
  test("takes the last line that is no statistic, and the instruction before it", () => {
    const log = [
      "0: R1=ctx() R10=fp0",
      "; $x = *p @ a.bt:3",
      "0: (79) r0 = *(u64 *)(r10 +8)",
      "invalid read from stack R10 off=8 size=8",
      "verification time 20 usec",
      "processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0",
      "",
    ].join("\n");
    expect(readVerifierLog(log)).toEqual({ reason: "invalid read from stack R10 off=8 size=8", insn: 0 });
  });

  test("gives no instruction where none was verified", () => {
    expect(readVerifierLog("last insn is not an exit or jmp\nprocessed 0 insns (limit 1000000)\n")).toEqual({
      reason: "last insn is not an exit or jmp",
      insn: undefined,
    });
    expect(readVerifierLog("")).toEqual({ reason: "", insn: undefined });
  });
});
