// Joins the compiled command line into a few files, one for what every verb needs and one for each part that is
// loaded lazily: Node takes 70 ms to find and load a hundred modules, and 20 ms for the same code in one. Runs
// that use most of it leave V8's compiled code beside the files (see entry.cjs).
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { build } from "rolldown";
import { root } from "./setup.mjs";

const input = join(root, "dist", "cli", "main.js");
const folder = join(root, "dist", "bin");
const entry = join(folder, "bpfkit.js");

/** Later runs win; those that this machine does not permit fail, and leave nothing. None attaches a probe. */
const RUNS = [
  ["trace", "--help"],
  ["btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "c"],
  ["build", join(root, "examples", "process-creation.bt"), "-o", "/dev/null"],
  ["trace", "-q", "-o", "/dev/null", join(root, "scripts", "warm-up.bt")],
];

if (existsSync(input)) {
  rmSync(folder, { recursive: true, force: true });
  await build({
    input: { main: input },
    platform: "node",
    external: ["koffi", "@alexaltea/capstone-js"],
    logLevel: "warn",
    output: { dir: folder, format: "cjs", sourcemap: true, chunkFileNames: "[name]-[hash].js" },
  });
  writeFileSync(join(folder, "package.json"), '{ "type": "commonjs" }\n');
  copyFileSync(join(root, "scripts", "entry.cjs"), entry);
  const koffi = koffiBinary();
  if (koffi) writeFileSync(join(folder, "koffi.path"), relative(folder, koffi));
  for (const args of RUNS) {
    spawnSync(process.execPath, [entry, ...args], {
      env: { ...process.env, BPFKIT_RECORD_CODE: "1" },
      stdio: "ignore",
    });
  }
}

/** The shared object that koffi loads here; undefined if it is not installed. */
function koffiBinary() {
  const require = createRequire(import.meta.url);
  try {
    require("koffi");
  } catch {
    return undefined;
  }
  return Object.keys(require.cache).find((path) => path.endsWith("/koffi.node"));
}
