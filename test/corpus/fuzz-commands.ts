// npm run fuzz:commands -- DIR|FILE... [--rounds 50] [--seed 1] [--peers DIR]
// Changes bytes of objects and gives them to every command of bpftool's that takes a file. Anything but an answer or
// one error with an exit code is printed with the seed that makes it again; with --peers also what only one of bpfkit
// and bpftool (DIR/bin/bpftool) takes. Nothing is attached, and nothing stays in the kernel.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runTool } from "../../src/bpftool/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { filesIn, rangesOf } from "./files.ts";
import { mutate, randomFrom } from "./mutate.ts";

/** Milliseconds that no command may take over a broken file. */
const TOO_LONG = 5000;
const VMLINUX = "/sys/kernel/btf/vmlinux";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    peers: { type: "string" },
  },
});
const folder = mkdtempSync(join(tmpdir(), "bpfkit-fuzz-"));
const [FILE, OUT] = [join(folder, "file.o"), join(folder, "out")];

/** Without a BPF file system (-n) what was loaded is gone when it cannot be pinned. */
const COMMANDS: readonly (readonly string[])[] = [
  ["btf", "dump", "file", FILE],
  ["-j", "btf", "dump", "file", FILE],
  ["btf", "dump", "file", FILE, "format", "c"],
  ["btf", "dump", "file", FILE, "format", "c", "unsorted"],
  ["gen", "skeleton", FILE],
  ["gen", "subskeleton", FILE],
  ["gen", "object", OUT, FILE],
  ["gen", "min_core_btf", VMLINUX, OUT, FILE],
  ["-n", "prog", "load", FILE, OUT],
  ["-n", "prog", "loadall", FILE, OUT],
  ["-n", "prog", "load", FILE, OUT, "kernel_btf", FILE],
  ["-n", "iter", "pin", FILE, OUT],
];

if (positionals.length === 0) {
  console.error("usage: npm run fuzz:commands -- DIR|FILE... [--rounds 50] [--seed 1] [--peers DIR]");
  process.exitCode = 1;
} else
  try {
    await fuzz(positionals.flatMap(filesIn));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }

async function fuzz(files: readonly string[]): Promise<void> {
  let [runs, refused, failures, disagreed] = [0, 0, 0, 0];
  for (const file of files) {
    const original = readFileSync(file);
    const { frame, tables } = rangesOf(original);
    for (let round = 0; round < Number(values.rounds); round++) {
      const seed = Number(values.seed) + round;
      const random = randomFrom(seed);
      writeFileSync(FILE, mutate(original, random(8) === 0 ? frame : tables, random));
      for (const words of COMMANDS) {
        const told = `${file} --seed ${seed} --rounds 1: ${words.join(" ").replaceAll(`${folder}/`, "")}`;
        rmSync(OUT, { recursive: true, force: true });
        // oxlint-disable-next-line no-await-in-loop -- one file, one command after another
        const { code, failure } = await attempt(words);
        runs++;
        if (code !== 0) refused++;
        if (failure !== undefined) {
          failures++;
          console.log(`${told}: ${failure}`);
        } else if (values.peers !== undefined && !agrees(words, code)) {
          disagreed++;
          console.log(`${told}: ended with ${code}, bpftool otherwise`);
        }
      }
    }
  }
  console.log(`${files.length} objects, ${runs} command lines, ${refused} refused, ${failures} failures`);
  if (values.peers !== undefined) console.log(`${disagreed} that only one of the two takes`);
  if (failures > 0) process.exitCode = 1;
}

async function attempt(words: readonly string[]): Promise<{ code: number; failure?: string }> {
  const open = readdirSync("/proc/self/fd").length;
  const start = performance.now();
  let err = "";
  let code: number;
  try {
    code = await runTool(words, { openKernel, out: () => undefined, err: (text) => (err += text) });
  } catch (error) {
    return { code: -1, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  const took = performance.now() - start;
  const errors = err.match(/^Error: /gm)?.length ?? 0;
  const left = readdirSync("/proc/self/fd").length - open;
  if (took > TOO_LONG) return { code, failure: `took ${Math.round(took)} ms` };
  if (left !== 0) return { code, failure: `${left} descriptors were left open` };
  if (code < 0 || code > 255 || (code !== 0 && !words.includes("-j") && errors !== 1))
    return { code, failure: `exit code ${code}, ${errors} errors: ${err}` };
  return { code };
}

/** Whether bpftool takes the line too. */
function agrees(words: readonly string[], code: number): boolean {
  rmSync(OUT, { recursive: true, force: true });
  const { status } = spawnSync(join(values.peers!, "bin", "bpftool"), words, { stdio: "ignore" });
  return (status === 0) === (code === 0);
}
