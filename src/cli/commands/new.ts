import { existsSync, mkdirSync, readdirSync, writeFileSync, writeSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { BpfkitError } from "../../errors.ts";
import { isProjectName, projectFiles } from "../../scaffold/index.ts";
import { parseArguments, usageError } from "../arguments.ts";
import type { Invocation } from "../command.ts";
import { newOptions } from "../run-options.ts";
import { packageRoot, version } from "../version.ts";

/** `new`: writes the files of a project into a folder of its name, which must not be there. */
export async function newProject(args: readonly string[], invocation: Invocation): Promise<number> {
  const { options, positionals } = parseArguments(args, newOptions, invocation);
  if (options.has("help")) {
    writeSync(1, await invocation.help());
    return 0;
  }
  const [folder, ...others] = positionals;
  if (folder === undefined || others.length > 0)
    throw usageError("Give one name for the project", invocation);
  const name = basename(folder);
  if (!isProjectName(name))
    throw usageError(`${name} is no name for a package: lower-case letters, digits and dashes`, invocation);
  if (existsSync(folder) && readdirSync(folder).length > 0)
    throw new BpfkitError(`${folder} is there already, and not empty`, {
      code: "cli/exists",
      hints: ["Nothing was written: give another name, or remove it first"],
    });
  const files = projectFiles({
    name,
    language: options.get("lang") === "bt" ? "bt" : "c",
    dependency: dependency(folder),
  });
  for (const { path, text } of files) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { flag: "wx" });
  }
  const list = files.map(({ path }) => `  ${join(folder, path)}\n`).join("");
  writeSync(1, `${list}\nNext:\n  cd ${folder}\n  npm install\n  npm test\n  sudo npm start\n`);
  return 0;
}

/** Installed from a registry: this version and what is compatible; from a clone: the clone. */
function dependency(folder: string): string {
  const root = packageRoot();
  return existsSync(join(root, ".git")) ? `file:${relative(folder, root)}` : `^${version()}`;
}
