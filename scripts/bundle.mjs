// Joins the compiled command line into a few files, one for what every verb needs and one for each part that is
// loaded lazily: Node takes 70 ms to find and load a hundred modules, and 20 ms for the same code in one.
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "rolldown";
import { root } from "./setup.mjs";

const input = join(root, "dist", "cli", "main.js");
const folder = join(root, "dist", "bin");

if (existsSync(input)) {
  rmSync(folder, { recursive: true, force: true });
  await build({
    input: { bpfkit: input },
    platform: "node",
    external: ["koffi"],
    logLevel: "warn",
    output: { dir: folder, format: "esm", sourcemap: true, chunkFileNames: "[name]-[hash].js" },
  });
}
