import { describe, expect, test } from "vitest";
import { BPF_PROG_TYPE } from "../uapi/index.ts";
import { permissionHints } from "./permission.ts";
import type { Credentials } from "./permission.ts";

const NONE: Credentials = {
  capabilities: 0n,
  initialUserNamespace: true,
  hasBpfCapability: true,
  lockdown: "none",
};
const CAP_SYS_ADMIN = 1n << 21n;
const CAP_BPF = 1n << 39n;

describe("permissionHints()", () => {
  test("names only the capabilities that are missing", () => {
    const hints = permissionHints("bpf(PROG_LOAD)", BPF_PROG_TYPE.KPROBE, { ...NONE, capabilities: CAP_BPF });
    expect(hints[0]).toContain("lacks CAP_PERFMON:");
  });
  test("asks for CAP_SYS_ADMIN where CAP_BPF does not exist", () => {
    expect(permissionHints("bpf(MAP_CREATE)", undefined, { ...NONE, hasBpfCapability: false })[0]).toContain(
      "lacks CAP_SYS_ADMIN:",
    );
  });
  test("lets CAP_SYS_ADMIN stand for CAP_BPF, and looks elsewhere for the cause", () => {
    const root = { ...NONE, capabilities: CAP_SYS_ADMIN };
    expect(permissionHints("bpf(MAP_CREATE)", undefined, root)[0]).toContain("seccomp");
    expect(permissionHints("bpf(MAP_CREATE)", undefined, { ...root, lockdown: "integrity" })[0]).toContain(
      "locked down (integrity)",
    );
    expect(
      permissionHints("bpf(MAP_CREATE)", undefined, { ...root, initialUserNamespace: false })[0],
    ).toContain("user namespace");
  });
});
