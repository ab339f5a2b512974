import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder of the package that this is. */
export function packageRoot(): string {
  return fileURLToPath(new URL("../../", import.meta.url));
}

export function version(): string {
  const json: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof json === "object" && json !== null && "version" in json ? String(json.version) : "unknown";
}
