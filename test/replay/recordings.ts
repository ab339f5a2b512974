import { compileScript } from "../../src/bpftrace/index.ts";
import { Features } from "../../src/loader/index.ts";
import type { Kernel, ProcessHost } from "../../src/kernel/index.ts";
import { openReplay } from "../../src/open-kernel.ts";
import {
  RecordingReader,
  recordingBytes,
  RecordingWriter,
  type Entry,
  type RecordingEnvironment,
  type EventEntry,
  type MemoryPiece,
} from "../../src/recording/index.ts";
import { kernelTarget, kernelWorld } from "../../src/script/index.ts";
import { EventQueue, TraceSession } from "../../src/trace/index.ts";
import { mapText } from "../../src/report/index.ts";

export const ENVIRONMENT: RecordingEnvironment = {
  kind: "environment",
  kernel: "linux",
  release: "6.12.1",
  arch: "x64",
  cpus: 2,
  version: "0.1.0",
  command: "sh -c true",
  pid: 100,
  start: 5_000_000_000n,
  realtime: 1_700_000_000_000_000_000n,
  boottime: 0n,
  tai: 1_700_000_037_000_000_000n,
  timeZone: "UTC",
  seed: 1,
  self: { pid: 99, uid: 0, gid: 0, comm: "bpfkit", cgroupId: 7n },
  node: "host",
  system: "#1 SMP",
};

/** Hooks of the recordings here, in the order of their numbers. */
export const HOOKS = [
  "tracepoint:raw_syscalls:sys_enter",
  "tracepoint:raw_syscalls:sys_exit",
  "tracepoint:sched:sched_process_fork",
  "kprobe:vfs_read+0",
  "kretprobe:vfs_read+0",
] as const;
const FORK_FORMAT = `name: sched_process_fork
ID: 311
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:char parent_comm[16];	offset:8;	size:16;	signed:0;
	field:pid_t parent_pid;	offset:24;	size:4;	signed:1;
	field:char child_comm[16];	offset:28;	size:16;	signed:0;
	field:pid_t child_pid;	offset:44;	size:4;	signed:1;

print fmt: ""
`;

/** A recording whose first thread is 100, child of 1. */
export function recording(
  entries: readonly Entry[],
  environment: RecordingEnvironment = ENVIRONMENT,
): Uint8Array {
  const parts: Uint8Array[] = [];
  const writer = new RecordingWriter({ write: (bytes) => void parts.push(Uint8Array.from(bytes)) });
  writer.add(environment);
  writer.add({
    kind: "file",
    path: "tracefs/events/sched/sched_process_fork/format",
    bytes: Buffer.from(FORK_FORMAT),
  });
  writer.add({ kind: "file", path: "/etc/passwd", bytes: Buffer.from("alice:x:1000:1000::/:/bin/sh\n") });
  for (const name of HOOKS) writer.add({ kind: "hook", name });
  writer.add({ kind: "task", pid: 1, change: { tgid: 1, comm: "init", parent: 0 } });
  writer.add({ kind: "task", pid: 100, change: { tgid: 100, comm: "sh", parent: 1, uid: 1000, gid: 1000 } });
  for (const entry of entries) writer.add(entry);
  writer.flush();
  return Buffer.concat(parts);
}

export function call(
  time: number,
  number: number,
  args: readonly (number | bigint)[],
  memory: readonly MemoryPiece[] = [],
): EventEntry {
  const context = new Uint8Array(64);
  const view = new DataView(context.buffer);
  view.setBigInt64(8, BigInt(number), true);
  args.forEach((arg, index) => view.setBigUint64(16 + index * 8, BigInt(arg), true));
  return { kind: "event", hook: 0, time, pid: 100, cpu: 1, context, memory, stack: [] };
}

export function returned(time: number, number: number, result: number): EventEntry {
  const context = new Uint8Array(24);
  const view = new DataView(context.buffer);
  view.setBigInt64(8, BigInt(number), true);
  view.setBigInt64(16, BigInt(result), true);
  return { kind: "event", hook: 1, time, pid: 100, cpu: 1, context, memory: [], stack: [] };
}

export function forked(time: number, parent: number, child: number): EventEntry {
  const context = new Uint8Array(48);
  const view = new DataView(context.buffer);
  view.setInt32(24, parent, true);
  view.setInt32(44, child, true);
  return { kind: "event", hook: 2, time, pid: parent, cpu: 0, context, memory: [], stack: [] };
}

/** A function of the kernel, with one register of struct pt_regs. */
export function probed(hook: number, register: number, value: bigint): EventEntry {
  const context = new Uint8Array(168);
  new DataView(context.buffer).setBigUint64(register * 8, value, true);
  return { kind: "event", hook, time: 1, pid: 100, cpu: 0, context, memory: [], stack: [] };
}

export function text(address: bigint, value: string): MemoryPiece {
  return { address, state: "held", bytes: Buffer.from(`${value}\0`) };
}

export interface Replayed {
  /** Everything that was printed. */
  readonly out: string;
  readonly missing: number;
  readonly events: number;
}

/** Runs a script over a recording. */
export async function replay(
  bytes: Uint8Array,
  script: string,
  options: { readonly until?: number } = {},
): Promise<Replayed> {
  const { kernel, processes } = await openReplay(RecordingReader.open(recordingBytes(bytes)), options);
  using _kernel = kernel;
  using _processes = processes;
  const out = await run(script, kernel, processes, options.until !== undefined);
  return { out, missing: processes.missing, events: processes.events };
}

/** Runs a script to its end, and gives all that it printed. */
export async function run(
  script: string,
  kernel: Kernel,
  processes: ProcessHost,
  still = false,
  command?: string,
): Promise<string> {
  const features = new Features(kernel);
  const { object, plan, diagnostics } = compileScript({ name: "-e", text: script }, kernelWorld(kernel), {
    target: kernelTarget(kernel, features),
    positional: [],
    unsafe: false,
    child: true,
  });
  if (!object || !plan) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  let queue: EventQueue | undefined;
  const session = new TraceSession(object, plan, {
    kernel,
    features,
    processes,
    still,
    ...(command !== undefined && { command }),
    reporter: (resolver) => (queue = new EventQueue(resolver)),
  });
  await session.run();
  queue?.close();
  let out = "";
  for await (const event of queue ?? []) {
    if (event.kind === "printf" || event.kind === "time") out += event.text;
    else if (event.kind === "join") out += `${event.text}\n`;
    else if (event.kind === "map") out += mapText(event.map);
    else if (event.kind === "diagnostic") out += `${event.diagnostic.message}\n`;
  }
  return out;
}
