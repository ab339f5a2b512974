// `npm test`: sets the clone up, runs every suite, and ends with one line that counts them all.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, root } from "./setup.mjs";

const COUNTS = join(root, ".cache", "test-counts.json");

process.exitCode = main(process.argv.slice(2));

function main(args) {
  try {
    ensureInstalled();
    ensureBuilt();
  } catch (error) {
    console.error(`bpfkit: set-up failed: ${error.message}`);
    return finish({ passed: 0, failed: 1, skipped: 0 }, 1);
  }
  mkdirSync(join(root, ".cache"), { recursive: true });
  rmSync(COUNTS, { force: true });
  const vitest = spawnSync(
    process.execPath,
    [
      join(root, "node_modules", "vitest", "vitest.mjs"),
      "run",
      "--reporter=default",
      `--reporter=${join(root, "scripts", "count-reporter.mjs")}`,
      ...args,
    ],
    {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, BPFKIT_TEST_COUNTS: COUNTS },
    },
  );
  // A runner that died before its end has counted nothing: that is a failure of its own.
  const counts = existsSync(COUNTS)
    ? JSON.parse(readFileSync(COUNTS, "utf8"))
    : { passed: 0, failed: 1, skipped: 0 };
  return finish(counts, vitest.status ?? 1);
}

function finish({ passed, failed, skipped }, status) {
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed > 0 ? 1 : status;
}
