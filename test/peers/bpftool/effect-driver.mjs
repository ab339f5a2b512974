// Runs in a guest, from files alone: node effect-driver.mjs LINES.json [BPFTOOL]. Prints what each of the lists of lines
// (test/peers/bpftool/effects.ts) prints, as JSON; the tool that is tried is bpfkit where no other is given.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
// oxlint-disable-next-line import/no-absolute-path -- where guests have the built project
import { runTool } from "/bpfkit/dist/bpftool/index.js";
// oxlint-disable-next-line import/no-absolute-path -- as above
import { openKernel } from "/bpfkit/dist/open-kernel.js";

const [file, peer] = process.argv.slice(2);
const env = { ...process.env, T: peer ?? "/bpfkit/bpfkit bpftool" };

const printed = [];
for (const lines of JSON.parse(readFileSync(file, "utf8"))) {
  let text = "";
  for (const line of lines) text += await run(line);
  printed.push(text);
}
process.stdout.write(JSON.stringify(printed));

async function run(line) {
  const words = line.split(" ");
  if (words[0] === "$O" || (words[0] === "$T" && peer === undefined)) return ownTool(words.slice(1));
  if (words[0] !== "$T") return start("sh", ["-c", line]).stdout;
  const { stdout, status } = start(peer, words.slice(1));
  return stdout + ending(status);
}

async function ownTool(words) {
  let text = "";
  const out = (more) => (text += more);
  const code = await runTool(words, { openKernel, out, err: () => undefined });
  return text + ending(code);
}

function ending(code) {
  return code === 0 ? "" : `ended with ${code}\n`;
}

function start(program, words) {
  return spawnSync(program, words, { env, stdio: ["ignore", "pipe", "ignore"], encoding: "utf8" });
}
