// npm run corpus -- DIR|FILE... [--kernels 5.10,6.12|host] [--bpftool PATH] [--attach|--calls] [--fit]
//                   [--btf FILE] [-f json] [-- CLANG-ARGUMENT...]
// Loads every object (each *.bpf.c compiled once by `bpfkit cc`, and each ELF file with BPF in it) by bpfkit and by
// libbpf (through bpftool) on the same kernel, and prints what differs. --calls counts the system calls of both. --fit gives objects that both
// refuse again: maps without a size with one, and without the programs that this kernel does not take.
import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { CError, compileC } from "../../src/c/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { Guest } from "../guest/guest.ts";
import { isKernelName } from "../guest/kernels.ts";
import { repository } from "../guest/repository.ts";
import { reportText, summarize } from "./report.ts";
import type { Verdict } from "./verdict.ts";

const INSIDE = ".cache/tools/test/corpus/inside.js";
/** Objects handed to one process in the guest. */
const BATCH = 64;

const separator = process.argv.indexOf("--", 2);
const own = separator < 0 ? process.argv.slice(2) : process.argv.slice(2, separator);
const clangArguments = separator < 0 ? [] : process.argv.slice(separator + 1);
const { values, positionals } = parseArgs({
  args: own,
  allowPositionals: true,
  options: {
    kernels: { type: "string", default: "6.12" },
    bpftool: { type: "string" },
    btf: { type: "string" },
    attach: { type: "boolean", default: false },
    fit: { type: "boolean", default: false },
    calls: { type: "boolean", default: false },
    format: { type: "string", short: "f", default: "text" },
    help: { type: "boolean", short: "h", default: false },
  },
});

/** Folder as of BPFKIT_PEERS: bin/bpftool with its libraries. */
const peers = process.env["BPFKIT_PEERS"];
const fit = values.fit ? "+fit" : "";
const mode = `${values.calls ? "calls" : values.attach ? "attach" : "load"}${fit}`;
const bpftool = values.bpftool ?? (peers === undefined ? "bpftool" : join(peers, "bin", "bpftool"));

if (values.help || positionals.length === 0) {
  console.error(
    "usage: npm run corpus -- DIR|FILE... [--kernels 5.10,6.1,6.12,6.18,7.2|host] [--bpftool PATH] [--attach|--calls] [--fit] [--btf FILE] [-f json] [-- CLANG-ARGUMENT...]",
  );
  process.exitCode = values.help ? 0 : 1;
} else {
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-corpus-"));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(folder: string): Promise<void> {
  const { objects, refused } = await build(positionals.flatMap(filesIn), folder);
  for (const { file, why } of refused) console.error(`${file}: ${why}`);
  const results = [];
  for (const kernel of values.kernels.split(",")) {
    const verdicts =
      kernel === "host" ? onThisMachine(objects, folder) : await inGuest(kernel, objects, folder);
    results.push(summarize(kernel, verdicts));
  }
  console.log(
    values.format === "json"
      ? JSON.stringify({ notCompiled: refused, results }, null, 2)
      : reportText(results, refused.length),
  );
  if (refused.length > 0 || results.some(({ differing }) => differing.length > 0)) process.exitCode = 1;
}

function filesIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [resolve(path)];
  return readdirSync(path)
    .filter((name) => /\.bpf\.c$|\.o$|\.elf$/.test(name))
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => resolve(path, name));
}

interface Built {
  /** Names of files in the folder. */
  readonly objects: readonly string[];
  readonly refused: readonly { readonly file: string; readonly why: string }[];
}

/** Puts every object into the folder, compiled where it is a C program. */
async function build(files: readonly string[], folder: string): Promise<Built> {
  using kernel = await openKernel(values.btf === undefined ? {} : { btf: values.btf });
  const btf = kernel.files.hasBtf() ? kernel.files.btf() : undefined;
  const objects: string[] = [];
  const refused: Built["refused"][number][] = [];
  for (const file of files) {
    const name = basename(file).replace(/\.c$/, ".o");
    try {
      if (file.endsWith(".c"))
        compileC(file, join(folder, name), { btf, arch: process.arch, args: ["-w", ...clangArguments] });
      else copyFileSync(file, join(folder, name));
      objects.push(name);
    } catch (error) {
      if (!(error instanceof CError)) throw error;
      refused.push({ file: basename(file), why: error.message });
    }
  }
  return { objects, refused };
}

async function inGuest(kernel: string, objects: readonly string[], folder: string): Promise<Verdict[]> {
  if (!isKernelName(kernel)) throw new Error(`There is no guest with kernel ${kernel}`);
  const root = repository();
  await using guest = await Guest.boot(kernel, {
    peers,
    memory: 3072,
    folders: [
      { from: folder, to: "corpus" },
      { from: join(root, ".cache", "tools"), to: "bpfkit/.cache/tools" },
    ],
  });
  const tool = peers === undefined ? bpftool : "/peers/bin/bpftool";
  const verdicts: Verdict[] = [];
  for (let at = 0; at < objects.length; at += BATCH) {
    const paths = objects.slice(at, at + BATCH).map((name) => join("/corpus", name));
    const { stdout, stderr } = await guest.run(["node", INSIDE, tool, mode, ...paths], {
      timeout: 1_800_000,
    });
    verdicts.push(...parse(stdout, stderr, paths.length));
  }
  return verdicts;
}

/** Never attaches: the machine is not ours. In a mount namespace of its own, for the file system of pins. */
function onThisMachine(objects: readonly string[], folder: string): Verdict[] {
  const paths = objects.map((name) => join(folder, name));
  const { stdout, stderr } = spawnSync(
    "unshare",
    ["-m", process.execPath, join(repository(), INSIDE), bpftool, mode.replace("attach", "load"), ...paths],
    { encoding: "utf8", maxBuffer: 1 << 30 },
  );
  return parse(stdout, stderr, paths.length);
}

function parse(stdout: string, stderr: string, expected: number): Verdict[] {
  const verdicts = stdout
    .split("\n")
    .filter((line) => line !== "")
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- inside.ts wrote it
    .map((line) => JSON.parse(line) as Verdict);
  if (verdicts.length < expected)
    throw new Error(`Only ${verdicts.length} of ${expected} objects were judged:\n${stderr}`);
  return verdicts;
}
