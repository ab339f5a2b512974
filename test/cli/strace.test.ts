import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { repository } from "../guest/repository.ts";

const BPFKIT = join(repository(), "dist", "bin", "bpfkit.js");

function strace(...args: readonly string[]): {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
} {
  const child = spawnSync(process.execPath, [BPFKIT, "strace", ...args], {
    encoding: "utf8",
    timeout: 30_000,
  });
  return { code: child.status, out: child.stdout, err: child.stderr };
}

/** A call of bpf(2) that every user may make, if only to be refused: bpf(BPF_MAP_FREEZE) of no map. */
const FREEZE = [
  process.execPath,
  "-e",
  `
  const koffi = require(${JSON.stringify(join(repository(), "node_modules", "koffi"))});
  const syscall = koffi.load(null).func("long syscall(long n, int cmd, void *attr, uint32_t size)");
  syscall(${process.arch === "arm64" ? 280 : 321}, 22, Buffer.from([255, 255, 255, 127]), 4);
  process.exit(3);
`,
];

const missing = process.platform === "linux" ? undefined : "ptrace is Linux's";

describe.skipIf(missing !== undefined)("bpfkit strace", () => {
  test("shows a command's calls, hands on its output, and ends as it does", () => {
    const { code, out, err } = strace("-e", "bpf", "sh", "-c", "echo hello; exit 4");
    expect({ code, out }).toEqual({ code: 4, out: "hello\n" });
    expect(err).toContain("+++ exited with 4 +++");
  });

  test("decodes a call and its error", () => {
    const { code, err } = strace(...FREEZE);
    expect(code).toBe(3);
    expect(err).toMatch(/^bpf\(BPF_MAP_FREEZE, \{map_fd=2147483647\}, 4\) += -1 E\w+ \(.+\)$/m);
  });

  test("writes to a file with the process before each line, or JSON", () => {
    const directory = mkdtempSync(join(tmpdir(), "bpfkit-strace-"));
    try {
      const file = join(directory, "calls");
      expect(strace("-f", "-o", file, "--", ...FREEZE).err).toBe("");
      expect(readFileSync(file, "latin1")).toMatch(/^\d+ +bpf\(BPF_MAP_FREEZE/m);
      strace("-o", file, "--format", "json", ...FREEZE);
      const objects: unknown[] = readFileSync(file, "latin1")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(objects).toContainEqual(
        expect.objectContaining({
          event: "call",
          args: { cmd: "BPF_MAP_FREEZE", attr: { map_fd: 0x7fff_ffff }, size: 4 },
        }),
      );
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  test("a command that a signal ends gives the shell's exit code", () => {
    const { code, err } = strace("sh", "-c", "kill -TERM $$");
    expect(code).toBe(128 + 15);
    expect(err).toContain("+++ killed by SIGTERM +++");
  });

  test.each([
    [["nosuchprogram-anywhere"], "no such program"],
    [["-p", "1073741823"], "There is no process"],
    [["-e", "open", "true"], "takes some of bpf"],
    [["-s", "x", "true"], "takes a number"],
    [[], "Nothing to trace"],
  ])("says what is wrong: %j", (args, message) => {
    const { code, err } = strace(...args);
    expect(code).toBe(1);
    expect(err).toContain(message);
  });
});
