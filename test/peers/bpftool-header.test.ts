import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cHeader, parseBtf } from "../../src/btf/index.ts";

const peers = process.env["BPFKIT_PEERS"];
const bpftool = peers === undefined ? undefined : join(peers, "bin", "bpftool");
const vmlinux = "/sys/kernel/btf/vmlinux";

for (const [order, words] of [
  ["sorted", []],
  ["id", ["unsorted"]],
] as const)
  test(`vmlinux.h in ${order} order is bpftool's`, (context) => {
    if (bpftool === undefined || !existsSync(bpftool))
      return context.skip("BPFKIT_PEERS names no folder with bin/bpftool to compare with");
    if (!existsSync(vmlinux)) return context.skip("the kernel has no BTF");
    const args = ["btf", "dump", "file", vmlinux, "format", "c", ...words];
    const theirs = spawnSync(bpftool, args, { encoding: "latin1", maxBuffer: 1 << 28 }).stdout;
    expect(cHeader(parseBtf(readFileSync(vmlinux)), { order, exact: true }) === theirs).toBe(true);
  });
