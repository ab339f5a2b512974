import { basename, join } from "node:path";
import { attach, sectionHook, UsdtSpecs } from "../attach/index.ts";
import type { AttachContext, Link } from "../attach/index.ts";
import type { Btf } from "../btf/index.ts";
import { BpfkitError } from "../errors.ts";
import { mapInfo } from "../inspect/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { Features } from "../loader/index.ts";
import type { LoadedObject, LoadedProgram } from "../loader/index.ts";
import { sectionKind } from "../object/index.ts";
import type { ObjectSpec } from "../object/index.ts";
import { BPF_PROG_FLAG, BPF_PROG_TYPE } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import { makePinDirectory, pinObject } from "./bpffs.ts";
import { DONE } from "./command.ts";
import type { Command, CommandContext } from "./command.ts";
import { readOtherTypes } from "./btf-file.ts";
import { deviceIndex } from "./device.ts";
import { openOne } from "./handle.ts";
import type { OpenObject } from "./handle.ts";
import { loadFor, readObjectFile } from "./object-file.ts";
import { ToolError } from "./tool-error.ts";

interface LoadRequest {
  /** In place of what the sections' names say. */
  readonly type: ProgramKind | undefined;
  /** Directory to pin maps in. */
  readonly pinMaps: string | undefined;
  readonly replacements: readonly Replacement[];
  readonly autoAttach: boolean;
  /** Network device that XDP programs are bound to: index, and whether they run on the device itself. */
  readonly device: { readonly ifindex: number; readonly offload: boolean } | undefined;
  /** In place of the running kernel's, for relocations. */
  readonly kernelTypes: Btf | undefined;
}

interface ProgramKind {
  readonly type: number;
  readonly expectedAttachType?: number;
}

/** A map of the object that is not made: one that is in the kernel takes its place. */
interface Replacement {
  readonly map: number | string;
  readonly object: OpenObject;
}

/** prog load OBJ PATH ...: pins the first program. */
export const loadOne: Command = (context) => {
  // bpftool runs the loader program and forgets what it loaded: PATH means nothing there.
  if (context.options.loader)
    throw new ToolError("'prog load' through a generated loader program (-L) is not supported", 255, [
      "bpfkit loads by bpf(2) itself: without -L the program is loaded, and pinned at PATH",
    ]);
  return load(context, false);
};

/** prog loadall OBJ DIR ...: pins each program by its name. */
export const loadAll: Command = (context) => load(context, true);

async function load(context: CommandContext, all: boolean): Promise<typeof DONE> {
  const { args, kernel: open, options, inform } = context;
  args.require(2, all ? "loadall" : "load");
  const file = args.take("OBJ");
  const path = args.take("PATH");
  const kernel = await open();
  const replacements: Replacement[] = [];
  try {
    const request = takeRequest(kernel, args, replacements);
    const spec = prepare(readObjectFile(file).spec, request, all);
    const reuse = reusedMaps(spec, request.replacements);
    using loaded = loadFor(kernel, spec, options, inform, {
      reuse,
      ...(request.kernelTypes && { coreTypes: request.kernelTypes }),
      ...(request.device && {
        device: {
          ifindex: request.device.ifindex,
          maps: request.device.offload,
          flags: request.device.offload ? 0 : BPF_PROG_FLAG.XDP_DEV_BOUND_ONLY,
        },
      }),
    });
    if (all) makePinDirectory(kernel, path, options);
    const usdt = UsdtSpecs.of(loaded);
    const attaching = { kernel, features: new Features(kernel), ...(usdt && { usdt }) };
    for (const program of loaded.programs.values()) {
      using link = request.autoAttach ? autoAttach(attaching, program, inform) : undefined;
      const fd = link?.fds[0] ?? program.fd;
      pinObject(kernel, fd, all ? join(path, basename(program.name)) : path, options);
    }
    if (request.pinMaps !== undefined) pinMaps(kernel, loaded, request.pinMaps, reuse, context);
    return DONE;
  } finally {
    for (const { object } of replacements) object[Symbol.dispose]();
  }
}

function prepare(spec: ObjectSpec, { type }: LoadRequest, all: boolean): ObjectSpec {
  const programs = all ? spec.programs : spec.programs.slice(0, 1);
  if (programs.length === 0) throw new ToolError("object file doesn't contain any bpf program");
  return {
    ...spec,
    programs: programs.map((program) => (type === undefined ? program : { ...program, ...type })),
  };
}

function reusedMaps(spec: ObjectSpec, replacements: readonly Replacement[]): Map<string, OpenObject["fd"]> {
  const reuse = new Map<string, OpenObject["fd"]>();
  for (const { map, object } of replacements) {
    const name = typeof map === "string" ? map : spec.maps[map]?.name;
    if (name === undefined || !spec.maps.some((candidate) => candidate.name === name))
      throw new ToolError(
        typeof map === "string" ? `unable to find map '${map}'` : `map idx '${map}' not used`,
        255,
        [
          `The object has: ${spec.maps.map((candidate, index) => `${index} ${candidate.name}`).join(", ") || "no maps"}`,
        ],
      );
    if (reuse.has(name)) throw new ToolError(`replacement for map '${name}' specified more than once`);
    reuse.set(name, object.fd);
  }
  return reuse;
}

/** Undefined, with a word about it, for programs that cannot be attached so: they are pinned themselves. */
function autoAttach(
  context: AttachContext,
  program: LoadedProgram,
  inform: CommandContext["inform"],
): Link | undefined {
  const choice = sectionHook(program.spec);
  const reason = "open" in choice ? `it needs ${choice.open}` : undefined;
  try {
    const link = "hook" in choice ? attach(context, program, choice.hook) : undefined;
    if (link?.fds.length === 1) return link;
    link?.[Symbol.dispose]();
    inform(
      `Program ${program.name} does not support autoattach, falling back to pinning: ${reason ?? "its hook is no single link"}\n`,
    );
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    inform(
      `Program ${program.name} does not support autoattach, falling back to pinning: ${error.message}\n`,
    );
  }
  return undefined;
}

function pinMaps(
  kernel: Kernel,
  loaded: LoadedObject,
  directory: string,
  reuse: ReadonlyMap<string, unknown>,
  { options }: CommandContext,
): void {
  makePinDirectory(kernel, directory, options);
  for (const { name, fd } of loaded.maps.values()) {
    // A map that took another's place keeps its own name, as with libbpf.
    const kept = reuse.has(name) ? mapInfo(kernel, fd).name : name;
    // The kernel takes no dots in the names of pins.
    pinObject(kernel, fd, join(directory, kept.replace(/\./g, "_")), options);
  }
}

function takeRequest(kernel: Kernel, args: Arguments, replacements: Replacement[]): LoadRequest {
  let request: LoadRequest = {
    type: undefined,
    pinMaps: undefined,
    replacements,
    autoAttach: false,
    device: undefined,
    kernelTypes: undefined,
  };
  while (args.left > 0) {
    if (args.accept("type")) {
      if (request.type) throw new ToolError("program type already specified");
      request = { ...request, type: programKind(args.take("TYPE")) };
    } else if (args.accept("map")) replacements.push(takeReplacement(kernel, args));
    else if (args.accept("dev") || args.accept("offload_dev"))
      request = { ...request, device: takeDevice(kernel, args, request, true) };
    else if (args.accept("xdpmeta_dev"))
      request = { ...request, device: takeDevice(kernel, args, request, false) };
    else if (args.accept("pinmaps")) request = { ...request, pinMaps: args.take("DIR") };
    else if (args.accept("autoattach")) request = { ...request, autoAttach: true };
    else if (args.accept("kernel_btf"))
      request = { ...request, kernelTypes: readOtherTypes(args.take("FILE")) };
    else
      throw new ToolError(
        `expected no more arguments, 'type', 'map', 'offload_dev', 'xdpmeta_dev', 'pinmaps', 'autoattach' or 'kernel_btf', got: '${args.peek()}'?`,
      );
  }
  return request;
}

function takeReplacement(kernel: Kernel, args: Arguments): Replacement {
  args.require(4, "map");
  let map: number | string;
  if (args.accept("idx")) map = args.id("IDX");
  else if (args.accept("name")) map = args.take("NAME");
  else throw new ToolError(`expected 'idx' or 'name', got: '${args.peek()}'?`);
  return { map, object: openOne(kernel, "map", args) };
}

function takeDevice(
  kernel: Kernel,
  args: Arguments,
  { device }: LoadRequest,
  offload: boolean,
): NonNullable<LoadRequest["device"]> {
  if (device)
    throw new ToolError(
      device.offload === offload
        ? `${offload ? "offload_dev" : "xdpmeta_dev"} already specified`
        : "xdpmeta_dev and offload_dev are mutually exclusive",
    );
  return { ifindex: deviceIndex(kernel, args.take("NAME")), offload };
}

/** A section's name (`xdp`, `cgroup/skb`), or a program type's own (`sched_cls`). */
function programKind(name: string): ProgramKind {
  const section = sectionKind(name) ?? sectionKind(`${name}/`);
  if (section)
    return {
      type: section.type,
      ...(section.expectedAttachType !== undefined && { expectedAttachType: section.expectedAttachType }),
    };
  const types: Readonly<Record<string, number>> = BPF_PROG_TYPE;
  const upper = name.toUpperCase();
  const type = Object.hasOwn(types, upper) ? types[upper] : undefined;
  if (type === undefined)
    throw new ToolError(`unknown program type '${name}'`, 255, [
      "Types are listed by: bpftool feature list_builtins prog_types",
    ]);
  return { type };
}
