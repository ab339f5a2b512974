import { readFileSync, writeFileSync } from "node:fs";
import type { Fd } from "../kernel/index.ts";
import type { Arguments } from "./arguments.ts";
import type { Answer, Command } from "./command.ts";
import { openPrograms, single } from "./handle.ts";
import { hexDump } from "./hex-dump.ts";
import { ToolError } from "./tool-error.ts";

interface RunRequest {
  readonly dataIn?: Uint8Array;
  readonly dataOut?: string;
  readonly contextIn?: Uint8Array;
  readonly contextOut?: string;
  readonly repeat?: number;
}

/** Room behind the input, for programs that make it longer. */
const OUT_SIZE = 4096;

/** prog run PROG [data_in F] [data_out F] [ctx_in F] [ctx_out F] [repeat N]. */
export const runProgram: Command = async ({ args, kernel: open }) => {
  const kernel = await open();
  const program: Fd = single(kernel, "program", openPrograms(kernel, args));
  const request = takeRequest(args);
  const data_out = request.dataOut === undefined ? undefined : room(request.dataIn);
  const ctx_out = request.contextOut === undefined ? undefined : room(request.contextIn);
  const result = kernel.bpf("PROG_TEST_RUN", {
    prog_fd: program,
    data_in: request.dataIn,
    data_out,
    ctx_in: request.contextIn,
    ctx_out,
    repeat: request.repeat,
  });
  kernel.close(program);
  const data = data_out?.subarray(0, result.data_size_out);
  const context = ctx_out?.subarray(0, result.ctx_size_out);
  if (data && toFile(request.dataOut)) writeFileSync(request.dataOut, data);
  if (context && toFile(request.contextOut)) writeFileSync(request.contextOut, context);
  return answer(result.retval, result.duration, request, { data, context });
};

function answer(
  retval: number,
  duration: number,
  request: RunRequest,
  out: { readonly data: Uint8Array | undefined; readonly context: Uint8Array | undefined },
): Answer {
  const data = toFile(request.dataOut) ? undefined : out.data;
  const context = toFile(request.contextOut) ? undefined : out.context;
  const average = request.repeat !== undefined && request.repeat > 1 ? " (average)" : "";
  return {
    text: () =>
      `${data ? `${hexDump(data)}\n` : ""}${context ? `${hexDump(context)}\n` : ""}Return value: ${retval}, duration${average}: ${duration}ns\n`,
    json: () => ({
      data_out: data && Array.from(data, hexByte),
      ctx_out: context && Array.from(context, hexByte),
      retval,
      duration,
    }),
  };
}

function room(input: Uint8Array | undefined): Uint8Array {
  return new Uint8Array((input?.length ?? 0) + OUT_SIZE);
}

/** `-` is the answer itself. */
function toFile(path: string | undefined): path is string {
  return path !== undefined && path !== "-";
}

function takeRequest(args: Arguments): RunRequest {
  let request: RunRequest = {};
  while (args.left > 0) {
    if (args.accept("data_in")) request = { ...request, dataIn: readInput(args.take("file")) };
    else if (args.accept("data_out")) request = { ...request, dataOut: args.take("file") };
    else if (args.accept("ctx_in")) request = { ...request, contextIn: readInput(args.take("file")) };
    else if (args.accept("ctx_out")) request = { ...request, contextOut: args.take("file") };
    else if (args.accept("repeat")) request = { ...request, repeat: args.number("repeat") };
    else
      throw new ToolError(
        `expected no more arguments, 'data_in', 'data_out', 'ctx_in', 'ctx_out' or 'repeat', got: '${args.peek()}'?`,
      );
  }
  return request;
}

/** `-` is the standard input. */
function readInput(path: string): Uint8Array {
  try {
    return readFileSync(path === "-" ? 0 : path);
  } catch (cause) {
    throw new ToolError(
      `can't open data input file ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
}

function hexByte(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}
