import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** What of the checkout runs without its sources. */
const PARTS = [
  "bpfkit",
  "package.json",
  "dist",
  "examples",
  "node_modules/koffi",
  "node_modules/@koromix",
  "node_modules/@alexaltea",
];

export interface CopyForOthers extends Disposable {
  readonly folder: string;
}

/** The built program where every user can read it: the checkout may lie in root's home. */
export function copyForOthers(): CopyForOthers {
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-"));
  chmodSync(folder, 0o755);
  for (const part of PARTS)
    if (existsSync(part)) cpSync(resolve(part), join(folder, part), { recursive: true });
  return {
    folder,
    [Symbol.dispose]: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
