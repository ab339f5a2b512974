import { expect, test } from "vitest";
import { ERRNO } from "../../../uapi/index.ts";
import { refusal, tracingRights } from "./refusal.ts";
import type { TracingRights } from "./refusal.ts";

const NOBODY: TracingRights = { scope: 0, capable: false, filtered: false };
/** A process that is not there. */
const PID = 0x3fff_ffff;

test.each([
  ["ended", ERRNO.ESRCH, true, NOBODY, /has ended/],
  ["another user's", ERRNO.EPERM, false, NOBODY, /same user/],
  ["a stranger under yama", ERRNO.EPERM, false, { ...NOBODY, scope: 1 }, /only descendants.*-c/],
  ["all under yama, but for who may", ERRNO.EPERM, true, { ...NOBODY, scope: 2 }, /CAP_SYS_PTRACE, also of/],
  ["nothing at all", ERRNO.EPERM, true, { scope: 3, capable: true, filtered: true }, /boots again/],
  ["in a container", ERRNO.EPERM, true, { ...NOBODY, scope: 1, filtered: true }, /seccomp.*ptrace\(2\)/],
] as const)("what may not be traced is explained: %s", (_name, errno, started, rights, hint) => {
  const error = refusal(PID, errno, started, rights);
  expect(error.message).toMatch(/^Cannot trace process \d+: .* \(E\w+\)$/);
  expect(error.hints.join("\n")).toMatch(hint);
});

test("rights are read from /proc", () => {
  const status = "Name:\tx\nCapEff:\t0000000000080000\nSeccomp:\t2\n";
  expect(tracingRights(status, "1\n")).toEqual({ scope: 1, capable: true, filtered: true });
  expect(tracingRights("CapEff:\t0000000000000000\nSeccomp:\t0\n", "")).toEqual(NOBODY);
});
