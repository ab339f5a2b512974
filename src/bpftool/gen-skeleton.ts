import { basename } from "node:path";
import { skeletonModule, subskeletonModule } from "../skeleton/index.ts";
import type { Arguments } from "./arguments.ts";
import type { Answer, Command } from "./command.ts";
import { readObjectFile } from "./object-file.ts";
import { ToolError } from "./tool-error.ts";

interface SkeletonRequest {
  readonly name?: string;
  readonly events: Readonly<Record<string, string>>;
}

/**
 * gen skeleton FILE [name NAME] [event MAP STRUCT]...: a TypeScript module where bpftool writes a C header, with
 * the same words in front.
 */
export const genSkeleton: Command = ({ args, options }) => {
  if (options.loader)
    throw new ToolError("light skeletons (-L) are not supported: they are C around a loader program", 255, [
      "Without -L the skeleton is a TypeScript module, which needs no libbpf either",
    ]);
  const file = args.take("FILE");
  const request = takeRequest(args);
  const { bytes, spec } = readObjectFile(file);
  return textAnswer(skeletonModule(spec, bytes, { ...request, name: request.name ?? objectName(file) }));
};

/** gen subskeleton FILE [name NAME] [event MAP STRUCT]... */
export const genSubskeleton: Command = ({ args }) => {
  const file = args.take("FILE");
  const request = takeRequest(args);
  const { spec } = readObjectFile(file);
  return textAnswer(subskeletonModule(spec, { ...request, name: request.name ?? objectName(file) }));
};

function textAnswer(text: string): Answer {
  return { text: () => text, json: () => text };
}

function takeRequest(args: Arguments): SkeletonRequest {
  let request: SkeletonRequest = { events: {} };
  while (args.left > 0) {
    if (args.accept("name")) request = { ...request, name: args.take("NAME") };
    else if (args.accept("event")) {
      const map = args.take("MAP");
      const record = args.take("STRUCT");
      request = { ...request, events: { ...request.events, [map]: record } };
    } else throw new ToolError(`expected no more arguments, 'name' or 'event', got: '${args.peek()}'?`);
  }
  return request;
}

/** `execsnoop` of `build/execsnoop.bpf.o`, as bpftool names objects. */
function objectName(file: string): string {
  return basename(file).replace(/(\.bpf)?\.o$/, "");
}
