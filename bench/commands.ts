import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { CommandResult } from "./measurements.ts";
import type { Measured } from "./report.ts";
import { childrenCpu, type Tool } from "./tracer.ts";

const VMLINUX = "/sys/kernel/btf/vmlinux";

/** A command line of bpftool's grammar. */
export interface CommandRow {
  readonly what: string;
  readonly words: readonly string[];
}

const DUMP = ["btf", "dump", "file", VMLINUX];
export const TYPES: readonly CommandRow[] = [
  { what: "vmlinux.h", words: [...DUMP, "format", "c"] },
  { what: "vmlinux.h unsorted", words: [...DUMP, "format", "c", "unsorted"] },
  { what: "raw", words: DUMP },
];
const MOST_OUTPUT = 1 << 28;
const SHOWN = 12;

/** `bpfkit` and, beside the other peers, bpftool. */
export function commandTools(tools: readonly Tool[]): Tool[] {
  const [own, peer] = tools;
  const bpftool = peer && join(dirname(peer.argv[0]!), "bpftool");
  return [
    { name: "bpfkit", argv: own!.argv.slice(0, 1) },
    ...(bpftool !== undefined && existsSync(bpftool) ? [{ name: "bpftool", argv: [bpftool] }] : []),
  ];
}

/** The tools take turns, so that whatever else the machine does falls on both; the least of each counts. */
export function measureCommands(
  tools: readonly Tool[],
  rows: readonly CommandRow[],
  rounds: number,
): Measured<CommandResult>[] {
  return rows.map(({ what, words }) => {
    const runs = new Map(tools.map(({ name }) => [name, [] as CommandResult[]]));
    for (let round = 0; round < rounds; round++)
      for (const tool of tools) runs.get(tool.name)!.push(run(tool, words));
    const byTool = Object.fromEntries(
      [...runs].map(([name, list]) => [
        name,
        { wall: Math.min(...list.map(({ wall }) => wall)), cpu: Math.min(...list.map(({ cpu }) => cpu)) },
      ]),
    );
    return { what, byTool };
  });
}

function run({ argv }: Tool, words: readonly string[]): CommandResult {
  const cpu = childrenCpu();
  const start = performance.now();
  const [command = "", ...args] = [...argv, ...words];
  const { status, stderr } = spawnSync(command, args, {
    stdio: ["ignore", "ignore", "pipe"],
    maxBuffer: MOST_OUTPUT,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
  return { wall: (performance.now() - start) / 1000, cpu: childrenCpu() - cpu };
}

/** Where bpfkit's own time goes: functions by the milliseconds in themselves, from one run under V8's profiler. */
export function profileHeader(bundle: string): { readonly name: string; readonly milliseconds: number }[] {
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-profile-"));
  try {
    const options = ["--cpu-prof", "--cpu-prof-interval", "200", `--cpu-prof-dir=${folder}`];
    const words = ["btf", "dump", "file", VMLINUX, "format", "c"];
    spawnSync(process.execPath, [...options, bundle, ...words], { stdio: "ignore" });
    const [file] = readdirSync(folder);
    return file === undefined ? [] : selfTimes(readFileSync(join(folder, file), "utf8"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string } }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

function selfTimes(text: string): { readonly name: string; readonly milliseconds: number }[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- V8 wrote it
  const { nodes, samples, timeDeltas } = JSON.parse(text) as Profile;
  const names = new Map(nodes.map(({ id, callFrame }) => [id, callFrame.functionName || "(anonymous)"]));
  const times = new Map<string, number>();
  samples.forEach((id, index) => {
    const name = names.get(id) ?? "";
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[index] ?? 0) / 1000);
  });
  return [...times]
    .map(([name, milliseconds]) => ({ name, milliseconds }))
    .sort((one, other) => other.milliseconds - one.milliseconds)
    .slice(0, SHOWN);
}
