// Runs in a guest: fills the kernel with objects of every kind, asks both tools about them, prints one JSON value.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { runTool } from "../../../src/bpftool/index.ts";
import { loadObject } from "../../../src/loader/index.ts";
import { fromElf } from "../../../src/object/index.ts";
import { openKernel } from "../../../src/open-kernel.ts";
import { comparedCommands } from "./commands.ts";
import type { ComparedCommand } from "./commands.ts";
import { level, meantCode } from "./differences.ts";
import { Holding } from "./holding.ts";
import { makeLinks } from "./make-links.ts";
import { makeMaps } from "./make-maps.ts";
import { makePrograms } from "./make-programs.ts";
import type { GuestReport, Verdict } from "./report.ts";

const [bpftool = "bpftool", only = "", object] = process.argv.slice(2);
const MOST_OUTPUT = 1 << 28;
const MOST_SHOWN = 1500;

interface Ran {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

// What is made here sees and changes the whole machine.
if (!existsSync("/agent.mjs")) throw new Error("This runs in a guest: npm run peers:bpftool");
const kernel = await openKernel();
using holding = new Holding(kernel);
makeMaps(holding);
makePrograms(holding);
if (object !== undefined) loadCompiled(holding, object);
makeLinks(holding);
pinSome(holding);
keepForAll();

const verdicts: Verdict[] = [];
const chosen = comparedCommands(kernel, object).filter(({ words }) => new RegExp(only).test(words.join(" ")));
for (const command of chosen) {
  const start = performance.now();
  // oxlint-disable-next-line no-await-in-loop -- one after another: both tools see the same kernel
  verdicts.push(await compare(command));
  if (process.env["BPFKIT_PEERS_TIMES"])
    process.stderr.write(`${(performance.now() - start).toFixed(0)} ${command.words.join(" ")}\n`);
}
const report: GuestReport = {
  kernel: kernel.name,
  made: [...holding.fds.keys()],
  missing: holding.missing,
  verdicts,
};
process.stdout.write(`${JSON.stringify(report)}\n`);

/** One kernel for all command lines, which reads the list of symbols once: in a guest it takes seconds. */
function keepForAll(): void {
  const symbols = kernel.files.kallsyms();
  Object.defineProperty(kernel.files, "kallsyms", { value: () => symbols });
  Object.defineProperty(kernel, Symbol.dispose, { value: () => undefined });
}

function loadCompiled(into: Holding, file: string): void {
  into.attempt("compiled object", () => {
    const loaded = loadObject(fromElf(readFileSync(file)).spec, { kernel: into.kernel });
    const filter = loaded.programs.get("filter_with_a_long_name")!;
    for (const size of [20, 21, 22])
      into.kernel.bpf("PROG_TEST_RUN", { prog_fd: filter.fd, data_in: new Uint8Array(size) });
    return loaded;
  });
}

function pinSome(from: Holding): void {
  for (const name of ["map hash", "program xdp", "link raw_tracepoint", "map array"]) {
    const fd = from.fds.get(name);
    if (fd === undefined) continue;
    const pathname = `/sys/fs/bpf/${name.replace(" ", "_")}`;
    from.attempt(`pin ${name}`, () => from.kernel.bpf("OBJ_PIN", { bpf_fd: fd, pathname }));
  }
}

async function compare(command: ComparedCommand): Promise<Verdict> {
  const peer = runPeer(command.words);
  const own = await runOwn(exact(command.words));
  const base = { command: command.words.join(" "), as: command.as };
  if (!meantCode(command, own.code, peer.code))
    return {
      ...base,
      result: "different",
      detail: `exit codes ${own.code} and ${peer.code}`,
      own: shown(own),
      peer: shown(peer),
    };
  if (command.as === "code") return { ...base, result: "same" };
  const texts = level(command, own.out, peer.out);
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
  return words.includes("c") && !words.includes("unsorted") ? [...words, "exact"] : words;
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

function runPeer(words: readonly string[]): Ran {
  // Keys of some maps are descriptors: 0 is the same file for both.
  const { stdout, stderr, status } = spawnSync(bpftool, words, {
    maxBuffer: MOST_OUTPUT,
    stdio: ["inherit", "pipe", "pipe"],
  });
  return { out: stdout.toString("latin1"), err: stderr.toString(), code: status ?? -1 };
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
