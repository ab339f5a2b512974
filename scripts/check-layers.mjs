// Keeps the table in docs/architecture.md true: a room imports only from rooms above its own row, through
// their door (index.ts), type imports included; and no file takes part in an import cycle.
import { readFileSync, readdirSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative } from "node:path";
import { root } from "./setup.mjs";

/** Which room alone may import a package. */
const PACKAGES = { koffi: "kernel/linux", "@alexaltea/capstone-js": "disassembler" };

const src = join(root, "src");
const rooms = readRooms();
const files = readdirSync(src, { recursive: true })
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
  .sort((a, b) => a.localeCompare(b));
const imports = new Map(files.map((file) => [file, readImports(file)]));
const problems = [...files.flatMap(checkFile), ...findCycles()];

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;

/** Rooms in the order of the table's rows: `util`, `kernel/linux`, `errors.ts`. */
function readRooms() {
  const table = readFileSync(join(root, "docs", "architecture.md"), "utf8");
  return table
    .split("\n")
    .filter((line) => /^\| \d+ \|/.test(line))
    .flatMap((line, row) =>
      [...line.split("|")[2].matchAll(/`([^`]+)`/g)].map(([, name]) => ({
        name: name.replace(/\/$/, ""),
        row,
      })),
    );
}

/** The most specific room that holds the file. */
function roomOf(file) {
  return rooms
    .filter(({ name }) => file === name || file.startsWith(`${name}/`))
    .reduce((best, room) => (best && best.name.length >= room.name.length ? best : room), undefined);
}

function readImports(file) {
  const text = readFileSync(join(src, file), "utf8").replace(/^\s*(\/?\*|\/\/).*$/gm, "");
  const found = text.matchAll(
    /^\s*(?:import|export)\s[^;"'`]*?from\s*["']([^"']+)["']|\bimport\s*\(?\s*["']([^"']+)["']/gm,
  );
  return [...found].map(([, from, bare]) => from ?? bare);
}

function target(file, specifier) {
  return relative(src, join(src, dirname(file), specifier)).replace(/\.js$/, ".ts");
}

function checkFile(file) {
  const room = roomOf(file);
  // src/index.ts is the package's face and may re-export every room.
  if (!room) return file === "index.ts" ? [] : [`src/${file}: no room in docs/architecture.md holds it`];
  return imports.get(file).flatMap((specifier) => checkImport(file, room, specifier));
}

function checkImport(file, room, specifier) {
  if (!specifier.startsWith(".")) return checkPackage(file, room, specifier);
  const to = target(file, specifier);
  const other = roomOf(to);
  if (!other) return [`src/${file}: imports src/${to}, which is in no room`];
  if (other.name === room.name) return [];
  if (other.row > room.row || (other.row === room.row && other.name.includes("/")))
    return [`src/${file}: ${room.name} must not import ${other.name} (src/${to}), a room below it`];
  if (to !== other.name && to !== `${other.name}/index.ts`)
    return [`src/${file}: import ${other.name} through its index.ts, not src/${to}`];
  return [];
}

function checkPackage(file, room, specifier) {
  const name = specifier.replace(/^node:/, "").split("/")[0];
  if (specifier.startsWith("node:")) return [];
  if (builtinModules.includes(name)) return [`src/${file}: write node:${specifier}`];
  if (PACKAGES[name] === room.name) return [];
  return [`src/${file}: ${room.name} must not import the package ${specifier}`];
}

function findCycles() {
  const state = new Map();
  const cycles = [];
  const visit = (file, path) => {
    if (state.get(file) === "done" || !imports.has(file)) return;
    if (state.get(file) === "open") {
      cycles.push(`import cycle: ${[...path.slice(path.indexOf(file)), file].join(" -> ")}`);
      return;
    }
    state.set(file, "open");
    for (const specifier of imports.get(file))
      if (specifier.startsWith(".")) visit(target(file, specifier), [...path, file]);
    state.set(file, "done");
  };
  for (const file of files) visit(file, []);
  return cycles;
}
