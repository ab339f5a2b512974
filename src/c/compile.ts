import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CError } from "./error.ts";
import { type Clang, findClang } from "./find-clang.ts";
import { clangFlags } from "./flags.ts";
import { type HeaderFolder, vmlinuxHeader } from "./vmlinux-header.ts";

export interface CompileOptions {
  /** BTF of the kernel whose types vmlinux.h has; without it programs cannot include vmlinux.h. */
  readonly btf?: Uint8Array | undefined;
  /** As process.arch names it: whose registers PT_REGS_PARM1 and its like mean. */
  readonly arch: string;
  /** clang's own arguments, as `-Iinclude`, `-DDEBUG`, `-mcpu=v3`. */
  readonly args?: readonly string[];
  /** Where CLANG and PATH are looked for; process.env unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** A run of clang that is ready to start. */
export interface ClangCommand extends Disposable {
  readonly clang: Clang;
  readonly args: readonly string[];
}

/**
 * The command that compiles; dispose of it once it has run.
 * @throws CError `c/no-clang`, `c/old-clang`; BtfError
 */
export function clangCommand(options: CompileOptions): ClangCommand {
  const { btf, arch, args = [], environment = process.env } = options;
  const clang = findClang(environment);
  const header: HeaderFolder | undefined = btf && vmlinuxHeader(btf);
  return {
    clang,
    args: [...clangFlags({ arch, ...(header && { vmlinux: header.path }) }), ...args],
    [Symbol.dispose]: () => header?.[Symbol.dispose](),
  };
}

/**
 * Compiles a C program to a BPF object.
 * @returns what clang warned of
 * @throws CError `c/compile` with clang's messages, `c/no-source`, `c/no-clang`, `c/old-clang`; BtfError
 */
export function compileC(source: string, object: string, options: CompileOptions): string {
  // Clang says so too, but as the first of several errors of its own.
  if (!existsSync(source))
    throw new CError("c/no-source", `There is no C program ${source}`, [
      `Paths are read from ${process.cwd()}`,
    ]);
  using command = clangCommand({ ...options, args: [...(options.args ?? []), "-c", source, "-o", object] });
  const { clang, args } = command;
  const { status, stderr, error } = spawnSync(clang.path, args, {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status === 0) return stderr;
  const reason = error ? error.message : stderr.trim();
  throw new CError(
    "c/compile",
    `clang could not compile ${source}:\n${reason}`,
    hintsFor(stderr, options),
    stderr,
  );
}

/**
 * Compiles a C program without leaving a file.
 * @returns the ELF file, and what clang warned of
 * @throws as compileC
 */
export function compileToMemory(
  source: string,
  options: CompileOptions,
): { readonly object: Uint8Array; readonly warnings: string } {
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-cc-"));
  try {
    const object = join(folder, "program.bpf.o");
    const warnings = compileC(source, object, options);
    return { object: readFileSync(object), warnings };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What clang's messages mean here, where they do not say it themselves. */
export function hintsFor(output: string, { btf }: Pick<CompileOptions, "btf">): string[] {
  if (!btf && /'vmlinux\.h' file not found/.test(output))
    return ["This kernel shows no types to make vmlinux.h of: give a file with --btf FILE"];
  return [];
}
