// Runs in a guest: fills the kernel with objects of every kind, asks both tools about them, prints one JSON value.
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { runTool } from "../../../src/bpftool/index.ts";
import { openKernel } from "../../../src/open-kernel.ts";
import { BATCH, comparedCommands } from "./commands.ts";
import type { ComparedCommand } from "./commands.ts";
import { level, meantCode } from "./differences.ts";
import { compareEffects } from "./effect-runs.ts";
import { Holding } from "./holding.ts";
import { peerAnswers } from "./peer-answers.ts";
import { ToolRuns } from "./tool-runs.ts";
import type { Ran } from "./tool-runs.ts";
import { populate } from "./population.ts";
import type { GuestReport, Verdict } from "./report.ts";

const [bpftool = "bpftool", only = "", modules = "", objects = "", driver = ""] = process.argv.slice(2);
const MOST_SHOWN = 1500;
/** Milliseconds from which a command line is worth a word. */
const SLOW = 2000;

// What is made here sees and changes the whole machine.
if (!existsSync("/agent.mjs")) throw new Error("This runs in a guest: npm run peers:bpftool");
const kernel = await openKernel();
progress("effects");
const effects = compareEffects(driver, bpftool, kernel.release, new RegExp(only));
progress("objects of every kind");
using holding = new Holding(kernel);
populate(holding, { modules, objects });
writeFileSync(BATCH.file, BATCH.text);
keepSymbols();

const chosen = comparedCommands(kernel, objects).filter(({ words }) =>
  new RegExp(only).test(words.join(" ")),
);
progress(`${chosen.length} command lines of bpfkit`);
const owns: Ran[] = [];
const times: [number, string][] = [];
for (const { words, process: asUsersDo } of chosen) {
  const start = performance.now();
  // oxlint-disable-next-line no-await-in-loop -- one after another: both tools see the same kernel
  owns.push(asUsersDo === true ? startOwn(exact(words)) : await runOwn(exact(words)));
  const took = performance.now() - start;
  times.push([took, words.join(" ")]);
  if (took > SLOW) progress(`${(took / 1000).toFixed(1)} s for ${words.join(" ")}`);
}
progress("the same of bpftool");
const started = performance.now();
const peers = peerAnswers(bpftool, chosen, owns);
const peerSeconds = (performance.now() - started) / 1000;
const verdicts = [
  ...effects,
  ...chosen.map((command, index) => compare(command, owns[index]!, peers[index]!)),
];
const report: GuestReport = {
  kernel: kernel.name,
  made: [...holding.fds.keys(), ...holding.done],
  missing: holding.missing,
  peerSeconds,
  slowest: times.sort(([one], [other]) => other - one).slice(0, 10),
  verdicts,
};
process.stdout.write(`${JSON.stringify(report)}\n`);

function progress(what: string): void {
  process.stderr.write(`  ${process.uptime().toFixed(0)} s: ${what}\n`);
}

/**
 * The kernel writes its list of symbols anew for each reader, which takes an emulated machine a second: both tools
 * read what it wrote once, now that everything is there.
 */
function keepSymbols(): void {
  spawnSync("sh", ["-c", "cat /proc/kallsyms >/tmp/kallsyms; mount --bind /tmp/kallsyms /proc/kallsyms"]);
  const symbols = kernel.files.kallsyms();
  Object.defineProperty(kernel.files, "kallsyms", { value: () => symbols });
  // One kernel for all command lines, which must not close it.
  Object.defineProperty(kernel, Symbol.dispose, { value: () => undefined });
}

function compare(command: ComparedCommand, own: Ran, peer: Ran): Verdict {
  const base = { command: command.words.join(" "), as: command.as };
  if (!meantCode(command, kernel.release, own.code, peer.code))
    return {
      ...base,
      result: "different",
      detail: `exit codes ${own.code} and ${peer.code}`,
      own: shown(own),
      peer: shown(peer),
    };
  if (command.as === "code") return { ...base, result: "same" };
  const texts = level(command, kernel.release, own.out, peer.out);
  if (texts.own === texts.peer) return { ...base, result: "same", used: texts.used };
  if (command.as === "json" && sameData(texts.own, texts.peer))
    return { ...base, result: "data", used: texts.used };
  return {
    ...base,
    result: "different",
    detail: firstDifference(texts.own, texts.peer),
    own: shown(own),
    peer: shown(peer),
  };
}

/** What bpftool prints, flaw for flaw. */
function exact(words: readonly string[]): readonly string[] {
  return words.includes("format") && words.includes("c") && !words.includes("unsorted")
    ? [...words, "exact"]
    : words;
}

async function runOwn(words: readonly string[]): Promise<Ran> {
  const out: Buffer[] = [];
  let err = "";
  const code = await runTool(words, {
    openKernel: async () => Promise.resolve(kernel),
    out: (text) => out.push(typeof text === "string" ? Buffer.from(text) : Buffer.from(text)),
    err: (text) => (err += text),
  });
  return { out: Buffer.concat(out).toString("latin1"), err, code };
}

function startOwn(words: readonly string[]): Ran {
  using runs = new ToolRuns(["/bpfkit/bpfkit", "bpftool"], [words]);
  return runs.take(0);
}

function sameData(own: string, peer: string): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(own), JSON.parse(peer));
  } catch {
    // One of the two is no JSON.
    return false;
  }
}

function firstDifference(own: string, peer: string): string {
  let at = 0;
  while (at < own.length && own[at] === peer[at]) at++;
  const around = (text: string): string => JSON.stringify(text.slice(Math.max(0, at - 60), at + 100));
  return `at ${at}:\n      bpfkit  ${around(own)}\n      bpftool ${around(peer)}`;
}

function shown({ out, err }: Ran): string {
  return `${out.slice(0, MOST_SHOWN)}${err.slice(0, MOST_SHOWN)}`;
}
