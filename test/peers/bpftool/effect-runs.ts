import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { EFFECT_FILES, EFFECTS, steady } from "./effects.ts";
import type { Verdict } from "./report.ts";

const LINES = "/tmp/effects.json";

/** Runs each list of lines with both tools in turn, in a kernel that holds nothing yet: they must leave the same. */
export function compareEffects(
  driver: string,
  bpftool: string,
  release: { readonly major: number; readonly minor: number },
  only: RegExp,
): Verdict[] {
  if (!existsSync("/objects/effects.bpf.o")) return [];
  for (const [path, text] of Object.entries(EFFECT_FILES)) writeFileSync(path, text);
  const chosen = EFFECTS.filter(({ name, since }) => only.test(name) && isSince(release, since));
  writeFileSync(LINES, JSON.stringify(chosen.map(({ lines }) => lines)));
  const [own, peers] = [[], [bpftool]].map((tool): readonly string[] =>
    // oxlint-disable-next-line typescript/no-unsafe-return -- an array of strings, by our own program
    JSON.parse(execFileSync("node", [driver, LINES, ...tool], { encoding: "utf8" })),
  );
  return chosen.map(({ name, shows }, index): Verdict => {
    const [ours, theirs] = [steady(own![index]!), steady(peers![index]!)];
    const verdict = { command: name, as: "effect" } as const;
    if (ours === theirs && shows.test(ours)) return { ...verdict, result: "same" };
    return { ...verdict, result: "different", own: ours, peer: theirs };
  });
}

function isSince(
  { major, minor }: { readonly major: number; readonly minor: number },
  since = "0.0",
): boolean {
  const [sinceMajor = 0, sinceMinor = 0] = since.split(".").map(Number);
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}
