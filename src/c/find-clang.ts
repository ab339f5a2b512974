import { spawnSync } from "node:child_process";
import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { CError } from "./error.ts";

export interface Clang {
  readonly path: string;
  readonly version: number;
}

/** The first that writes BTF type tags and all CO-RE relocations that vmlinux.h and our headers use. */
export const OLDEST_CLANG = 14;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The clang named by the variable CLANG, else `clang`, else the newest `clang-N` on PATH.
 * @throws CError `c/no-clang` with how to install one, `c/old-clang`
 */
export function findClang(environment: Environment): Clang {
  const named = environment["CLANG"];
  const candidates = named ? [named] : candidatesOnPath(environment["PATH"] ?? "");
  let old: Clang | undefined;
  for (const path of candidates) {
    const version = versionOf(path);
    if (version === undefined) continue;
    if (version >= OLDEST_CLANG) return { path, version };
    old ??= { path, version };
  }
  if (old)
    throw new CError(
      "c/old-clang",
      `${old.path} is clang ${old.version}; ${OLDEST_CLANG} is the oldest that will do`,
      [howToInstall()],
    );
  throw new CError(
    "c/no-clang",
    named
      ? `The compiler that CLANG names does not run: ${named}`
      : "There is no clang, which compiles C programs",
    [howToInstall()],
  );
}

function candidatesOnPath(path: string): string[] {
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  const plain = folders.map((folder) => join(folder, "clang"));
  const numbered = folders
    .flatMap((folder) =>
      namesIn(folder).flatMap((name) => {
        const version = /^clang-(\d+)$/.exec(name)?.[1];
        return version === undefined ? [] : [{ path: join(folder, name), version: Number(version) }];
      }),
    )
    .sort((a, b) => b.version - a.version);
  return [...plain, ...numbered.map(({ path: found }) => found)].filter(isExecutable);
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // PATH often names folders that do not exist.
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function versionOf(path: string): number | undefined {
  const { stdout, status } = spawnSync(path, ["--version"], { encoding: "utf8" });
  const version = /clang version (\d+)/.exec(stdout ?? "")?.[1];
  return status === 0 && version !== undefined ? Number(version) : undefined;
}

const PACKAGES: Readonly<Record<string, string>> = {
  debian: "apt install clang",
  ubuntu: "apt install clang",
  fedora: "dnf install clang",
  rhel: "dnf install clang",
  arch: "pacman -S clang",
  alpine: "apk add clang",
  suse: "zypper install clang",
  gentoo: "emerge llvm-core/clang",
  nixos: "nix-shell -p llvmPackages.clang-unwrapped",
};

/** By the distribution's name, or that of one it is like (os-release(5)). */
function howToInstall(): string {
  let text = "";
  try {
    text = readFileSync("/etc/os-release", "utf8");
  } catch {
    // An unknown distribution gets the general advice.
  }
  const names = [...text.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)].flatMap(([, value = ""]) =>
    value.split(" "),
  );
  const command = names.map((name) => PACKAGES[name]).find((found) => found !== undefined);
  const how = command === undefined ? "with the distribution's package clang" : `with: ${command}`;
  return `Install clang ${OLDEST_CLANG} or newer ${how}; or set CLANG to its path`;
}
