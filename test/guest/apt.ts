import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Unavailable } from "./unavailable.ts";

/** Debian's releases, oldest first; what apt may be asked for beside the machine's own. */
const RELEASES = ["bullseye", "bookworm", "trixie", "forky", "sid"];

interface Source {
  readonly uri: string;
  readonly signedBy: string | undefined;
}

/**
 * An apt of our own in a folder: it reads the archive that the machine's apt reads, but also other
 * releases, and installs nothing. Needs no root.
 */
export class Apt {
  readonly #folder: string;
  readonly #options: readonly string[];

  constructor(folder: string, suites: readonly string[]) {
    const source = findSource();
    for (const part of ["state/lists/partial", "cache/archives/partial"])
      mkdirSync(join(folder, part), { recursive: true });
    const list = join(folder, "guest.sources");
    const stanza = [
      "Types: deb",
      `URIs: ${source.uri}`,
      `Suites: ${suites.join(" ")}`,
      "Components: main",
      "Architectures: amd64",
      ...(source.signedBy === undefined ? [] : [`Signed-By: ${source.signedBy}`]),
    ];
    writeFileSync(list, `${stanza.join("\n")}\n`);
    this.#folder = folder;
    this.#options = [
      ["Dir::Etc::sourcelist", list],
      ["Dir::Etc::sourceparts", "-"],
      ["Dir::State", join(folder, "state")],
      ["Dir::State::status", "/dev/null"],
      ["Dir::Cache", join(folder, "cache")],
      ["Acquire::Languages", "none"],
      ["Acquire::Check-Valid-Until", "false"],
      ["APT::Sandbox::User", ""],
    ].flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  }

  update(): void {
    run("apt-get", [...this.#options, "-qq", "update"], this.#folder);
  }

  names(prefix: string): string[] {
    return run("apt-cache", [...this.#options, "pkgnames", prefix], this.#folder)
      .split("\n")
      .filter(Boolean);
  }

  /** Downloads a package and unpacks the files of it that match the glob patterns (`./boot/*`). */
  unpack(name: string, into: string, patterns: readonly string[]): void {
    const debs = join(this.#folder, "debs");
    mkdirSync(debs, { recursive: true });
    const held = (): string | undefined => readdirSync(debs).find((file) => file.startsWith(`${name}_`));
    if (!held()) run("apt-get", [...this.#options, "-qq", "download", name], debs);
    const deb = held();
    if (!deb) throw new Unavailable(`apt has no package ${name}`);
    mkdirSync(into, { recursive: true });
    run(
      "sh",
      ["-c", 'dpkg-deb --fsys-tarfile "$0" | tar -x --wildcards "$@"', join(debs, deb), ...patterns],
      into,
    );
  }
}

/** Installs Debian packages on this machine where that is ours to do. */
export function install(packages: readonly string[]): void {
  const wanted = packages.join(" ");
  if (process.getuid?.() !== 0)
    throw new Unavailable(`${wanted} not installed, and only root can install it`);
  if (!existsSync("/usr/bin/apt-get")) throw new Unavailable(`${wanted} not installed, and there is no apt`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  run("apt-get", ["-qq", "update"], "/", env);
  run("apt-get", ["-qq", "-y", "--no-install-recommends", "install", ...packages], "/", env);
}

/** apt does not wait for another apt: test files that run side by side take turns. */
const LOCK: string = join(tmpdir(), "bpfkit-apt.lock");

function run(command: string, args: readonly string[], cwd: string, env?: NodeJS.ProcessEnv): string {
  try {
    return execFileSync("flock", [LOCK, command, ...args], {
      cwd,
      encoding: "utf8",
      maxBuffer: 1 << 28,
      stdio: ["ignore", "pipe", "pipe"],
      ...(env && { env }),
    });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new Unavailable(`${basename(command)}: ${message}`, { cause });
  }
}

/** The Debian archive that this machine's apt uses; a dated snapshot holds the other releases too. */
function findSource(): Source {
  const folder = "/etc/apt/sources.list.d";
  const names = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  const files = [...names, "/etc/apt/sources.list"].filter((file) => existsSync(file));
  const found = files.flatMap((file) => {
    const text = readFileSync(file, "utf8");
    if (file.endsWith(".sources")) return readStanzas(text);
    return file.endsWith(".list") ? readLines(text) : [];
  });
  if (found[0]) return found[0];
  throw new Unavailable("this machine's apt has no Debian archive to take kernels from");
}

function readStanzas(text: string): Source[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}:[ \t]*(.+)$`, "im").exec(stanza)?.[1]?.trim();
    const uri = field("URIs")?.split(/\s+/)[0];
    const suites = field("Suites")?.split(/\s+/) ?? [];
    if (uri === undefined || !suites.some((suite) => RELEASES.includes(suite))) return [];
    return [{ uri, signedBy: field("Signed-By") }];
  });
}

function readLines(text: string): Source[] {
  const pattern = /^deb\s+(?:\[(?<options>[^\]]*)\]\s+)?(?<uri>\S+)\s+(?<suite>\S+)\s/gm;
  return [...text.matchAll(pattern)].flatMap(({ groups }) => {
    if (!groups?.["uri"] || !RELEASES.includes(groups["suite"] ?? "")) return [];
    return [{ uri: groups["uri"], signedBy: /signed-by=(\S+)/.exec(groups["options"] ?? "")?.[1] }];
  });
}
