import {
  btfData,
  eachObject,
  mapInfo,
  objectKind,
  openObject,
  programCode,
  programInfo,
  withObject,
} from "../inspect/index.ts";
import type { ObjectKind } from "../inspect/index.ts";
import { BtfKind, parseBtf } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { ERRNO, errnoMessage } from "../uapi/index.ts";
import { findKeyword } from "./arguments.ts";
import type { Arguments } from "./arguments.ts";
import { ToolError } from "./tool-error.ts";

/** Names end here in the kernel's own records. */
const NAME_LENGTH = 15;

/** Objects that a handle on the command line means; disposal closes them. */
export interface OpenObjects extends Disposable {
  readonly fds: readonly Fd[];
}

export interface OpenObject extends Disposable {
  readonly fd: Fd;
}

type HandleKind = "prog" | "map" | "link";

interface KindWords {
  readonly handle: string;
  readonly forms: readonly { readonly name: Form }[];
}

type Form = "id" | "tag" | "name" | "pinned";

const WORDS: Readonly<Record<HandleKind, KindWords>> = {
  prog: { handle: "PROG", forms: [{ name: "id" }, { name: "tag" }, { name: "name" }, { name: "pinned" }] },
  map: { handle: "MAP", forms: [{ name: "id" }, { name: "name" }, { name: "pinned" }] },
  link: { handle: "LINK", forms: [{ name: "id" }, { name: "pinned" }] },
};

/** Every object that PROG, MAP or LINK names; at least one. */
export function openAll(kernel: Kernel, kind: HandleKind, args: Arguments): OpenObjects {
  const fds = openFds(kernel, kind, args);
  return { fds, [Symbol.dispose]: () => fds.forEach((fd) => kernel.close(fd)) };
}

/** @throws ToolError if it is not exactly one */
export function openOne(kernel: Kernel, kind: HandleKind, args: Arguments): OpenObject {
  const [fd, ...others] = openFds(kernel, kind, args);
  if (fd !== undefined && others.length === 0) return { fd, [Symbol.dispose]: () => kernel.close(fd) };
  for (const open of fd === undefined ? [] : [fd, ...others]) kernel.close(open);
  const ids = others.length + 1;
  throw new ToolError(`several ${kind === "prog" ? "program" : kind}s match this handle`, 255, [
    `${ids} of them do: choose one by id`,
  ]);
}

function openFds(kernel: Kernel, kind: HandleKind, args: Arguments): Fd[] {
  const { handle, forms } = WORDS[kind];
  const word = args.take(handle);
  const form = findKeyword(forms, word);
  switch (form?.name) {
    case "id":
      return [openById(kernel, kind, args.id("ID"))];
    case "tag": {
      const tag = args.take("tag");
      if (!/^[0-9a-f]{16}$/.test(tag)) throw new ToolError(`can't parse tag: ${tag}`);
      return openMatching(kernel, kind, (found) => found.tag === tag, `tag ${tag}`);
    }
    case "name": {
      const name = args.take("name");
      if (kind === "map" && name.length > NAME_LENGTH)
        throw new ToolError(`can't parse name: ${name}`, 255, [
          `The kernel keeps ${NAME_LENGTH} characters of a map's name: give ${name.slice(0, NAME_LENGTH)}`,
        ]);
      return openMatching(kernel, kind, (found) => found.name === name, `name ${name}`);
    }
    case "pinned":
      return [openPinned(kernel, kind, args.take("path"))];
    default:
      throw new ToolError(
        `expected ${forms.map(({ name }) => `'${name}'`).join(" or ")} for ${handle}, got: '${word}'?`,
      );
  }
}

function openPinned(kernel: Kernel, kind: HandleKind, path: string): Fd {
  let fd: Fd;
  try {
    fd = kernel.bpf("OBJ_GET", { pathname: path });
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new ToolError(`bpf obj get (${path}): ${errnoMessage(error.errno)}`, 255, error.hints);
  }
  const found = objectKind(kernel, fd);
  if (found === kind) return fd;
  kernel.close(fd);
  throw new ToolError(
    `incorrect object type: ${path} is a ${found ?? "object of another kind"}, not a ${kind}`,
  );
}

export function openById(kernel: Kernel, kind: ObjectKind, id: number): Fd {
  try {
    return openObject(kernel, kind, id);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    // For links and BTF bpftool ends with the errno, negated.
    const code = kind === "link" || kind === "btf" ? -error.errno & 255 : 255;
    throw new ToolError(`${NOT_OPENED[kind](id)}: ${errnoMessage(error.errno)}`, code, error.hints);
  }
}

const NOT_OPENED: Readonly<Record<ObjectKind, (id: number) => string>> = {
  prog: (id) => `get by id (${id})`,
  map: (id) => `get map by id (${id})`,
  link: (id) => `failed to get link with ID ${id}`,
  btf: (id) => `can't get BTF object by id (${id})`,
};

interface Named {
  readonly id: number;
  readonly name: string;
  readonly tag?: string;
}

function openMatching(
  kernel: Kernel,
  kind: HandleKind,
  matches: (found: Named) => boolean,
  wanted: string,
): Fd[] {
  const read = (host: Kernel, fd: Fd): Named => {
    if (kind === "map") return mapInfo(host, fd);
    const info = programInfo(host, fd);
    return { id: info.id, name: fullProgramName(host, fd), tag: info.tag };
  };
  const ids = [...eachObject(kernel, kind, read)].filter(matches).map(({ id }) => id);
  const fds = ids.flatMap((id) => openIfThere(kernel, kind, id) ?? []);
  if (fds.length === 0) throw new ToolError(`no ${kind} with ${wanted}`);
  return fds;
}

/** Undefined where it went away since it was found. */
function openIfThere(kernel: Kernel, kind: HandleKind, id: number): Fd | undefined {
  try {
    return openObject(kernel, kind, id);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ERRNO.ENOENT) return undefined;
    throw error;
  }
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
