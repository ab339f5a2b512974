import { readFileSync, writeFileSync } from "node:fs";
import { SyscallError } from "../kernel/index.ts";
import type { BpfAttr, BpfResult, Kernel } from "../kernel/index.ts";
import { ERRNO, errnoMessage } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import type { Answer, Command } from "./command.ts";
import { openOne } from "./handle.ts";
import { hexDump } from "./hex-dump.ts";
import { fileReason } from "./file-reason.ts";
import { ToolError } from "./tool-error.ts";

interface RunRequest {
  readonly dataIn?: Uint8Array;
  readonly dataOut?: string;
  readonly dataSizeOut?: number;
  readonly contextIn?: Uint8Array;
  readonly contextOut?: string;
  readonly contextSizeOut?: number;
  readonly repeat?: number;
}

/** Room behind the input, for programs that make it longer. */
const OUT_SIZE = 4096;

/** prog run PROG [data_in F] [data_out F] [data_size_out L] [ctx_in F] [ctx_out F] [ctx_size_out M] [repeat N]. */
export const runProgram: Command = async ({ args, kernel: open }) => {
  args.require(4, "run");
  const kernel = await open();
  using program = openOne(kernel, "prog", args);
  const request = takeRequest(args);
  const data_out = request.dataOut === undefined ? undefined : room(request.dataIn, request.dataSizeOut);
  const ctx_out =
    request.contextOut === undefined ? undefined : room(request.contextIn, request.contextSizeOut);
  const result = testRun(kernel, {
    prog_fd: program.fd,
    data_in: request.dataIn,
    data_out,
    ctx_in: request.contextIn,
    ctx_out,
    repeat: request.repeat,
  });
  const data = data_out?.subarray(0, result.data_size_out);
  const context = ctx_out?.subarray(0, result.ctx_size_out);
  if (data && toFile(request.dataOut)) writeFileSync(request.dataOut, data);
  if (context && toFile(request.contextOut)) writeFileSync(request.contextOut, context);
  return answer(result.retval, result.duration, request, { data, context });
};

function testRun(kernel: Kernel, attr: BpfAttr["PROG_TEST_RUN"]): BpfResult["PROG_TEST_RUN"] {
  try {
    return kernel.bpf("PROG_TEST_RUN", attr);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new ToolError(`failed to run program: ${errnoMessage(error.errno)}`, -error.errno & 255, [
      ...error.hints,
      ...(error.errno === ERRNO.ENOTSUPP || error.errno === ERRNO.EINVAL
        ? ["Not every type of program can be run so; network programs want data_in of at least 14 bytes"]
        : []),
    ]);
  }
}

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

function room(input: Uint8Array | undefined, size: number | undefined): Uint8Array {
  return new Uint8Array(size ?? (input?.length ?? 0) + OUT_SIZE);
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
    else if (args.accept("data_size_out")) request = { ...request, dataSizeOut: args.id("output data size") };
    else if (args.accept("ctx_in")) request = { ...request, contextIn: readInput(args.take("file")) };
    else if (args.accept("ctx_out")) request = { ...request, contextOut: args.take("file") };
    else if (args.accept("ctx_size_out"))
      request = { ...request, contextSizeOut: args.id("output context size") };
    else if (args.accept("repeat")) request = { ...request, repeat: args.number("repeat number") };
    else
      throw new ToolError(
        `expected no more arguments, 'data_in', 'data_out', 'data_size_out', 'ctx_in', 'ctx_out', 'ctx_size_out' or 'repeat', got: '${args.peek()}'?`,
      );
  }
  return request;
}

/** `-` is the standard input. */
function readInput(path: string): Uint8Array {
  try {
    return readFileSync(path === "-" ? 0 : path);
  } catch (cause) {
    throw new ToolError(`can't open data input file ${path}: ${fileReason(cause)}`);
  }
}

function hexByte(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}
