import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { repository } from "./repository.ts";

// Programs in C and TypeScript for guests, which have neither compiler.

/** The object of a C program, without what debuggers alone read, which is most of it. */
export function objectOf(source: string): Uint8Array {
  return inFolder((folder) => {
    const [compiled, object] = [join(folder, "debug.bpf.o"), join(folder, "program.bpf.o")];
    bpfkit("cc", source, "-o", compiled);
    bpfkit("gen", "object", object, compiled);
    return readFileSync(object);
  });
}

/** The skeleton of an object, as JavaScript. */
export function skeletonOf(object: Uint8Array): Uint8Array {
  return inFolder((folder) => {
    const [path, module] = [join(folder, "program.bpf.o"), join(folder, "skeleton.mts")];
    writeFileSync(path, object);
    const options = { cwd: repository(), maxBuffer: 1 << 26 };
    const source = execFileSync(process.execPath, ["dist/bin/bpfkit.js", "gen", "skeleton", path], options);
    writeFileSync(module, source);
    return scriptOf(module);
  });
}

/**
 * A TypeScript program as JavaScript, to be put beside the package, which it imports by its name. What it imports of
 * the repository's src/ lies in the guest's dist/. Types are checked elsewhere: only the syntax is taken away.
 */
export function scriptOf(source: string): Uint8Array {
  return inFolder((folder) => {
    const tsc = join(repository(), "node_modules/typescript/bin/tsc");
    const flags = [
      "--noCheck",
      "--noResolve",
      "--ignoreConfig",
      "--target",
      "es2023",
      "--module",
      "nodenext",
    ];
    execFileSync(
      process.execPath,
      [
        tsc,
        ...flags,
        "--rewriteRelativeImportExtensions",
        "--rootDir",
        dirname(source),
        "--outDir",
        folder,
        source,
      ],
      { cwd: repository() },
    );
    const script = readFileSync(join(folder, basename(source).replace(/ts$/, "js")), "utf8");
    return Buffer.from(script.replace(/"(?:\.\.\/)+src\//g, '"/bpfkit/dist/'));
  });
}

function bpfkit(...args: readonly string[]): void {
  execFileSync(process.execPath, ["dist/bin/bpfkit.js", ...args], { cwd: repository() });
}

function inFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-programs-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
