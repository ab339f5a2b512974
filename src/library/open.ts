import { BpfLink } from "../attach/index.ts";
import type { Link } from "../attach/index.ts";
import { parseBtf } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import { Shapes } from "../codec/index.ts";
import { btfData, mapInfo, openObject, programInfo, withObject } from "../inspect/index.ts";
import type { MapInfo, ObjectKind } from "../inspect/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { Features, LoadedMap } from "../loader/index.ts";
import type { MapSpec } from "../object/index.ts";
import { openKernel } from "../open-kernel.ts";
import { describeMap, namedType } from "../schema/index.ts";
import { ERRNO } from "../uapi/index.ts";
import { DisposalStack } from "../util/index.ts";
import { LibraryError } from "./library-error.ts";
import { mapHandle } from "./maps.ts";
import type { AnyMap } from "./maps.ts";
import { Program } from "./program.ts";

/** Something in the kernel: path of its pin, or its id. */
export type KernelHandle = string | { readonly id: number };

/**
 * What all that is opened takes.
 */
export interface OpenOptions {
  /** Absent: the running kernel, opened for this alone. */
  readonly kernel?: Kernel;
}

/**
 * How a map is opened.
 */
export interface OpenMapOptions extends OpenOptions {
  /** Struct of a ring's records, as `struct event`, if the map carries types. */
  readonly event?: string;
}

/**
 * Opens a map that is in the kernel, by the path of its pin or by id. Keys and values have the types that the
 * map carries (BTF), else numbers and bytes.
 * @throws SyscallError ENOENT if there is none
 *
 * @example
 * ```ts
 * import { BpfMap, createMap, openMap } from "bpfkit";
 *
 * using first = await createMap({ type: "array", key: "u32", value: "u32", maxEntries: 2 });
 * first.set(1, 5);
 * using same = await openMap<BpfMap<number, Uint8Array>>({ id: first.info().id });
 * console.log(same.get(1));
 * // prints Uint8Array(4) [ 5, 0, 0, 0 ]
 * ```
 */
export async function openMap<M extends AnyMap = AnyMap>(
  handle: KernelHandle,
  options: OpenMapOptions = {},
): Promise<M> {
  const resources = new DisposalStack();
  try {
    const kernel = options.kernel ?? resources.use(await openKernel());
    const fd = openHandle(kernel, "map", handle);
    resources.defer(() => kernel.close(fd));
    const info = mapInfo(kernel, fd);
    const btf = mapBtf(kernel, info);
    const spec = specOf(info);
    const record = options.event !== undefined && btf ? namedType(btf, options.event) : undefined;
    const schema = describeMap(spec, btf && new Shapes(btf), record);
    // The descriptor is closed by `resources`, not by the LoadedMap.
    const map: AnyMap = mapHandle({
      kernel,
      loaded: new LoadedMap(kernel, spec, fd),
      schema,
      resources,
      alone: true,
    });
    // What the map is, the caller knows.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return map as M;
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }
}

/**
 * Opens a program that is in the kernel, by the path of its pin or by id.
 * @throws SyscallError ENOENT if there is none
 *
 * @example
 * ```ts
 * import { load, openProgram } from "bpfkit";
 *
 * await using object = await load("events.bpf.o");
 * using same = await openProgram({ id: object.program("multiply").info().id });
 * console.log(same.name, same.testRun({ data: new Uint8Array(64) }).result);
 * // prints multiply 100
 * ```
 */
export async function openProgram(handle: KernelHandle, options: OpenOptions = {}): Promise<Program> {
  const resources = new DisposalStack();
  try {
    const kernel = options.kernel ?? resources.use(await openKernel());
    const fd = openHandle(kernel, "prog", handle);
    resources.defer(() => kernel.close(fd));
    const { name, type } = programInfo(kernel, fd);
    const spec = { name, type, section: "", insns: [], relocations: [], functions: [], lines: [] };
    const loaded = { name, spec, fd, log: "" };
    return new Program({ kernel, features: new Features(kernel), loaded, resources, alone: true });
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }
}

/**
 * Opens a link that is in the kernel, by the path of its pin or by id, to update or detach it. Disposal closes it:
 * the hook stays on as long as a pin or another process holds the link.
 * @throws SyscallError ENOENT if there is none
 *
 * @example
 * ```ts
 * import { openLink, SyscallError } from "bpfkit";
 *
 * try {
 *   using link = await openLink("/sys/fs/bpf/no-such-firewall");
 *   link.detach();
 * } catch (error) {
 *   if (error instanceof SyscallError) console.log(error.errnoName);
 * }
 * // prints ENOENT
 * ```
 */
export async function openLink(handle: KernelHandle, options: OpenOptions = {}): Promise<Link> {
  const resources = new DisposalStack();
  try {
    const kernel = options.kernel ?? resources.use(await openKernel());
    const link = resources.use(new BpfLink(kernel, openHandle(kernel, "link", handle)));
    return {
      fds: link.fds,
      pin: (path) => link.pin(path),
      update: (program, replaces) => link.update(program, replaces),
      detach: () => link.detach(),
      [Symbol.dispose]: () => resources[Symbol.dispose](),
    };
  } catch (error) {
    resources[Symbol.dispose]();
    throw error;
  }
}

const KIND_NAMES: Readonly<Record<ObjectKind, string>> = {
  map: "map",
  prog: "program",
  link: "link",
  btf: "BTF",
};

function openHandle(kernel: Kernel, kind: ObjectKind, handle: KernelHandle): Fd {
  if (typeof handle !== "string") return openObject(kernel, kind, handle.id);
  const fd = kernel.bpf("OBJ_GET", { pathname: handle });
  const text = Buffer.from(kernel.files.read(`/proc/self/fdinfo/${fd}`) ?? []).toString();
  // Pins are of any kind: the kernel gives whatever is there.
  if (text === "" || text.includes(`\n${kind}_id:`)) return fd;
  kernel.close(fd);
  throw new LibraryError("library/wrong-kind", `The pin ${handle} is no ${KIND_NAMES[kind]}`);
}

function specOf(info: MapInfo): MapSpec {
  const { name, type, keySize, valueSize, maxEntries, flags, btfKeyTypeId, btfValueTypeId } = info;
  return {
    name,
    type,
    keySize,
    valueSize,
    maxEntries,
    flags,
    ...(btfKeyTypeId !== 0 && { btfKeyTypeId }),
    ...(btfValueTypeId !== 0 && { btfValueTypeId }),
  };
}

function mapBtf(kernel: Kernel, { btfId }: MapInfo): Btf | undefined {
  if (btfId === 0) return undefined;
  try {
    return parseBtf(withObject(kernel, "btf", btfId, (fd) => btfData(kernel, fd)));
  } catch (error) {
    // Without the right to open types by id the map is read without them.
    if (error instanceof SyscallError && error.errno === ERRNO.EPERM) return undefined;
    throw error;
  }
}
