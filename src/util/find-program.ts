import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** A program as a shell finds it: a path as it is, a name along PATH. */
export function findProgram(name: string): string | undefined {
  const places = name.includes("/")
    ? [name]
    : (process.env["PATH"] ?? "").split(delimiter).map((directory) => join(directory || ".", name));
  return places.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}
