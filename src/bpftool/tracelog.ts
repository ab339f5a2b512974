import type { Fd, Kernel } from "../kernel/index.ts";
import { SyscallError } from "../kernel/index.ts";
import { BPF_STREAM, errnoMessage } from "../uapi/index.ts";
import type { Answer, Command, CommandContext } from "./command.ts";
import { openOne } from "./handle.ts";
import { Inbox } from "./inbox.ts";
import { ToolError } from "./tool-error.ts";

/** prog tracelog: what programs print, until Ctrl-C; with stdout or stderr what one program wrote to its stream. */
export const traceLog: Command = async (context) => {
  const { args, kernel: open } = context;
  if (args.left === 0) return { items: tracePipe(await open(), context) };
  const stream = args.accept("stdout") ? BPF_STREAM.STDOUT : args.accept("stderr") ? BPF_STREAM.STDERR : 0;
  if (stream === 0) throw new ToolError(`expected 'stdout' or 'stderr', got: '${args.peek()}'?`);
  const kernel = await open();
  using program = openOne(kernel, "prog", args);
  args.end();
  const text = readStream(kernel, program.fd, stream);
  return { text: () => text, json: () => text };
};

async function* tracePipe(kernel: Kernel, { stopped }: CommandContext): AsyncGenerator<Answer, number> {
  using pipe = kernel.files.tracefsOpen("trace_pipe");
  const inbox = new Inbox<string>();
  const buffer = new Uint8Array(CHUNK);
  using _watch = kernel.watch(pipe.fd, () => {
    const length = kernel.read(pipe.fd, buffer);
    if (length > 0) inbox.put(Buffer.from(buffer.subarray(0, length)).toString());
  });
  void stopped().then(() => inbox.end());
  let rest = "";
  for await (const chunk of inbox.items()) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines.map((line): Answer => ({ text: () => `${line}\n`, json: () => `${line}\n` }));
  }
  return 0;
}

const CHUNK = 1 << 16;

function readStream(kernel: Kernel, program: Fd, stream: number): string {
  const parts: Buffer[] = [];
  try {
    for (;;) {
      const stream_buf = new Uint8Array(CHUNK);
      const length = kernel.bpf("PROG_STREAM_READ_BY_FD", {
        prog_fd: program,
        stream_id: stream,
        stream_buf,
      });
      if (length === 0) return Buffer.concat(parts).toString();
      parts.push(Buffer.from(stream_buf.subarray(0, length)));
    }
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new ToolError(`can't read the program's stream: ${errnoMessage(error.errno)}`, 255, [
      "Programs have streams since Linux 6.17 (bpf_stream_vprintk)",
    ]);
  }
}
