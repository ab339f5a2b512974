import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Why programs cannot be built here; undefined where they can. */
export const noCompiler: string | undefined = spawnSync("cc", ["--version"]).error
  ? "there is no C compiler (cc)"
  : undefined;

/** Programs of test/processes/programs, built into a folder that goes away. */
export class Programs implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "bpfkit-programs-"));

  /** The built program's path. @throws where it does not build */
  build(source: string, name: string = source.replace(/\.c$/, ""), ...flags: readonly string[]): string {
    const path = join(this.folder, name);
    const from = resolve("test/processes/programs", source);
    execFileSync("cc", ["-O1", "-fno-optimize-sibling-calls", "-o", path, from, ...flags], { stdio: "pipe" });
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}
