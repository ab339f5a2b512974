// node scripts/run-ts.mjs FILE [ARGUMENT...]: runs a TypeScript file of test/ or bench/ (Node 20 cannot itself).
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureBuilt, ensureInstalled, root, run } from "./setup.mjs";

const [file, ...args] = process.argv.slice(2);
ensureInstalled();
ensureBuilt();
run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "tsconfig.tools.json"]);
process.argv = [process.execPath, file, ...args];
await import(pathToFileURL(join(root, ".cache", "tools", file.replace(/\.ts$/, ".js"))).href);
