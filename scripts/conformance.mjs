// npm run conformance -- RUNNER TESTS_DIR: runs bpf_conformance with the interpreter and with the JIT.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, root } from "./setup.mjs";

process.exitCode = main(process.argv.slice(2));

function main([runner, tests]) {
  if (!runner || !tests || !existsSync(runner) || !existsSync(tests)) {
    console.log("skipped: give the path of bpf_conformance_runner and of its tests directory");
    return 0;
  }
  ensureInstalled();
  ensureBuilt();
  return Math.max(...["jit", "interpreter"].map((mode) => runMode(runner, tests, mode)));
}

function runMode(runner, tests, mode) {
  const { stdout, stderr, status, error } = spawnSync(
    runner,
    [
      ["--test_file_directory", tests],
      ["--plugin_path", join(root, "scripts", "conformance-plugin.mjs")],
      ["--plugin_options", `--${mode}`],
      ["--cpu_version", "v4"],
      ["--include_groups", "callx", "packet"],
    ].flat(),
    { encoding: "utf8", maxBuffer: 1 << 26 },
  );
  if (error) throw error;
  for (const line of stdout.split("\n")) if (/^(FAIL|ERROR|SKIP)/.test(line)) console.log(line);
  if (stderr) console.error(stderr.trim());
  console.log(`${mode}: ${stdout.trim().split("\n").at(-1)}`);
  return status ?? 1;
}
