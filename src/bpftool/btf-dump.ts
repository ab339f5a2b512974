import { readFileSync } from "node:fs";
import { btfFromFile, cHeader, parseBtf } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import { btfData, mapInfo, programInfo } from "../inspect/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import type { Arguments } from "./arguments.ts";
import { rawJson, rawText } from "./btf-raw.ts";
import type { Command, CommandContext } from "./command.ts";
import { openById, openMaps, openPrograms, single } from "./handle.ts";
import { ToolError } from "./tool-error.ts";

/** Types to print, and which of them alone where the command names some. */
interface Source {
  readonly btf: Btf;
  readonly roots: readonly number[] | undefined;
}

/** btf dump { file F | id N | prog PROG | map MAP [key|value|kv|all] } [format raw|c [unsorted]] [root_id N]... */
export const dumpBtf: Command = async (context) => {
  const { args, options } = context;
  const source = await openSource(context);
  const style = takeStyle(args);
  const roots = takeRoots(args) ?? source.roots;
  args.end();
  const { btf } = source;
  if (style.c) {
    if (options.json) throw new ToolError("JSON output for C-syntax dump is not supported");
    const text = cHeader(btf, {
      ...(roots && { roots }),
      order: style.sorted ? "sorted" : "id",
      exact: style.exact,
    });
    return { text: () => text, json: () => null };
  }
  const ids = roots ?? Array.from({ length: btf.typeCount - btf.firstId }, (_, index) => btf.firstId + index);
  return { text: () => rawText(btf, ids), json: () => rawJson(btf, ids) };
};

async function openSource({ args, options, kernel: open }: CommandContext): Promise<Source> {
  if (args.accept("file")) {
    const path = args.take("file");
    const base = options.baseBtf ?? moduleBase(path);
    return {
      btf: btfFromFile(readBytes(path), base === undefined ? undefined : btfFromFile(readBytes(base))),
      roots: undefined,
    };
  }
  const kernel = await open();
  if (args.accept("id")) return { btf: kernelBtf(kernel, args.number("id")), roots: undefined };
  if (args.accept("prog")) {
    const fd = single(kernel, "program", openPrograms(kernel, args));
    return { btf: ownBtf(kernel, fd, programInfo(kernel, fd).btfId), roots: undefined };
  }
  if (!args.accept("map")) throw new ToolError(`unrecognized BTF source specifier: '${args.peek() ?? ""}'`);
  const fd = single(kernel, "map", openMaps(kernel, args));
  const info = mapInfo(kernel, fd);
  const btf = ownBtf(kernel, fd, info.btfId);
  if (args.accept("key")) return { btf, roots: [info.btfKeyTypeId] };
  if (args.accept("value")) return { btf, roots: [info.btfValueTypeId] };
  if (args.accept("all")) return { btf, roots: undefined };
  args.accept("kv");
  return { btf, roots: [info.btfKeyTypeId, info.btfValueTypeId].filter((id) => id !== 0) };
}

function takeStyle(args: Arguments): {
  readonly c: boolean;
  readonly sorted: boolean;
  readonly exact: boolean;
} {
  if (!args.accept("format")) return { c: false, sorted: true, exact: false };
  const word = args.take("format");
  if (word !== "c" && word !== "raw")
    throw new ToolError(`unrecognized format specifier: '${word}', possible values: raw, c`);
  const sorted = !args.accept("unsorted");
  // The bytes that bpftool 7.8 prints, with the type that it loses lost.
  return { c: word === "c", sorted, exact: args.accept("exact") };
}

function takeRoots(args: Arguments): number[] | undefined {
  const roots: number[] = [];
  while (args.accept("root_id")) roots.push(args.number("root_id"));
  return roots.length === 0 ? undefined : roots;
}

function ownBtf(kernel: Kernel, fd: Fd, id: number): Btf {
  kernel.close(fd);
  if (id === 0) throw new ToolError("no BTF is associated with this object");
  return kernelBtf(kernel, id);
}

/** Modules continue the kernel's own BTF. */
function kernelBtf(kernel: Kernel, id: number): Btf {
  const fd = openById(kernel, "btf", id);
  const bytes = btfData(kernel, fd);
  kernel.close(fd);
  return isSplit(bytes) ? parseBtf(bytes, parseBtf(kernel.files.btf())) : parseBtf(bytes);
}

const STRING_OFFSET = 16;
const HEADER_LENGTH = 4;

/** The first string of BTF that stands alone is empty. */
function isSplit(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = view.getUint32(HEADER_LENGTH, true) + view.getUint32(STRING_OFFSET, true);
  return at < bytes.length && bytes[at] !== 0;
}

function moduleBase(path: string): string | undefined {
  const vmlinux = "/sys/kernel/btf/vmlinux";
  return path.startsWith("/sys/kernel/btf/") && path !== vmlinux ? vmlinux : undefined;
}

/** ENOENT and EINVAL as exit codes: bpftool's are `-errno & 255`. */
const NO_FILE = 254;
const BAD_FILE = 234;

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    const missing = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    const reason = missing ? "No such file or directory" : String(cause);
    throw new ToolError(`failed to load BTF from ${path}: ${reason}`, missing ? NO_FILE : BAD_FILE, [
      "Kernels without BTF of their own need a file: from the distribution's debug package, or from BTFhub",
    ]);
  }
}
