import { expect, test } from "vitest";
import { SyscallError, type BpfAttr, type Kernel } from "../kernel/index.ts";
import type { ProgramSpec } from "../object/index.ts";
import { BPF_PROG_TYPE, ERRNO } from "../uapi/index.ts";
import { ProgramLoadError, VerifierError } from "./index.ts";
import { loadProgram } from "./program-load.ts";

const program: ProgramSpec = {
  name: "p",
  section: "p",
  type: BPF_PROG_TYPE.SOCKET_FILTER,
  insns: [],
  relocations: [],
  functions: [],
  lines: [],
};
const attr: BpfAttr["PROG_LOAD"] = {
  prog_type: BPF_PROG_TYPE.SOCKET_FILTER,
  insns: new Uint8Array(8),
  license: "GPL",
};

/** A kernel that refuses every program so. */
function refusing(errno: number, log: string): Kernel {
  const bpf = (_command: string, { log_buf }: BpfAttr["PROG_LOAD"]): never => {
    throw new SyscallError("bpf(PROG_LOAD)", errno, log_buf ? { log } : {});
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing else is asked for
  return { bpf } as unknown as Kernel;
}

test.each([
  ["a verdict", ERRNO.EINVAL, "0: (95) exit\nR0 !read_ok", VerifierError],
  ["no verdict", ERRNO.EINVAL, "", ProgramLoadError],
  ["no right", ERRNO.EPERM, "", ProgramLoadError],
  ["signals that come again and again", ERRNO.EAGAIN, "0: (b7) r0 = 0", ProgramLoadError],
])("%s", (_, errno, log, expected) => {
  expect(() => loadProgram(refusing(errno, log), program, attr, 0)).toThrow(expected);
});
