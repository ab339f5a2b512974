import {
  attach,
  explainRefusal,
  linkAll,
  runProgram,
  type AttachContext,
  type Hook as AttachHook,
  type HookTarget,
  type Link,
} from "../attach/index.ts";
import { BpfkitError } from "../errors.ts";
import { SyscallError, type Fd, type Kernel, type ProcessHost } from "../kernel/index.ts";
import {
  Features,
  loadObject,
  missingHelper,
  ProgramLoadError,
  VerifierError,
  type LoadedObject,
  type LoadedProgram,
} from "../loader/index.ts";
import type { AttachTarget, ObjectSpec, PlanMap, PlanProbe, TracePlan } from "../object/index.ts";
import {
  badPlan,
  type MapSnapshot,
  type Memory,
  type RecordHandler,
  type Reporter,
} from "../report/index.ts";
import { PerfBuffer, pumpRecords, RingBuffer, type Pump, type RecordSource } from "../transport/index.ts";
import { ERRNO } from "../uapi/index.ts";
import { DisposalStack } from "../util/index.ts";
import { compileRecords } from "./actions.ts";
import { Child, commandOf, type CommandProcess } from "./child.ts";
import { Globals } from "./globals.ts";
import { Failures } from "./failures.ts";
import { snapshotMap } from "./map-snapshot.ts";
import { missedByLinks, missedHits } from "./misses.ts";
import { ProbeError } from "./probe-error.ts";
import { SystemResolver } from "./resolver.ts";
import { forSharedLinks, sharedHooks, sharedLinks, type SharedLinks } from "./shared-links.ts";

/** Data pages of each CPU's perf buffer, where the kernel has no ring buffer. */
const PERF_PAGES = 64;
/** Kinds whose latest hook the kernel fires first: attached backwards, they run in the script's order. */
const REVERSED: ReadonlySet<PlanProbe["attach"]["kind"]> = new Set(["kprobe", "fentry", "uprobe"]);

export interface SessionOptions {
  readonly kernel: Kernel;
  readonly features?: Features;
  /** Made once the maps exist that stacks are looked up in. */
  readonly reporter: (resolver: SystemResolver) => Reporter;
  /** Called whenever the reader has read all there is. */
  readonly idle?: () => void;
  /** `-p`: only this process; the session ends with it. */
  readonly pid?: number;
  /** `-c`: run this, and end with it. */
  readonly command?: string;
  /** Who has the processes, where the kernel does not see the system's own. */
  readonly processes?: ProcessHost;
  /** system() may run commands. */
  readonly unsafe?: boolean;
  /** At the end show the maps as they are then, without the END probes. */
  readonly still?: boolean;
  /** Stop once everything is attached. */
  readonly dryRun?: boolean;
  /** 0: none; 1, 2: the verifier's log of every program. */
  readonly logLevel?: number;
  /** Called when everything is attached, before the command runs; `pid` is the command's, or that of `pid`. */
  readonly attached?: (object: LoadedObject, pid: number | undefined) => void;
}

/** Milliseconds. */
const MAPS_INTERVAL = 20;

interface Hook {
  readonly probe: PlanProbe;
  readonly target: HookTarget;
}

export interface SessionResult {
  /** exit(code) of the script, else 0. */
  readonly code: number;
}

/**
 * One run of a script: load, BEGIN, attach, read until the end, detach, END, maps. Everything is taken off
 * and closed on disposal, however the run ended.
 */
export class TraceSession implements Disposable {
  readonly #plan: TracePlan;
  readonly #options: SessionOptions;
  readonly #resources = new DisposalStack();
  readonly #links: { readonly program: string; readonly link: Link }[] = [];
  readonly #features: Features;
  readonly #shared: SharedLinks;
  readonly #reporter: Reporter;
  readonly #resolver: SystemResolver;
  readonly #globals: Globals;
  readonly #failures: Failures;
  readonly #records: readonly RecordHandler[];
  readonly #object: LoadedObject;
  readonly #source: RecordSource;
  #pump: Pump | undefined;
  #code = 0;
  /** exit() was met: what comes behind it is not shown. */
  #exiting = false;
  #failure: unknown;
  #failed = false;
  #reportedLost = 0n;
  readonly #zeroed = new Set<PlanMap>();
  readonly #ending = new AbortController();

  /** Creates the maps and loads the programs; nothing runs yet. */
  constructor(object: ObjectSpec, plan: TracePlan, options: SessionOptions) {
    this.#plan = plan;
    this.#options = options;
    refuseUnsafe(plan, options.unsafe ?? false);
    const { kernel, logLevel = 0 } = options;
    this.#features = options.features ?? new Features(kernel);
    try {
      this.#shared = sharedLinks(plan.probes, (feature) => this.#features.has(feature));
      const shared = forSharedLinks(object, this.#shared);
      this.#object = this.#resources.use(loadObject(shared, { kernel, logLevel }));
      this.#resolver = new SystemResolver(kernel, this.#object.maps);
      this.#reporter = options.reporter(this.#resolver);
      this.#globals = this.#resources.use(new Globals(kernel, plan.config.globals, this.#object.maps));
      this.#failures = new Failures(plan, this.#globals, this.#object.maps);
      this.#source = this.#resources.use(openSource(kernel, plan, this.#object));
      this.#records = compileRecords({
        plan,
        maps: this.#object.maps,
        reporter: this.#reporter,
        zeroed: this.#zeroed,
        resolver: this.#resolver,
        exit: (code) => this.#exit(code),
      });
    } catch (error) {
      this.#resources[Symbol.dispose]();
      throw error instanceof ProgramLoadError || error instanceof VerifierError
        ? this.#explainRefusal(error, object)
        : error;
    }
  }

  /** Ends the run from outside, as on Ctrl-C: what waits is still shown, then END and the maps. */
  stop(): void {
    this.#ending.abort();
  }

  /** What all maps hold now, by their names. */
  maps(): MapSnapshot[] {
    const context = { resolver: this.#resolver, encoding: this.#reporter.encoding };
    return this.#plan.maps
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((plan) => {
        const map = this.#object.maps.get(plan.map);
        return map ? snapshotMap(plan, map, { context, zeroed: this.#zeroed.has(plan) }) : [];
      });
  }

  /** @throws what went wrong, after everything was detached */
  async run(): Promise<SessionResult> {
    try {
      await this.#trace();
      if (this.#failed) throw this.#failure;
      return { code: this.#code };
    } finally {
      this[Symbol.dispose]();
    }
  }

  [Symbol.dispose](): void {
    this.#detach();
    this.#resources[Symbol.dispose]();
  }

  async #trace(): Promise<void> {
    const { kernel, command, pid, processes, attached, dryRun = false } = this.#options;
    if (pid !== undefined && !processes) this.#watchProcess(pid);
    const child = processes
      ? followed(processes, command, pid)
      : command === undefined
        ? undefined
        : this.#resources.use(Child.start(command));
    this.#globals.set({
      pid: BigInt(pid ?? 0),
      childPid: BigInt(command !== undefined || processes?.recorded?.started ? (child?.pid ?? 0) : 0),
      start: kernel.clock("boottime"),
      cpuCount: BigInt(kernel.files.possibleCpus().length),
    });
    this.#runAll("begin");
    // A host of processes has nothing but the command and what that starts: all of it is wanted.
    this.#attachAll(processes ? pid : (child?.pid ?? pid));
    this.#reporter.attached(this.#plan.probes.length);
    attached?.(this.#object, child?.pid ?? pid);
    if (dryRun) return;
    this.#pump = this.#resources.use(
      pumpRecords(kernel, this.#source, this.#handle, () => this.#afterBatch()),
    );
    child?.go();
    child?.ended.then(
      () => this.stop(),
      (error: unknown) => this.#fail(error),
    );
    if (child && showsUserAddresses(this.#plan)) this.#followMaps(child.pid);
    const signals = this.#watchSignals();
    // Nothing else can happen in a script of BEGIN and END alone.
    if (this.#links.length > 0 || signals || child) await aborted(this.#ending.signal);
    this.#finish();
  }

  #finish(): void {
    const byLinks = missedByLinks(this.#options.kernel, this.#links);
    this.#detach();
    this.#pump?.flush();
    this.#exiting = false;
    if (!this.#failed && this.#options.still !== true) this.#runAll("end");
    this.#pump?.flush();
    this.#reportLost();
    for (const finding of this.#failures.all()) this.#reporter.diagnostic(finding);
    this.#reportMissed(byLinks);
    if (this.#failed) return;
    this.#reporter.end();
    if (this.#plan.config.printMapsOnExit || this.#options.still === true)
      for (const map of this.maps()) this.#reporter.map(map);
    this.#options.idle?.();
  }

  readonly #handle = (memory: Memory, at: number, length: number): boolean => {
    if (this.#exiting || this.#failed) return true;
    try {
      const index = length >= 4 ? memory.view.getUint32(at, true) : -1;
      const handle = this.#records[index];
      if (!handle || length < this.#plan.records[index]!.size)
        throw badPlan(`record ${index} of ${length} bytes`);
      handle(memory, at, at + length);
    } catch (error) {
      this.#fail(error);
    }
    return true;
  };

  #afterBatch(): void {
    try {
      this.#reportLost();
      this.#options.idle?.();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (!this.#failed) this.#failure = error;
    this.#failed = true;
    this.stop();
  }

  #exit(code: number): void {
    this.#code = code;
    this.#exiting = true;
    this.stop();
  }

  #reportLost(): void {
    const lost = this.#globals.lost() + BigInt(this.#source.lost);
    if (lost > this.#reportedLost) this.#reporter.lost(lost - this.#reportedLost);
    this.#reportedLost = lost;
    for (const finding of this.#failures.fresh()) this.#reporter.diagnostic(finding);
  }

  #reportMissed(byLinks: ReadonlyMap<string, bigint>): void {
    const { kernel } = this.#options;
    const missed = missedHits(kernel, this.#plan.probes, (probe) => this.#program(probe), byLinks);
    for (const { probe, hits } of missed) this.#reporter.missed(probe, hits);
  }

  #runAll(kind: "begin" | "end"): void {
    for (const probe of this.#plan.probes) {
      if (probe.attach.kind === kind) runProgram(this.#options.kernel, this.#program(probe));
    }
  }

  #attachAll(pid: number | undefined): void {
    const context = this.#attachContext(pid);
    const hooks = hooksOf(this.#plan.probes);
    const forward = hooks.filter(({ target }) => !REVERSED.has(target.kind));
    const backward = hooks.filter(({ target }) => REVERSED.has(target.kind)).toReversed();
    const together = new Set<string>();
    for (const { probe, target } of [...forward, ...backward]) {
      if (together.has(probe.program)) continue;
      const group = this.#shared.get(probe.program);
      if (!group) {
        this.#attachProbe(context, probe, target);
        continue;
      }
      this.#attachTogether(context, group);
      together.add(probe.program);
    }
  }

  #attachProbe(context: AttachContext, probe: PlanProbe, hook: AttachHook): void {
    try {
      this.#links.push({ program: probe.program, link: attach(context, this.#program(probe), hook) });
    } catch (error) {
      throw error instanceof BpfkitError ? new ProbeError(probe, error) : error;
    }
  }

  /** Which one the kernel did not take is told by hooking each in for itself. */
  #attachTogether(context: AttachContext, probes: readonly PlanProbe[]): void {
    const [first] = probes;
    if (!first) return;
    const program = this.#program(first);
    try {
      const link = linkAll(sharedHooks(probes).map((hook) => () => attach(context, program, hook)));
      this.#links.push({ program: first.program, link });
    } catch (error) {
      if (!(error instanceof BpfkitError)) throw error;
      for (const probe of probes)
        for (const hook of sharedHooks([probe])) this.#attachProbe(context, probe, hook);
    }
  }

  #explainRefusal(error: ProgramLoadError | VerifierError, object: ObjectSpec): Error {
    const probe = this.#plan.probes.find(({ program }) => program === error.program);
    const program = object.programs.find(({ name }) => name === error.program);
    if (!probe || !program) return error;
    const explained =
      missingHelper(program, this.#features, error) ??
      (error instanceof ProgramLoadError
        ? explainRefusal(this.#attachContext(), probe.attach, error)
        : undefined);
    return explained instanceof BpfkitError ? new ProbeError(probe, explained) : error;
  }

  #attachContext(pid?: number): AttachContext {
    return { kernel: this.#options.kernel, features: this.#features, ...(pid !== undefined && { pid }) };
  }

  #detach(): void {
    for (const { link } of this.#links.splice(0).toReversed()) link[Symbol.dispose]();
  }

  #program({ program }: PlanProbe): LoadedProgram {
    const loaded = this.#object.programs.get(program);
    if (!loaded) throw badPlan(`no program ${program}`);
    return loaded;
  }

  /** The child's libraries come one by one, and with its end its maps are gone: look now and then. */
  #followMaps(pid: number): void {
    const timer = setInterval(() => this.#resolver.rememberProcess(pid), MAPS_INTERVAL).unref();
    this.#resources.defer(() => clearInterval(timer));
  }

  #watchProcess(pid: number): void {
    const { kernel } = this.#options;
    const process = openProcess(kernel, pid);
    this.#resolver.rememberProcess(pid);
    const watch = kernel.watch(process, () => {
      watch[Symbol.dispose]();
      this.stop();
    });
    this.#resources.defer(() => {
      watch[Symbol.dispose]();
      kernel.close(process);
    });
  }

  /** `self:signal:` probes; true if there are any. */
  #watchSignals(): boolean {
    let any = false;
    for (const probe of this.#plan.probes) {
      const { attach: target } = probe;
      if (target.kind !== "signal") continue;
      any = true;
      const program = this.#program(probe);
      const listener = (): void => void runProgram(this.#options.kernel, program);
      process.on(target.signal, listener);
      this.#resources.defer(() => void process.off(target.signal, listener));
    }
    return any;
  }
}

/** The command or process of a host of processes; its disposal is the host's. */
function followed(
  processes: ProcessHost,
  command: string | undefined,
  pid: number | undefined,
): CommandProcess | undefined {
  const { recorded } = processes;
  if (!recorded && command === undefined && pid === undefined) return undefined;
  const process =
    recorded ??
    (pid === undefined ? processes.startCommand(commandOf(command ?? "")) : processes.follow(pid));
  return { ...process, go: () => processes.go(), [Symbol.dispose]: () => undefined };
}

/** The places that the kernel fires, in the plan's order. */
function hooksOf(probes: readonly PlanProbe[]): Hook[] {
  return probes.flatMap((probe) => {
    const { attach: target } = probe;
    if (target.kind === "signal" || isRunByUs(target)) return [];
    return [{ probe, target }];
  });
}

function isRunByUs(target: AttachTarget): target is Extract<AttachTarget, { kind: "begin" | "end" }> {
  return target.kind === "begin" || target.kind === "end";
}

/** @throws BpfkitError if there is no such process */
function openProcess(kernel: Kernel, pid: number): Fd {
  try {
    return kernel.openProcess(pid);
  } catch (cause) {
    if (!(cause instanceof SyscallError) || cause.errno !== ERRNO.ESRCH) throw cause;
    throw new BpfkitError(`There is no process ${pid}`, {
      code: "trace/no-process",
      hints: ["-p takes the id of a process, not of one of its threads"],
      cause,
    });
  }
}

function openSource(kernel: Kernel, plan: TracePlan, object: LoadedObject): RecordSource {
  const { kind, map: name } = plan.config.ring;
  const map = object.maps.get(name);
  if (!map) throw badPlan(`no map ${name}`);
  return kind === "ringbuf"
    ? new RingBuffer(kernel, map.fd, map.spec.maxEntries)
    : new PerfBuffer(kernel, map.fd, PERF_PAGES);
}

function showsUserAddresses(plan: TracePlan): boolean {
  return /"kind":"(ustack|usym)"/.test(JSON.stringify([plan.maps, plan.records]));
}

/** A built object was checked when it was built, perhaps by somebody else. */
function refuseUnsafe(plan: TracePlan, allowed: boolean): void {
  if (allowed) return;
  const runsCommands = plan.records.some(({ actions }) => actions.some(({ kind }) => kind === "system"));
  if (!plan.config.unsafe && !runsCommands) return;
  throw new BpfkitError("The script uses functions that change the system, such as system() or signal()", {
    code: "trace/unsafe",
    hints: ["Allow them with --unsafe"],
  });
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
