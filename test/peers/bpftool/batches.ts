import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";

const FILE = "/tmp/batch-of-many";
const MOST_OUTPUT = 1 << 28;

/**
 * What bpftool answers to lines that are no mistakes, by one process: starting one takes an emulated machine longer than
 * most answers. Lines are without options. Undefined where the batch ended before.
 */
export function batchTexts(
  bpftool: string,
  lines: readonly (readonly string[])[],
): readonly (string | undefined)[] {
  const separator = run(bpftool, ["version"]);
  const parts = runFile(
    bpftool,
    [],
    lines.flatMap((words) => [words, ["version"]]),
  ).split(separator);
  return lines.map((_, index) => (index < parts.length - 1 ? parts[index] : undefined));
}

/** The same for -j. */
export function batchJson(
  bpftool: string,
  lines: readonly (readonly string[])[],
): readonly (string | undefined)[] {
  // Said at the end of a batch that went well, when a library left an error behind.
  const accident = /,\{"error":"reading batch file failed[^"]*"\}(?=\])/;
  const out = runFile(bpftool, ["-j"], lines).replace(accident, "");
  const heads = lines.map((words) => `{"command":${JSON.stringify(words)},"output":`);
  let at = 1;
  return heads.map((head, index) => {
    if (!out.startsWith(head, at)) return undefined;
    const next = heads[index + 1];
    const end = next === undefined ? out.lastIndexOf("}]") : out.indexOf(`},${next}`, at);
    if (end < at) return undefined;
    const answer = out.slice(at + head.length, end);
    at = end + 2;
    return `${answer}\n`;
  });
}

function runFile(bpftool: string, options: readonly string[], lines: readonly (readonly string[])[]): string {
  writeFileSync(FILE, lines.map((words) => `${words.join(" ")}\n`).join(""));
  try {
    return run(bpftool, [...options, "batch", "file", FILE]);
  } finally {
    rmSync(FILE);
  }
}

/** Byte for byte, as latin1. */
function run(bpftool: string, words: readonly string[]): string {
  // Keys of some maps are descriptors: 0 is the same file for both.
  const { stdout } = spawnSync(bpftool, words, {
    stdio: ["inherit", "pipe", "ignore"],
    encoding: "latin1",
    maxBuffer: MOST_OUTPUT,
  });
  return stdout;
}
