import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { compileObjects } from "../../peers/bpftool/compile.ts";
import { EFFECT_FILES, EFFECTS, steady } from "../../peers/bpftool/effects.ts";
import type { Effect } from "../../peers/bpftool/effects.ts";
import type { Guest } from "../guest.ts";
import { repository } from "../repository.ts";
import { isSince } from "../scenario.ts";
import type { Scenario } from "../scenario.ts";
import { withoutClang } from "./examples.ts";

const DRIVER = "/tmp/effect-driver.mjs";

/** What bpftool's commands change; `npm run peers:bpftool` compares the same lines with bpftool's own effects. */
export const effects: readonly Scenario[] = EFFECTS.map((effect) => ({
  name: effect.name,
  skip: (guest) => withoutClang() ?? tooOld(guest, effect),
  run: async (guest) => {
    await prepare(guest);
    await guest.write("/tmp/effects.json", Buffer.from(JSON.stringify([effect.lines])));
    const { stdout, stderr } = await guest.run(["node", DRIVER, "/tmp/effects.json"]);
    expect(stderr).toBe("");
    const [printed] = JSON.parse(stdout);
    expect(steady(printed)).toMatch(effect.shows);
  },
}));

function tooOld(guest: Guest, { since }: Effect): string | undefined {
  return isSince(guest, since) ? undefined : `since Linux ${since}`;
}

/** The objects and files that all of them use, once a guest. */
async function prepare(guest: Guest): Promise<void> {
  const { code } = await guest.run(["test", "-d", "/objects"]);
  if (code !== 0) await writeFiles(guest);
}

async function writeFiles(guest: Guest): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-effects-"));
  try {
    compileObjects(folder);
    await guest.shell("mkdir /objects");
    for (const name of readdirSync(folder))
      // oxlint-disable-next-line no-await-in-loop -- one line to the guest
      await guest.write(`/objects/${name}`, readFileSync(join(folder, name)));
    const driver = readFileSync(join(repository(), "test/peers/bpftool/effect-driver.mjs"));
    await guest.write(DRIVER, driver);
    for (const [path, text] of Object.entries(EFFECT_FILES))
      // oxlint-disable-next-line no-await-in-loop -- as above
      await guest.write(path, Buffer.from(text));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
