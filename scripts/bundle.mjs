// Joins the compiled command line into a few files, one for what every verb needs and one for each part that is
// loaded lazily: Node takes 70 ms to find and load a hundred modules, and 20 ms for the same code in one. Runs
// that use most of it leave V8's compiled code beside the files (see entry.cjs).
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { build } from "rolldown";
import { root } from "./setup.mjs";

const input = join(root, "dist", "cli", "main.js");
/** Where it is used from, at any time and also now. */
const used = join(root, "dist", "bin");
/** Where it is made: beside it, so that relative paths are the same. */
const folder = join(root, "dist", `bin.${process.pid}`);
const entry = join(folder, "bpfkit.js");
/** Milliseconds after which no run of an older build needs its parts any more. */
const OLD = 3_600_000;

/** Later runs win; those that this machine does not permit fail, and leave nothing. None attaches a probe. */
const RUNS = [
  ["trace", "--help"],
  ["btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "c"],
  ["build", join(root, "examples", "process-creation.bt"), "-o", "/dev/null"],
  ["trace", "-q", "-o", "/dev/null", join(root, "scripts", "warm-up.bt")],
];

if (existsSync(input)) {
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
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
  putInPlace();
}

/**
 * File by file, so that whoever starts meanwhile finds a whole build, the old one or the new one: parts have the
 * hashes of their contents in their names, and main.js, which names them, comes behind them. Compiled code must not
 * be found beside other source. Parts of the build before stay for runs that are still to load them.
 */
function putInPlace() {
  mkdirSync(used, { recursive: true });
  const names = readdirSync(folder);
  const main = ["main.js.code", "main.js", "main.js.map"];
  for (const name of names) if (!main.includes(name)) renameSync(join(folder, name), join(used, name));
  rmSync(join(used, "main.js.code"), { force: true });
  for (const name of ["main.js", "main.js.map", "main.js.code"])
    if (names.includes(name)) renameSync(join(folder, name), join(used, name));
  for (const name of readdirSync(used)) {
    const path = join(used, name);
    if (!names.includes(name) && Date.now() - statSync(path).mtimeMs > OLD) rmSync(path);
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
