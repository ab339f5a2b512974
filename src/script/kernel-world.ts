import { readFileSync, statSync } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { btfView, type BtfView, type KernelFunction, type World } from "../bpftrace/index.ts";
import type { SourceText } from "../diagnostic.ts";
import { parseBtf, type Btf } from "../btf/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { UserFiles } from "./user-files.ts";

const LIBRARY_DIRECTORIES = [
  "/lib",
  "/usr/lib",
  "/usr/local/lib",
  "/lib64",
  "/usr/lib64",
  ...["x86_64-linux-gnu", "aarch64-linux-gnu"].flatMap((triple) => [`/lib/${triple}`, `/usr/lib/${triple}`]),
];

const OF_RECORDINGS =
  "A recording has what was recorded: bpfkit record info FILE tells, and bpfkit record -e PROBES records more";

/** What the compiler may ask of the machine that the kernel runs on; each answer is looked up when asked for. */
export function kernelWorld(kernel: Kernel, includeFolders: readonly string[] = []): World {
  const { files } = kernel;
  const types = new Types(kernel);
  const userFiles = new UserFiles();
  return {
    arch: kernel.release.arch,
    ...(kernel.name === "recording" && { missingHint: OF_RECORDINGS }),
    cpus: files.possibleCpus().length,
    ...(files.hasBtf() && { btf: lazyView(() => types.view()) }),
    moduleBtf: (module) => types.moduleView(module),
    tracepoints: () =>
      files.tracefsDirectory("events").flatMap((category) =>
        files
          .tracefsDirectory(`events/${category}`)
          .filter((event) => event !== "enable" && event !== "filter")
          .map((event) => `${category}:${event}`),
      ),
    tracepointFormat: (category, event) => files.tracefs(`events/${category}/${event}/format`),
    kernelFunctions: () => kernelFunctions(kernel),
    userSymbols: (path) => userFiles.functions(path),
    usdtProbes: (path) => userFiles.staticProbes(path, kernel.release.arch),
    userPlace: (path, place) => userFiles.place(path, place),
    findExecutable,
    cgroupId,
    kernelAddress: (name) => kernelAddress(files.kallsyms(), name),
    header: (path, folder) =>
      findHeader(path, folder === undefined ? includeFolders : [folder, ...includeFolders]),
  };
}

/** Reads the types when a script first asks for one: most of the small ones never do. */
function lazyView(load: () => BtfView): BtfView {
  let loaded: BtfView | undefined;
  const view = (): BtfView => (loaded ??= load());
  return {
    find: (kind, name) => view().find(kind, name),
    type: (id) => view().type(id),
    names: (kind) => view().names(kind),
    enumerator: (name) => view().enumerator(name),
  };
}

class Types {
  readonly #kernel: Kernel;
  readonly #modules = new Map<string, BtfView | undefined>();
  #vmlinux: Btf | undefined;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  view(): BtfView {
    return btfView(this.#kernelTypes());
  }

  moduleView(module: string): BtfView | undefined {
    const { files } = this.#kernel;
    if (!this.#modules.has(module)) {
      const known = files.hasBtf() && files.hasBtf(module);
      this.#modules.set(
        module,
        known ? btfView(parseBtf(files.btf(module), this.#kernelTypes())) : undefined,
      );
    }
    return this.#modules.get(module);
  }

  #kernelTypes(): Btf {
    return (this.#vmlinux ??= parseBtf(this.#kernel.files.btf()));
  }
}

/** Functions that the kernel lets probe; without tracefs' list every function symbol. */
function kernelFunctions({ files }: Kernel): readonly KernelFunction[] | undefined {
  const list = files.tracefs("available_filter_functions");
  if (list !== undefined) {
    return list
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [name = "", module] = line.split(/\s+/);
        return { name, module: module?.replace(/^\[|\]$/g, "") ?? "vmlinux" };
      });
  }
  const symbols = Buffer.from(files.kallsyms()).toString("latin1");
  if (symbols === "") return undefined;
  return Array.from(symbols.matchAll(/^[\da-f]+ [tT] (\S+)(?:\t\[(.+)\])?$/gm), ([, name = "", module]) => ({
    name,
    module: module ?? "vmlinux",
  }));
}

/** A path, a program on PATH, or a library as `c` or `libssl`. */
function findExecutable(name: string): string | undefined {
  if (name.includes("/")) return isFile(name) ? resolve(name) : undefined;
  const onPath = (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((directory) => join(directory || ".", name));
  // `c` and `libc` both mean libc.so.6.
  const files = [`lib${name}.so`, `${name}.so`].flatMap((file) => [
    file,
    ...[1, 2, 3, 6].map((version) => `${file}.${version}`),
  ]);
  const libraries = LIBRARY_DIRECTORIES.flatMap((directory) =>
    [name, ...files].map((file) => join(directory, file)),
  );
  return [...onPath, ...libraries].find((path) => isElfFile(path));
}

function cgroupId(path: string): bigint | undefined {
  const candidates = [path, join("/sys/fs/cgroup", path), join("/sys/fs/cgroup/unified", path)];
  const found = candidates
    .filter((candidate) => isAbsolute(candidate))
    .find((candidate) => exists(candidate));
  return found === undefined ? undefined : statSync(found, { bigint: true }).ino;
}

function kernelAddress(kallsyms: Uint8Array, name: string): bigint | undefined {
  const text = Buffer.from(kallsyms).toString("latin1");
  const at = text.indexOf(` ${name}\n`);
  if (at < 0) return undefined;
  const line = text.slice(text.lastIndexOf("\n", at) + 1, at);
  const address = BigInt(`0x${line.split(" ")[0]}`);
  return address === 0n ? undefined : address;
}

function findHeader(path: string, folders: readonly string[]): SourceText | undefined {
  const name = folders.map((folder) => (isAbsolute(path) ? path : join(folder, path))).find(isFile);
  return name === undefined ? undefined : { name, text: readFileSync(name, "utf8") };
}

function isElfFile(path: string): boolean {
  // Linker scripts such as libc.so share the libraries' names.
  return isFile(path) && readFileSync(path).subarray(0, 4).toString("latin1") === "\x7fELF";
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
