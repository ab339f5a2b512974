import { parseBtf } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import { btfData, mapInfo, programInfo } from "../inspect/index.ts";
import type { Kernel } from "../kernel/index.ts";
import type { CommandContext } from "./command.ts";
import { openById, openOne } from "./handle.ts";
import { ToolError } from "./tool-error.ts";

/** Types to print, and which of them alone where the command names some. */
export interface TypeSource {
  readonly btf: Btf;
  readonly roots: readonly number[] | undefined;
}

/** `id N`, `prog PROG`, `map MAP [key | value | kv | all]`; `base`: of the types that -B gives. */
export async function kernelTypes(
  { args, kernel: open }: CommandContext,
  base: (() => Btf) | undefined,
): Promise<TypeSource> {
  const kernel = await open();
  if (args.accept("id")) return { btf: kernelBtf(kernel, args.id("ID"), base), roots: undefined };
  if (args.accept("prog")) {
    using program = openOne(kernel, "prog", args);
    return { btf: ownBtf(kernel, programInfo(kernel, program.fd).btfId, base), roots: undefined };
  }
  if (!args.accept("map")) throw new ToolError(`unrecognized BTF source specifier: '${args.peek() ?? ""}'`);
  using map = openOne(kernel, "map", args);
  const info = mapInfo(kernel, map.fd);
  const btf = ownBtf(kernel, info.btfId, base);
  if (args.accept("key")) return { btf, roots: [info.btfKeyTypeId] };
  if (args.accept("value")) return { btf, roots: [info.btfValueTypeId] };
  if (args.accept("all")) return { btf, roots: undefined };
  args.accept("kv");
  return { btf, roots: [info.btfKeyTypeId, info.btfValueTypeId] };
}

function ownBtf(kernel: Kernel, id: number, base: (() => Btf) | undefined): Btf {
  if (id === 0) throw new ToolError("no BTF is associated with this object");
  return kernelBtf(kernel, id, base);
}

/** Modules continue the kernel's own BTF. */
function kernelBtf(kernel: Kernel, id: number, base: (() => Btf) | undefined): Btf {
  const fd = openById(kernel, "btf", id);
  try {
    const bytes = btfData(kernel, fd);
    if (!isSplit(bytes)) return parseBtf(bytes);
    return parseBtf(bytes, base ? base() : parseBtf(kernel.files.btf()));
  } finally {
    kernel.close(fd);
  }
}

const STRING_OFFSET = 16;
const HEADER_LENGTH = 4;

/** The first string of BTF that stands alone is empty. */
function isSplit(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = view.getUint32(HEADER_LENGTH, true) + view.getUint32(STRING_OFFSET, true);
  return at < bytes.length && bytes[at] !== 0;
}
