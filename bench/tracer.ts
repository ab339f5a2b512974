import { spawn, type ChildProcess } from "node:child_process";
import { openSync, closeSync, readFileSync, readdirSync } from "node:fs";

/** A program that runs bpftrace scripts, and how to call it. */
export interface Tool {
  readonly name: string;
  readonly argv: readonly string[];
}

/** What a process has used so far. */
export interface Usage {
  /** Seconds. */
  readonly wall: number;
  /** Seconds of user and system time of all its threads. */
  readonly cpu: number;
  /** MiB, the highest resident set. */
  readonly memory: number;
}

const ATTACH_TIMEOUT = 120_000;

/** A tool running one script. */
export class Tracer {
  readonly #child: ChildProcess;
  readonly #started: number = performance.now();
  readonly #cpuBefore: number = childrenCpu();
  readonly #ended: Promise<number | null>;
  #messages = "";

  /** `output`: the file that takes what the tool prints. */
  constructor(tool: Tool, script: string, output: string, flags: readonly string[] = []) {
    const [command, ...args] = tool.argv;
    const file = openSync(output, "w");
    this.#child = spawn(command!, [...args, ...flags, script], { stdio: ["ignore", file, "pipe"] });
    closeSync(file);
    this.#child.stderr!.on("data", (data: Buffer) => {
      this.#messages += data.toString();
    });
    this.#ended = new Promise((resolve, reject) => {
      this.#child.on("error", reject);
      this.#child.on("close", resolve);
    });
  }

  get messages(): string {
    return this.#messages;
  }

  /** Resolves when every probe is attached. */
  async attached(): Promise<Usage> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      const fail = (): void => reject(new Error(`nothing attached: ${this.#messages.trim().slice(0, 2000)}`));
      timer = setTimeout(fail, ATTACH_TIMEOUT);
      this.#child.on("close", fail);
      this.#child.stderr!.on("data", () => {
        if (/^Attached \d+ probe/m.test(this.#messages)) resolve();
      });
    }).finally(() => clearTimeout(timer));
    return this.usage();
  }

  /** Until now, of the running process. */
  usage(): Usage {
    const pid = this.#child.pid!;
    const tasks = readdirSync(`/proc/${pid}/task`);
    const nanoseconds = tasks.map((task) =>
      Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]),
    );
    const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return {
      wall: (performance.now() - this.#started) / 1000,
      cpu: nanoseconds.reduce((sum, value) => sum + value, 0) / 1e9,
      memory: Number(peak) / 1024,
    };
  }

  /** Interrupts it as Ctrl-C does and waits for its end; the usage is that of the whole run. */
  async stop(): Promise<Usage> {
    const { memory } = this.usage();
    this.#child.kill("SIGINT");
    await this.#ended;
    return { wall: (performance.now() - this.#started) / 1000, cpu: childrenCpu() - this.#cpuBefore, memory };
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** Seconds of user and system time of the children that have ended: fields 16 and 17 of stat, in 1/100 s. */
export function childrenCpu(): number {
  const fields = readFileSync("/proc/self/stat", "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** Runs one script, hands the attached tracer over, and stops it. */
export async function withTracer<T>(tracer: Tracer, use: (tracer: Tracer) => Promise<T>): Promise<T> {
  try {
    await tracer.attached();
    return await use(tracer);
  } finally {
    tracer.kill();
  }
}
