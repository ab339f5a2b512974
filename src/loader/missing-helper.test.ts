import { expect, test } from "vitest";
import { call, exit, type Insn } from "../isa/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { ProgramSpec } from "../object/index.ts";
import { BPF_FUNC, BPF_PROG_TYPE, ERRNO } from "../uapi/index.ts";
import type { Features } from "./features.ts";
import { missingHelper, ProgramLoadError, VerifierError } from "./index.ts";

function program(type: number, insns: readonly Insn[]): ProgramSpec {
  return { name: "p", section: "p", type, insns, relocations: [], functions: [], lines: [] };
}

/** A kernel whose raw tracepoints have these helpers alone. */
function features(...helpers: number[]): Features {
  const hasHelper = (type: number, helper: number): boolean =>
    type === BPF_PROG_TYPE.RAW_TRACEPOINT && helpers.includes(helper);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing else is asked for
  return { hasHelper } as unknown as Features;
}

const loop = program(BPF_PROG_TYPE.TRACING, [call(BPF_FUNC.get_prandom_u32), call(BPF_FUNC.loop), exit()]);
const refused = (errno: number): SyscallError => new SyscallError("bpf(PROG_LOAD)", errno);

test("a rejected program's helper that the kernel lacks", () => {
  const cause = new VerifierError(loop, "0: (85) call unknown#181\ninvalid func unknown#181", refused(22));
  expect(missingHelper(loop, features(BPF_FUNC.get_prandom_u32), cause)).toMatchObject({
    message: "This kernel has no helper bpf_loop, which the program calls",
    hints: ["It came with Linux 5.17"],
    cause,
  });
  expect(missingHelper(loop, features(BPF_FUNC.get_prandom_u32, BPF_FUNC.loop), cause)).toBeUndefined();
});

test("refusals without a log: only those that may come from the code", () => {
  expect(missingHelper(loop, features(), new ProgramLoadError("p", refused(ERRNO.EPERM)))).toBeUndefined();
  expect(
    missingHelper(loop, features(BPF_FUNC.loop), new ProgramLoadError("p", refused(ERRNO.EINVAL)))?.message,
  ).toContain("prandom");
});
