import { cHeaderBytes, rawText } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import type { Arguments } from "./arguments.ts";
import { BAD_FILE, readOtherTypes, readTypes } from "./btf-file.ts";
import { rawJson } from "./btf-raw.ts";
import type { Command, CommandContext } from "./command.ts";
import type { TypeSource } from "./kernel-types.ts";
import { ToolError } from "./tool-error.ts";

/** btf dump { file F... | id N | prog PROG | map MAP [key|value|kv|all] } [format raw|c] [unsorted] [root_id N]... */
export const dumpBtf: Command = async (context) => {
  const { args, options } = context;
  args.require(2, "dump");
  const source = await openSource(context);
  const style = takeStyle(args, source.roots !== undefined);
  const roots = style.roots.length > 0 ? style.roots : source.roots;
  const { btf } = source;
  for (const root of roots ?? [])
    if (!btf.has(root)) throw new ToolError(`invalid root ID: ${root}`, BAD_FILE);
  if (style.c) {
    if (options.json) throw new ToolError("JSON output for C-syntax dump is not supported", NOT_SUPPORTED);
    const text = cHeaderBytes(btf, {
      ...(roots && { roots }),
      order: style.sorted ? "sorted" : "id",
      exact: style.exact,
    });
    return { text: () => text, json: () => null };
  }
  const ids = roots ? Uint32Array.from(roots) : ownIds(btf);
  return { text: () => rawText(btf, ids), json: () => rawJson(btf, ids) };
};

function ownIds({ firstId, typeCount }: Btf): Uint32Array {
  return new Uint32Array(typeCount - firstId).map((_, index) => firstId + index);
}

interface Style {
  readonly c: boolean;
  readonly sorted: boolean;
  /** The bytes that bpftool 7.8 prints, with the type that it loses lost. */
  readonly exact: boolean;
  readonly roots: readonly number[];
}

const MOST_ROOTS = 16;
/** E2BIG and ENOTSUP (EOPNOTSUPP) as exit codes. */
const TOO_MANY = 249;
const NOT_SUPPORTED = 161;

function takeStyle(args: Arguments, filtered: boolean): Style {
  let style: Style = { c: false, sorted: true, exact: false, roots: [] };
  while (args.left > 0) {
    if (args.accept("format")) {
      const word = takeValue(args, "format");
      if (word !== "c" && word !== "raw")
        throw new ToolError(`unrecognized format specifier: '${word}', possible values: raw, c`, BAD_FILE);
      style = { ...style, c: word === "c" };
    } else if (args.accept("root_id")) {
      if (filtered) throw new ToolError("cannot use root_id with other type filtering", BAD_FILE);
      if (args.left === 0) takeValue(args, "root_id");
      const root = args.id("root ID");
      if (style.roots.includes(root)) throw new ToolError(`duplicate root_id ${root} supplied`, BAD_FILE);
      if (style.roots.length === MOST_ROOTS)
        throw new ToolError(`only ${MOST_ROOTS} root_id are supported`, TOO_MANY);
      style = { ...style, roots: [...style.roots, root] };
    } else if (args.accept("unsorted")) style = { ...style, sorted: false };
    else if (args.accept("exact")) style = { ...style, exact: true };
    else throw new ToolError(`unrecognized option: '${args.peek()}'`, BAD_FILE);
  }
  return style;
}

function takeValue(args: Arguments, option: string): string {
  if (args.left === 0) throw new ToolError(`expecting value for '${option}' option`, BAD_FILE);
  return args.take(option);
}

async function openSource(context: CommandContext): Promise<TypeSource> {
  const { args, options } = context;
  const base = options.baseBtf;
  if (args.accept("file")) return { btf: fileTypes(takeFiles(args), base), roots: undefined };
  // What the kernel is asked with takes longer to load than most files to print.
  const { kernelTypes } = await import("./kernel-types.ts");
  return kernelTypes(context, base === undefined ? undefined : () => readOtherTypes(base));
}

const SYSFS = "/sys/kernel/btf/";
const VMLINUX = `${SYSFS}vmlinux`;

/** The kernel's own file among several is the base that the rest continue. */
function takeFiles(args: Arguments): string[] {
  const files = [args.take("FILE")];
  while (args.accept("file")) files.push(args.take("FILE"));
  const others = files.filter((file) => file !== VMLINUX);
  return others.length === 0 ? [VMLINUX] : others;
}

function fileTypes(files: readonly string[], baseFile: string | undefined): Btf {
  const basePath = baseFile ?? (files.some(isModuleFile) ? VMLINUX : undefined);
  const base = basePath === undefined ? undefined : readOtherTypes(basePath);
  const [first = VMLINUX, ...others] = files;
  if (others.length === 0) return readTypes(first, base);
  if (!base)
    throw new ToolError(
      "base BTF is required when merging multiple BTF files; use -B/--base-btf or use sysfs paths",
      BAD_FILE,
    );
  throw new ToolError("merging several BTF files is not supported", NOT_SUPPORTED, [
    "Dump them one by one: `file` with -B for the base they continue",
  ]);
}

function isModuleFile(path: string): boolean {
  return path.startsWith(SYSFS) && path !== VMLINUX;
}
