// What a fresh clone needs before anything of it can run: as a module, or run by ./bpfkit. Plain Node, since
// nothing is installed yet.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const INSTALLED = join(root, "node_modules", ".package-lock.json");
const BUILT = join(root, "dist", ".built");

/** Runs a command in the repository; its standard output goes to our standard error. */
export function run(command, args) {
  execFileSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
}

export function ensureInstalled() {
  if (existsSync(INSTALLED) && modified(INSTALLED) >= modified(join(root, "package-lock.json"))) return;
  console.error("bpfkit: installing packages (npm ci)");
  run("npm", ["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"]);
  const now = new Date();
  utimesSync(INSTALLED, now, now);
}

export function ensureBuilt() {
  const sources = [join(root, "src"), join(root, "tsconfig.json"), join(root, "tsconfig.build.json")];
  if (existsSync(BUILT) && modified(BUILT) >= Math.max(...sources.map(newest))) return;
  console.error("bpfkit: building (npm run build)");
  run("npm", ["run", "-s", "build"]);
  writeFileSync(BUILT, "");
}

function newest(path) {
  const own = modified(path);
  if (!statSync(path).isDirectory()) return own;
  return Math.max(own, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function modified(path) {
  return statSync(path).mtimeMs;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  ensureInstalled();
  ensureBuilt();
}
