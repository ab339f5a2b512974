import { writeSync } from "node:fs";
import { BpfkitError } from "../errors.ts";
import { SyscallError, type Kernel, type LeftProcesses, type ProcessHost } from "../kernel/index.ts";
import { kernelName, openKernel, openTracingKernel } from "../open-kernel.ts";
import type { TracePlan } from "../object/index.ts";
import { BPF_PROG_TYPE, ERRNO } from "../uapi/index.ts";
import type { ParsedArguments } from "./arguments.ts";

/** The kernel that a script runs on, and, where that does not see the system's processes, who has some. */
export interface TraceKernel extends Disposable {
  readonly kernel: Kernel;
  readonly processes?: ProcessHost;
  /** Called when the script is attached, before the command runs. */
  readonly attached?: (plan: TracePlan, pid: number | undefined) => void;
  /** What is to be said of the run when it is over. */
  readonly remarks?: () => readonly string[];
  /** Events come as fast as they can be read, and not as they happen. */
  readonly replayed?: boolean;
  /** How far it is, for those who wait. */
  readonly progress?: () => string;
}

/** The running kernel, or the embedded one where the option or BPFKIT_KERNEL asks for it, or where the running kernel refuses programs. */
export async function openTraceKernel(
  parsed: ParsedArguments,
  btf: string | undefined,
): Promise<TraceKernel> {
  const kernel = await openRunningKernel(parsed, btf);
  return kernel
    ? { kernel, [Symbol.dispose]: () => kernel[Symbol.dispose]() }
    : embedded(parsed.options.get("btf"));
}

/** Undefined where the embedded kernel is asked for, or is all there is, which is said. */
export async function openRunningKernel(
  { options }: ParsedArguments,
  btf: string | undefined,
): Promise<Kernel | undefined> {
  const choice = options.get("kernel") ?? (process.env["BPFKIT_KERNEL"] || undefined);
  if (choice !== undefined && kernelName(choice) === "embedded") return undefined;
  const kernel = await openKernel(btf === undefined ? {} : { btf });
  const fixed = choice !== undefined || options.has("info") || options.has("debug");
  const refusal = fixed ? undefined : refusalOf(kernel);
  if (refusal === undefined) return kernel;
  kernel[Symbol.dispose]();
  writeSync(2, `bpf(2) is refused here (${refusal}): running on bpfkit's embedded kernel, under ptrace\n`);
  return undefined;
}

async function embedded(btf: string | undefined): Promise<TraceKernel> {
  if (btf !== undefined)
    throw new BpfkitError("--btf is for the running kernel: the embedded kernel has BTF of its own", {
      code: "cli/option",
      hints: [
        "Leave the option out",
        "With --kernel linux the program runs on the running kernel, or fails there",
      ],
    });
  const { kernel, processes } = await openTracingKernel();
  return {
    kernel,
    processes,
    remarks: () => whoIsLeft(processes.end()),
    [Symbol.dispose]: () => {
      processes[Symbol.dispose]();
      kernel[Symbol.dispose]();
    },
  };
}

/** What is to be said of processes that go on, or cannot, when the session is over. */
export function whoIsLeft({ kept, keeper, killed }: LeftProcesses): string[] {
  const stays = `What the command started still runs (${kept.join(", ")}); process ${keeper} stays with it until it ends`;
  const gone = `What the command started was killed (${killed.join(", ")}): kernel.yama.ptrace_scope lets no other process stay with it`;
  return [...(keeper === undefined ? [] : [stays]), ...(killed.length > 0 ? [gone] : [])];
}

/** `mov r0, 0; exit` */
const NOTHING = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);

/** What the kernel answers to the smallest tracing program, if it does not take it. */
export function refusalOf(kernel: Kernel): string | undefined {
  try {
    const prog_type = BPF_PROG_TYPE.RAW_TRACEPOINT;
    kernel.close(kernel.bpf("PROG_LOAD", { prog_type, insns: NOTHING, license: "GPL" }));
    return undefined;
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    const refused =
      error.errno === ERRNO.EPERM || error.errno === ERRNO.EACCES || error.errno === ERRNO.ENOSYS;
    return refused ? error.errnoName : undefined;
  }
}
