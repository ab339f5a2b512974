import { spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { gunzipSync, gzipSync } from "node:zlib";
import { install } from "./apt.ts";
import { image, type Folder } from "./image.ts";
import { kernelImage, type KernelName } from "./kernels.ts";
import { Unavailable } from "./unavailable.ts";

const QEMU = "qemu-system-x86_64";
const BOOT_TIMEOUT = 120_000;
const RUN_TIMEOUT = 60_000;

export interface GuestOptions {
  /** Folder of other tools that appears as /peers. */
  readonly peers?: string | undefined;
  readonly folders?: readonly Folder[];
  /** MiB. */
  readonly memory?: number;
  /**
   * Emulated machines only: every instruction takes 1 ns of the guest's time, and nothing else takes any. What the
   * guest measures is then a number of instructions, however busy this machine is.
   */
  readonly countInstructions?: boolean;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Milliseconds until the command and its children are killed. */
  readonly timeout?: number;
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
}

/** A message of test/guest/agent.mjs. */
interface Message {
  readonly id: number;
  readonly ready?: string;
  readonly stdout?: string;
  readonly stderr?: string;
  readonly code?: number | null;
  readonly signal?: string | null;
  readonly timedOut?: boolean;
  readonly error?: string;
}

/** A running virtual machine with one of Debian's kernels and the built project in /bpfkit. */
export class Guest implements AsyncDisposable {
  readonly kernel: KernelName;
  readonly #qemu: ChildProcessByStdio<Writable, Readable, null>;
  readonly #folder: string;
  readonly #processes = new Map<number, GuestProcess>();
  readonly #closed: Promise<void>;
  #lastId = 0;

  private constructor(
    kernel: KernelName,
    qemu: ChildProcessByStdio<Writable, Readable, null>,
    folder: string,
  ) {
    this.kernel = kernel;
    this.#qemu = qemu;
    this.#folder = folder;
    const kill = (): void => void qemu.kill("SIGKILL");
    process.once("exit", kill);
    this.#closed = new Promise((resolve) => {
      qemu.on("close", () => {
        process.off("exit", kill);
        const end = {
          id: 0,
          code: null,
          signal: "SIGKILL",
          error: `the guest died\n${this.console().slice(-4000)}`,
        };
        for (const running of this.#processes.values()) running.receive(end);
        resolve();
      });
    });
    qemu.stdin.on("error", () => undefined);
  }

  /** Boots a kernel. Throws {@link Unavailable} where QEMU or the kernel cannot be had. */
  static async boot(kernel: KernelName, options: GuestOptions = {}): Promise<Guest> {
    const folder = mkdtempSync(join(tmpdir(), "bpfkit-guest-"));
    const qemu = spawn(QEMU, prepare(kernel, options, folder), { stdio: ["pipe", "pipe", "inherit"] });
    const guest = new Guest(kernel, qemu, folder);
    try {
      await guest.#ready();
      return guest;
    } catch (error) {
      await guest[Symbol.asyncDispose]();
      throw error;
    }
  }

  start(argv: readonly string[], options: RunOptions = {}): GuestProcess {
    const id = ++this.#lastId;
    const process = new GuestProcess((signal) => this.#send({ kind: "signal", id, signal }));
    this.#processes.set(id, process);
    this.#send({
      kind: "start",
      id,
      argv,
      cwd: options.cwd ?? "/bpfkit",
      env: options.env ?? {},
      stdin: Buffer.from(options.stdin ?? "").toString("base64"),
      timeout: options.timeout ?? RUN_TIMEOUT,
    });
    return process;
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return this.start(argv, options).end;
  }

  /** A shell line; throws when it fails. */
  async shell(line: string, options: RunOptions = {}): Promise<string> {
    const { stdout, stderr, code } = await this.run(["sh", "-c", line], options);
    if (code !== 0) throw new Error(`guest ${this.kernel}: "${line}" ended with ${code}: ${stderr}`);
    return stdout;
  }

  async read(path: string): Promise<Buffer> {
    const text = await this.shell(`gzip -c "${path}" | base64`);
    return gunzipSync(Buffer.from(text, "base64"));
  }

  async write(path: string, bytes: Uint8Array): Promise<void> {
    // The serial line is slow, and an object's debug information is mostly air.
    const stdin = gzipSync(bytes).toString("base64");
    await this.shell(`base64 -d | gzip -d > "${path}"`, { stdin });
  }

  /** What the kernel printed. */
  console(): string {
    return readFileSync(join(this.#folder, "console"), "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#qemu.kill("SIGKILL");
    await this.#closed;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#qemu.kill("SIGKILL"), BOOT_TIMEOUT);
      const fail = (): void => {
        clearTimeout(timer);
        reject(new Error(`guest ${this.kernel} did not come up:\n${this.console().slice(-4000)}`));
      };
      this.#qemu.on("error", fail);
      this.#qemu.on("close", fail);
      createInterface({ input: this.#qemu.stdout }).on("line", (line) => {
        // Whatever comes before the agent takes the line over is the firmware's.
        if (!line.startsWith("{")) return;
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own agent wrote it
        const message = JSON.parse(line) as Message;
        if (message.ready !== undefined) {
          clearTimeout(timer);
          resolve();
        } else this.#processes.get(message.id)?.receive(message);
      });
    });
  }

  #send(request: object): void {
    this.#qemu.stdin.write(`${JSON.stringify(request)}\n`);
  }
}

/** A command running in a guest. */
export class GuestProcess {
  readonly end: Promise<RunResult>;
  readonly #signal: (signal: string) => void;
  readonly #chunks: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
  readonly #watchers = new Set<() => void>();
  #finish!: (result: RunResult) => void;
  #ended = false;

  constructor(signal: (signal: string) => void) {
    this.#signal = signal;
    this.end = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  get stdout(): string {
    return Buffer.concat(this.#chunks.stdout).toString();
  }

  get stderr(): string {
    return Buffer.concat(this.#chunks.stderr).toString();
  }

  signal(name: string): void {
    this.#signal(name);
  }

  /** Waits until the command's output (either stream) holds a match; throws if it ends before. */
  waitFor(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.test(this.stdout) || pattern.test(this.stderr);
        if (!found && !this.#ended) return;
        this.#watchers.delete(look);
        if (found) resolve();
        else reject(new Error(`no ${pattern} in the output:\n${this.stdout}${this.stderr}`));
      };
      this.#watchers.add(look);
      look();
    });
  }

  receive(message: Message): void {
    for (const stream of ["stdout", "stderr"] as const) {
      const data = message[stream];
      if (data !== undefined) this.#chunks[stream].push(Buffer.from(data, "base64"));
    }
    if (message.error !== undefined) this.#chunks.stderr.push(Buffer.from(message.error));
    if (message.code !== undefined) this.#close(message);
    for (const look of this.#watchers) look();
  }

  #close({ code, signal, timedOut }: Message): void {
    this.#ended = true;
    this.#finish({
      stdout: this.stdout,
      stderr: this.stderr,
      code: code ?? null,
      signal: signal ?? null,
      timedOut: timedOut ?? false,
    });
  }
}

/** Writes the guest's files into the folder and returns QEMU's arguments. */
function prepare(kernel: KernelName, options: GuestOptions, folder: string): string[] {
  requireQemu();
  const initrd = join(folder, "initrd");
  writeFileSync(initrd, image(folders(options)));
  const memory = options.memory ?? (options.peers === undefined ? 1024 : 2048);
  return [
    ...machineArguments(kernelImage(kernel), initrd, memory),
    ...(options.countInstructions && isEmulated() ? ["-icount", "shift=0"] : []),
    "-append",
    commandLine("quiet"),
    "-serial",
    `file:${join(folder, "console")}`,
    "-serial",
    "stdio",
  ];
}

/** A shell on the guest's console, for people. Returns the exit code of QEMU. */
export function bootShell(kernel: KernelName, options: GuestOptions = {}): number {
  requireQemu();
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-guest-"));
  try {
    const initrd = join(folder, "initrd");
    writeFileSync(initrd, image(folders(options)));
    const memory = options.memory ?? 2048;
    const args = [
      ...machineArguments(kernelImage(kernel), initrd, memory),
      "-append",
      commandLine("quiet GUEST_SHELL=1"),
      "-serial",
      "mon:stdio",
    ];
    return spawnSync(QEMU, args, { stdio: "inherit" }).status ?? 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function folders({ peers, folders: more = [] }: GuestOptions): Folder[] {
  return peers === undefined ? [...more] : [...more, { from: peers, to: "peers" }];
}

function commandLine(extra: string): string {
  return `console=ttyS0 panic=-1 oops=panic mitigations=off random.trust_cpu=on ${extra}`;
}

function machineArguments(vmlinuz: string, initrd: string, memory: number): string[] {
  const plain = ["-nodefaults", "-no-reboot", "-display", "none", "-smp", "2", "-m", String(memory)];
  return plain.concat(accelerator(), ["-kernel", vmlinuz, "-initrd", initrd]);
}

/** Whether guests run without KVM here. */
export function isEmulated(): boolean {
  return !usableKvm();
}

/**
 * KVM where it works. QEMU 7.2 emulates cmpxchg16b wrongly, and guests die of it in kmalloc after some
 * minutes; five-level page tables only cost time. With a thread a processor, code that the kernel patches
 * (static keys, probes) traps on int3 that is no longer there.
 */
function accelerator(): string[] {
  if (usableKvm()) return ["-accel", "kvm", "-cpu", "host"];
  return ["-accel", "tcg,thread=single", "-cpu", "max,la57=off,cx16=off"];
}

/** Opening is not enough: a machine that is itself virtual may have the device and no VMX or SVM behind it. */
function usableKvm(): boolean {
  if (!/\b(?:vmx|svm)\b/.test(readFileSync("/proc/cpuinfo", "utf8"))) return false;
  try {
    closeSync(openSync("/dev/kvm", "r+"));
    return true;
  } catch {
    // Absent or not ours: emulation is the answer, not an error.
    return false;
  }
}

function requireQemu(): void {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Unavailable(`guests are x86-64 Linux machines, this is ${process.platform} ${process.arch}`);
  const works = (): boolean => spawnSync(QEMU, ["--version"]).status === 0;
  if (works()) return;
  install(["qemu-system-x86"]);
  if (!works()) throw new Unavailable(`${QEMU} does not run`);
}
