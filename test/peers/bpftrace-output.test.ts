import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { repository } from "../guest/repository.ts";
import { SCRIPTS } from "./scripts.ts";

const peers = process.env["BPFKIT_PEERS"];
const bpftrace = peers === undefined ? undefined : join(peers, "bin", "bpftrace");
/** bpftrace wants tracefs; it gets one that nobody else sees. */
const WITH_TRACEFS =
  'mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"';

function output(argv: readonly string[]): string {
  const child = spawnSync("unshare", ["-m", "sh", "-c", WITH_TRACEFS, "sh", ...argv], {
    cwd: repository(),
    encoding: "latin1",
    timeout: 60_000,
  });
  if (child.status !== 0) throw new Error(`${argv[0]} ended with ${child.status}: ${child.stderr}`);
  return child.stdout;
}

function missing(): string | undefined {
  if (bpftrace === undefined) return "BPFKIT_PEERS names no folder with bin/bpftrace to compare with";
  if (!existsSync(bpftrace)) return `${bpftrace} is not there`;
  return process.getuid?.() === 0 ? undefined : "loading programs needs root";
}

describe.each(["text", "json"])("output as bpftrace prints it, -f %s", (format) => {
  for (const [name, body] of Object.entries(SCRIPTS))
    test(name, (context) => {
      const reason = missing();
      if (reason !== undefined) return context.skip(reason);
      const args = ["-f", format, "-e", `BEGIN { ${body} exit(); }`];
      const expected = output([bpftrace!, ...args]);
      expect(output([process.execPath, "dist/bin/bpfkit.js", "trace", ...args])).toBe(expected);
    });
});
