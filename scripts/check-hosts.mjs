// Nothing in the repository may depend on where it was written: no package registry's host and no path of
// somebody's machine. Mirrors come from the machine's own settings (.npmrc, apt sources).
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup.mjs";

const REGISTRIES = ["npmjs", "yarnpkg", "debian", "ubuntu", "nodesource", "pypi", "githubusercontent"];
const PATTERNS = [
  [new RegExp(String.raw`\b(?:${REGISTRIES.join("|")})\.(?:org|com)\b`), "a package registry's host"],
  [/"resolved":\s*"http/, "a package registry's address"],
  [/(?<![\w.])\/(?:root|work|home\/\w+)\/\w/, "a path of one machine"],
];

const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
  maxBuffer: 1 << 26,
});
const problems = files.split("\0").filter(Boolean).flatMap(check);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;

function check(file) {
  let text;
  try {
    text = readFileSync(join(root, file), "utf8");
  } catch (error) {
    // Deleted in the work tree, not yet in the index.
    if (error.code === "ENOENT") return [];
    throw error;
  }
  return text
    .split("\n")
    .flatMap((line, index) =>
      PATTERNS.filter(([pattern]) => pattern.test(line)).map(
        ([, what]) => `${file}:${index + 1}: holds ${what}`,
      ),
    );
}
