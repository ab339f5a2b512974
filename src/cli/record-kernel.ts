import { once } from "node:events";
import type { HookTarget } from "../attach/index.ts";
import { BpfkitError } from "../errors.ts";
import type { Kernel } from "../kernel/index.ts";
import { chooseTargets, DEFAULT_TARGETS, KernelRecorder, RECORDABLE_HINT } from "../recorder/index.ts";
import { RecordingOutput, RecordingWriter } from "../recording/index.ts";
import { Child } from "../trace/index.ts";
import { DisposalStack } from "../util/index.ts";
import { usageError, type ParsedArguments } from "./arguments.ts";
import type { Invocation } from "./command.ts";
import { scriptOf, type RecordRequest, type RecordResult } from "./record-request.ts";
import { snapSize } from "./recording-kernel.ts";
import { compileHere } from "./script.ts";
import { version } from "./version.ts";

const MiB = 1024 * 1024;
const RING_SIZE = 16;
const LARGEST_RING = 1024;

/** Records events of the running kernel by programs in it. */
export async function recordKernel(
  request: RecordRequest,
  kernel: Kernel,
  { options }: ParsedArguments,
  invocation: Invocation,
): Promise<RecordResult> {
  const { path, probes, command, pid, stop } = request;
  const ringSize = ringSizeOf(options.get("ring"), invocation);
  const snap = snapSize(options.get("snap"), invocation);
  const targets = probes === undefined ? DEFAULT_TARGETS : selected(probes, kernel, request);
  const resources = new DisposalStack();
  using _resources = resources;
  const file = resources.use(new RecordingOutput(path));
  const writer = new RecordingWriter(file);
  const child = command === undefined ? undefined : resources.use(Child.start(command));
  const recorder = resources.use(
    new KernelRecorder({
      kernel,
      writer,
      targets,
      pid: child?.pid ?? pid,
      command,
      snap,
      ringSize,
      version: version(),
    }),
  );
  request.began(writer);
  child?.go();
  const ends: Promise<unknown>[] = [stop.aborted ? Promise.resolve() : once(stop, "abort")];
  if (child) ends.push(child.ended);
  if (pid !== undefined) ends.push(endOf(kernel, pid, resources));
  await Promise.race(ends);
  recorder.stop();
  return { events: writer.events, bytes: writer.bytes, lost: recorder.lost };
}

/** The probes of -e, and what tells who the others are. @throws BpfkitError for what cannot be recorded */
function selected(probes: string, kernel: Kernel, request: RecordRequest): readonly HookTarget[] {
  const { plan } = compileHere(scriptOf(probes, kernel, request));
  const { targets, without } = chooseTargets(kernel, plan.probes);
  if (without.length === 0) return targets;
  throw new BpfkitError(`Events of ${without.join(", ")} cannot be recorded`, {
    code: "record/probe",
    hints: [RECORDABLE_HINT],
  });
}

async function endOf(kernel: Kernel, pid: number, resources: DisposalStack): Promise<void> {
  const fd = kernel.openProcess(pid);
  resources.defer(() => kernel.close(fd));
  await new Promise<void>((resolve) => {
    resources.use(kernel.watch(fd, resolve));
  });
}

function ringSizeOf(text: string | undefined, invocation: Invocation): number {
  const size = text === undefined ? RING_SIZE : Number(text);
  if (Number.isInteger(Math.log2(size)) && size >= 1 && size <= LARGEST_RING) return size * MiB;
  throw usageError(
    `Option --ring takes a power of two from 1 to ${LARGEST_RING} MiB, not ${text}`,
    invocation,
  );
}
