import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SyscallError } from "../kernel/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { loadObject, VerifierError } from "../loader/index.ts";
import type { LoadedObject } from "../loader/index.ts";
import { fromElf } from "../object/index.ts";
import type { ObjectSpec } from "../object/index.ts";
import { BPF_PROG_TYPE } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import { DONE } from "./command.ts";
import type { Command } from "./command.ts";
import { ToolError } from "./tool-error.ts";

interface LoadRequest {
  /** BPF_PROG_TYPE number, in place of the sections'. */
  readonly type: number | undefined;
  /** Directory to pin maps in. */
  readonly pinMaps: string | undefined;
}

/** prog load OBJ PATH [type TYPE] [pinmaps DIR]: pins the first program. */
export const loadOne: Command = (context) => load(context, false);

/** prog loadall OBJ DIR: pins each program by its name. */
export const loadAll: Command = (context) => load(context, true);

async function load({ args, kernel: open }: Parameters<Command>[0], all: boolean): Promise<typeof DONE> {
  const file = args.take("OBJ");
  const path = args.take("PATH");
  const request = takeRequest(args);
  const spec = readSpec(file, request, all);
  const kernel = await open();
  using loaded = loadFor(kernel, spec);
  const programs = [...loaded.programs.values()];
  if (all) mkdirSync(path, { recursive: true });
  for (const { name, fd } of programs)
    kernel.bpf("OBJ_PIN", { bpf_fd: fd, pathname: all ? join(path, name) : path });
  if (request.pinMaps !== undefined) {
    mkdirSync(request.pinMaps, { recursive: true });
    for (const { name, fd } of loaded.maps.values())
      kernel.bpf("OBJ_PIN", { bpf_fd: fd, pathname: join(request.pinMaps, name.replace(/\./g, "_")) });
  }
  return DONE;
}

function loadFor(kernel: Kernel, spec: ObjectSpec): LoadedObject {
  try {
    return loadObject(spec, { kernel });
  } catch (error) {
    if (error instanceof VerifierError)
      throw new ToolError(`failed to load program: ${error.message}\n${error.log.trimEnd()}`);
    if (error instanceof SyscallError) throw new ToolError(error.message, 255, error.hints);
    throw error;
  }
}

function readSpec(file: string, { type }: LoadRequest, all: boolean): ObjectSpec {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new ToolError(
      `failed to open object file: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
  const { spec } = fromElf(bytes);
  const wanted = all ? spec.programs : spec.programs.slice(0, 1);
  if (wanted.length === 0) throw new ToolError("object file doesn't contain any bpf program");
  return {
    ...spec,
    programs: wanted.map((program) => (type === undefined ? program : { ...program, type })),
  };
}

function takeRequest(args: Arguments): LoadRequest {
  let request: LoadRequest = { type: undefined, pinMaps: undefined };
  while (args.left > 0) {
    if (args.accept("type")) request = { ...request, type: programType(args.take("type")) };
    else if (args.accept("pinmaps")) request = { ...request, pinMaps: args.take("directory") };
    else throw new ToolError(`expected no more arguments, 'type' or 'pinmaps', got: '${args.peek()}'?`);
  }
  return request;
}

function programType(name: string): number {
  const types: Readonly<Record<string, number>> = BPF_PROG_TYPE;
  const upper = name.toUpperCase();
  const type = Object.hasOwn(types, upper) ? types[upper] : undefined;
  if (type === undefined) throw new ToolError(`unknown program type '${name}'`);
  return type;
}
