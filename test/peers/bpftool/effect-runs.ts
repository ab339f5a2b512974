import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { EFFECT_FILES, EFFECTS, steady } from "./effects.ts";
import type { Effect } from "./effects.ts";
import type { Verdict } from "./report.ts";

const OWN = "/bpfkit/bpfkit bpftool";

/** Runs each script with both tools in turn, in a kernel that holds nothing yet: they must leave the same behind. */
export function compareEffects(
  bpftool: string,
  release: { readonly major: number; readonly minor: number },
  only: RegExp,
): Verdict[] {
  if (!existsSync("/objects/effects.bpf.o")) return [];
  for (const [path, text] of Object.entries(EFFECT_FILES)) writeFileSync(path, text);
  return EFFECTS.filter(({ name, since }) => only.test(name) && isSince(release, since)).map(compareEffect);

  function compareEffect({ name, script }: Effect): Verdict {
    const [own, peer] = [OWN, bpftool].map((tool) => runScript(script, tool));
    const verdict = { command: name, as: "effect" } as const;
    if (own === peer) return { ...verdict, result: "same" };
    return { ...verdict, result: "different", detail: "", own: own!, peer: peer! };
  }
}

function runScript(script: string, tool: string): string {
  const { stdout } = spawnSync("sh", ["-c", script], {
    env: { ...process.env, T: tool, O: OWN },
    stdio: ["ignore", "pipe", "ignore"],
    encoding: "utf8",
  });
  return steady(stdout);
}

function isSince(
  { major, minor }: { readonly major: number; readonly minor: number },
  since = "0.0",
): boolean {
  const [sinceMajor = 0, sinceMinor = 0] = since.split(".").map(Number);
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}
