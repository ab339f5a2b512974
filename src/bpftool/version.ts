import { readFileSync } from "node:fs";
import type { Command } from "./command.ts";

/** The version of bpftool whose grammar and texts are spoken. */
const SPEAKS = "7.8.0";

export const showVersion: Command = ({ args }) => {
  args.end();
  const version = ownVersion();
  return {
    text: () => `bpfkit v${version}\nspeaking bpftool v${SPEAKS}\nfeatures: pids, jited\n`,
    json: () => ({
      version: SPEAKS,
      bpfkit_version: version,
      features: { libbfd: false, llvm: false, crypto: false, skeletons: false, bootstrap: false, pids: true },
    }),
  };
};

/** Of the package that this file was installed with, whether bundled or not. */
function ownVersion(): string {
  for (const path of ["../../package.json", "../package.json"]) {
    try {
      const json: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
      if (typeof json === "object" && json !== null && "version" in json) return String(json.version);
    } catch {
      // The bundle lies one folder nearer.
    }
  }
  return "unknown";
}
