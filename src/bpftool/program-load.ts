import { basename, join } from "node:path";
import type { Kernel } from "../kernel/index.ts";
import type { LoadedObject } from "../loader/index.ts";
import { linkByName, NetlinkError } from "../netlink/index.ts";
import { sectionKind } from "../object/index.ts";
import type { ObjectSpec } from "../object/index.ts";
import { BPF_PROG_FLAG, BPF_PROG_TYPE } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import { makePinDirectory, pinObject } from "./bpffs.ts";
import { DONE } from "./command.ts";
import type { Command, CommandContext } from "./command.ts";
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
export const loadOne: Command = (context) => load(context, false);

/** prog loadall OBJ DIR ...: pins each program by its name. */
export const loadAll: Command = (context) => load(context, true);

async function load(context: CommandContext, all: boolean): Promise<typeof DONE> {
  const { args, kernel: open, options, inform } = context;
  args.require(2, all ? "prog loadall" : "prog load");
  const file = args.take("OBJ");
  const path = args.take("PATH");
  const kernel = await open();
  const replacements: Replacement[] = [];
  try {
    const request = takeRequest(kernel, args, replacements);
    const spec = prepare(readObjectFile(file), request, all);
    using loaded = loadFor(kernel, spec, options, inform, {
      reuse: reusedMaps(spec, request.replacements),
      ...(request.device && {
        device: {
          ifindex: request.device.ifindex,
          flags: request.device.offload ? 0 : BPF_PROG_FLAG.XDP_DEV_BOUND_ONLY,
        },
      }),
    });
    pinPrograms(kernel, loaded, path, all, context);
    if (request.pinMaps !== undefined) pinMaps(kernel, loaded, request.pinMaps, context);
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

function pinPrograms(
  kernel: Kernel,
  loaded: LoadedObject,
  path: string,
  all: boolean,
  { options }: CommandContext,
): void {
  if (all) makePinDirectory(kernel, path, options);
  for (const { name, fd } of loaded.programs.values())
    pinObject(kernel, fd, all ? join(path, basename(name)) : path, options);
}

function pinMaps(kernel: Kernel, loaded: LoadedObject, directory: string, { options }: CommandContext): void {
  makePinDirectory(kernel, directory, options);
  // The kernel takes no dots in the names of pins.
  for (const { name, fd } of loaded.maps.values())
    pinObject(kernel, fd, join(directory, name.replace(/\./g, "_")), options);
}

function takeRequest(kernel: Kernel, args: Arguments, replacements: Replacement[]): LoadRequest {
  let request: LoadRequest = {
    type: undefined,
    pinMaps: undefined,
    replacements,
    autoAttach: false,
    device: undefined,
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
    else if (args.accept("autoattach"))
      throw new ToolError("'autoattach' is not supported yet", 255, [
        "Attach the pinned program: bpftool net attach, cgroup attach, or bpfkit trace",
      ]);
    else if (args.accept("kernel_btf"))
      throw new ToolError("'kernel_btf' is not supported", 255, [
        "The kernel's types are found in /sys/kernel/btf or below /boot",
      ]);
    else
      throw new ToolError(
        `expected no more arguments, 'type', 'map', 'offload_dev', 'xdpmeta_dev' or 'pinmaps', got: '${args.peek()}'?`,
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
  const name = args.take("NAME");
  try {
    return { ifindex: linkByName(kernel, name).index, offload };
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    throw new ToolError(`unrecognized netdevice '${name}': ${error.message}`, 255, error.hints);
  }
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
