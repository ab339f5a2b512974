import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { SyscallError, asFd, type Kernel } from "../kernel/index.ts";
import { ERRNO } from "../uapi/index.ts";
import { PrintkParser, type PrintkLine } from "./printk-line.ts";

const EVENT = "events/bpf_trace/bpf_trace_printk/enable";
const CHUNK = 64 * 1024;
const PREFIX = "bpfkit-";

export interface PrintkPipe extends Disposable {
  /** Hands over what waits. */
  drain(): void;
}

/**
 * What BPF programs print, read from a trace instance of our own: the system's trace pipe, which gives each
 * line to one reader only, is left to others.
 * @throws BpfkitError `kernel/no-tracefs`
 */
export function openPrintkPipe(
  kernel: Kernel,
  emit: (line: PrintkLine) => void,
  idle: () => void,
): PrintkPipe {
  const instances = `${kernel.files.tracefsPath()}/instances`;
  removeOrphans(instances);
  const folder = `${instances}/${PREFIX}${process.pid}`;
  mkdirSync(folder);
  let fd: number | undefined;
  const close = (): void => {
    if (fd !== undefined) closeSync(fd);
    rmdirSync(folder);
  };
  try {
    writeFileSync(`${folder}/${EVENT}`, "1");
    fd = openSync(`${folder}/trace_pipe`, constants.O_RDONLY | constants.O_NONBLOCK);
    const pipe = asFd(fd);
    const parser = new PrintkParser(emit);
    const buffer = new Uint8Array(CHUNK);
    const drain = (): void => {
      for (let count = readSome(kernel, pipe, buffer); count > 0; count = readSome(kernel, pipe, buffer))
        parser.push(Buffer.from(buffer.subarray(0, count)).toString("utf8"));
      parser.flush();
      idle();
    };
    const watch = kernel.watch(pipe, drain);
    watch.unref();
    return {
      drain,
      [Symbol.dispose]() {
        watch[Symbol.dispose]();
        close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Instances of processes that were killed before they could take theirs away. */
function removeOrphans(instances: string): void {
  for (const name of readdirSync(instances)) {
    const pid = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : "";
    if (!/^\d+$/.test(pid) || existsSync(`/proc/${pid}`)) continue;
    try {
      rmdirSync(`${instances}/${name}`);
    } catch {
      // It is in use: by a process of another pid namespace.
    }
  }
}

/** 0 when nothing waits. */
function readSome(kernel: Kernel, fd: Parameters<Kernel["read"]>[0], buffer: Uint8Array): number {
  try {
    return kernel.read(fd, buffer);
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ERRNO.EAGAIN) return 0;
    throw error;
  }
}
