import {
  btfData,
  eachObject,
  mapInfo,
  openObject,
  programCode,
  programInfo,
  withObject,
} from "../inspect/index.ts";
import { BtfKind, parseBtf } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { ERRNO } from "../uapi/index.ts";
import { findKeyword } from "./arguments.ts";
import type { Arguments } from "./arguments.ts";
import { ToolError } from "./tool-error.ts";

/** Names end here in the kernel's own records. */
const NAME_LENGTH = 15;

/** The descriptors that PROG or MAP names; the caller closes them. */
export function openPrograms(kernel: Kernel, args: Arguments): Fd[] {
  const form = findKeyword(
    [{ name: "id" }, { name: "tag" }, { name: "name" }, { name: "pinned" }],
    args.take("PROG"),
  );
  switch (form?.name) {
    case "id":
      return [openById(kernel, "prog", args.number("id"))];
    case "tag": {
      const tag = args.take("tag");
      return openMatching(kernel, "prog", ({ programTag }) => programTag === tag, `tag ${tag}`);
    }
    case "name": {
      const name = args.take("name");
      return openMatching(kernel, "prog", (found) => found.name === name, `name ${name}`);
    }
    case "pinned":
      return [kernel.bpf("OBJ_GET", { pathname: args.take("path") })];
    default:
      throw new ToolError("expected 'id', 'tag', 'name' or 'pinned', as PROG asks for");
  }
}

export function openMaps(kernel: Kernel, args: Arguments): Fd[] {
  const form = findKeyword([{ name: "id" }, { name: "name" }, { name: "pinned" }], args.take("MAP"));
  switch (form?.name) {
    case "id":
      return [openById(kernel, "map", args.number("id"))];
    case "name": {
      const name = args.take("name");
      return openMatching(kernel, "map", (found) => found.name === name, `name ${name}`);
    }
    case "pinned":
      return [kernel.bpf("OBJ_GET", { pathname: args.take("path") })];
    default:
      throw new ToolError("expected 'id', 'name' or 'pinned', as MAP asks for");
  }
}

/** @throws ToolError if it is not exactly one */
export function single(kernel: Kernel, what: string, fds: readonly Fd[]): Fd {
  const [first, ...others] = fds;
  if (first !== undefined && others.length === 0) return first;
  for (const fd of fds) kernel.close(fd);
  throw new ToolError(`several ${what}s match this handle`);
}

export function openById(kernel: Kernel, kind: "prog" | "map" | "link" | "btf", id: number): Fd {
  try {
    return openObject(kernel, kind, id);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ERRNO.ENOENT)
      throw new ToolError(`${NOT_FOUND[kind](id)}: No such file or directory`);
    throw error;
  }
}

const NOT_FOUND = {
  prog: (id: number) => `get by id (${id})`,
  map: (id: number) => `get map by id (${id})`,
  link: (id: number) => `failed to get link with ID ${id}`,
  btf: (id: number) => `can't get BTF object by id (${id})`,
} as const;

interface Named {
  readonly id: number;
  readonly name: string;
  readonly programTag?: string;
}

function openMatching(
  kernel: Kernel,
  kind: "prog" | "map",
  matches: (found: Named) => boolean,
  wanted: string,
): Fd[] {
  const read = (host: Kernel, fd: Fd): Named => {
    if (kind === "map") return mapInfo(host, fd);
    const info = programInfo(host, fd);
    return { id: info.id, name: fullProgramName(host, fd), programTag: info.tag };
  };
  const ids = [...eachObject(kernel, kind, read)].filter(matches).map(({ id }) => id);
  if (ids.length === 0) throw new ToolError(`no ${kind} with ${wanted}`, 255);
  return ids.map((id) => openById(kernel, kind, id));
}

/** The name in the program's BTF where the kernel's record may have cut it. */
export function fullProgramName(kernel: Kernel, fd: Fd): string {
  const { name, btfId, functionCount } = programInfo(kernel, fd);
  if (name.length < NAME_LENGTH || btfId === 0 || functionCount === 0) return name;
  const btf = objectBtf(kernel, btfId);
  const [main] = programCode(kernel, fd).functions;
  return main && btf.kind(main.typeId) === BtfKind.Func ? btf.name(main.typeId) : name;
}

export function objectBtf(kernel: Kernel, id: number): Btf {
  return parseBtf(withObject(kernel, "btf", id, (fd) => btfData(kernel, fd)));
}
