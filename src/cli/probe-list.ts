import { writeSync } from "node:fs";
import { hardwareEvents, softwareEvents, type World } from "../bpftrace/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { parseTracepointFormat } from "../object/index.ts";
import { kernelWorld } from "../script/index.ts";

interface Provider {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly probes: (world: World, pattern: string) => Iterable<string>;
}

const PROVIDERS: readonly Provider[] = [
  { name: "hardware", aliases: ["h"], probes: () => hardwareEvents.map(({ name }) => `hardware:${name}:`) },
  { name: "software", aliases: ["s"], probes: () => softwareEvents.map(({ name }) => `software:${name}:`) },
  {
    name: "tracepoint",
    aliases: ["t"],
    probes: (world) => (world.tracepoints() ?? []).map((name) => `tracepoint:${name}`),
  },
  {
    name: "rawtracepoint",
    aliases: ["rt"],
    *probes(world) {
      for (const name of world.btf?.names("typedef") ?? []) {
        if (name.startsWith("btf_trace_")) yield `rawtracepoint:vmlinux:${name.slice("btf_trace_".length)}`;
      }
    },
  },
  { name: "kprobe", aliases: ["k"], probes: (world) => functions(world, "kprobe") },
  {
    name: "fentry",
    aliases: ["f", "kfunc"],
    *probes(world) {
      for (const name of world.btf?.names("func") ?? []) yield `fentry:vmlinux:${name}`;
    },
  },
  {
    name: "uprobe",
    aliases: ["u"],
    *probes(world, pattern) {
      const target = pattern.split(":")[1];
      const path = target === undefined ? undefined : world.findExecutable(target);
      if (path !== undefined)
        for (const name of world.userSymbols(path) ?? []) yield `uprobe:${path}:${name}`;
    },
  },
  {
    name: "usdt",
    aliases: ["U"],
    *probes(world, pattern) {
      const target = pattern.split(":")[1];
      const path = target === undefined ? undefined : world.findExecutable(target);
      if (path === undefined) return;
      const probes = (world.usdtProbes?.(path) ?? []).map(
        ({ provider, name }) => `usdt:${path}:${provider}:${name}`,
      );
      yield* new Set(probes);
    },
  },
];
/** Providers that look into the file that a pattern names. */
const OF_FILES: ReadonlySet<string> = new Set(["uprobe", "usdt"]);

/** `-l [PATTERN]`: probes whose name matches, one a line; `*` and `?` stand for any text and character. */
export function listProbes(kernel: Kernel, pattern: string | undefined, verbose: boolean): number {
  const world = kernelWorld(kernel);
  const [head = "", ...tail] = (pattern ?? "*").split(":");
  const named = PROVIDERS.find(({ name, aliases }) => name === head || aliases.includes(head));
  const full = named && tail.length > 0 ? [named.name, ...tail].join(":") : (pattern ?? "*");
  // A pattern without a provider looks in all of them, but for programs' own functions.
  const providers = named ? [named] : PROVIDERS.filter(({ name }) => !OF_FILES.has(name));
  const matches = matcher(named && tail.length === 0 ? `${named.name}:*` : full, world);
  const lines: string[] = [];
  for (const provider of providers) {
    for (const probe of provider.probes(world, full)) {
      if (matches(probe)) lines.push(probe, ...(verbose ? argumentLines(probe, world) : []));
    }
  }
  const text = lines.map((line) => `${line}\n`).join("");
  let rest = Buffer.from(text, "utf8");
  while (rest.length > 0) rest = rest.subarray(writeSync(1, rest));
  return 0;
}

function matcher(pattern: string, world: World): (probe: string) => boolean {
  const [head, target, ...others] = pattern.split(":");
  // As in a script, a program is named by its path or by its name alone.
  const path =
    OF_FILES.has(head ?? "") && target !== undefined ? (world.findExecutable(target) ?? target) : undefined;
  const text = path === undefined ? pattern : [head, path, ...(others.length > 0 ? others : ["*"])].join(":");
  const source = text
    .replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`)
    .replace(/\*/g, ".*")
    .replace(/\?/g, ".");
  const expression = new RegExp(text.includes(":") ? `^${source}:?$` : source, "i");
  return (probe) => expression.test(probe);
}

function* functions(world: World, kind: string): Generator<string> {
  for (const { name, module } of world.kernelFunctions() ?? []) {
    yield module === "vmlinux" ? `${kind}:${name}` : `${kind}:${module}:${name}`;
  }
}

function argumentLines(probe: string, world: World): string[] {
  const [kind, category = "", event = ""] = probe.split(":");
  const text = kind === "tracepoint" ? world.tracepointFormat(category, event) : undefined;
  if (text === undefined) return [];
  const common = /^common_/;
  return parseTracepointFormat(text)
    .fields.filter(({ name }) => !common.test(name))
    .map(({ type, name }) => `    ${type} ${name}`);
}
