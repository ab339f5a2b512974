import { attach, type HookTarget } from "../attach/index.ts";
import { parseBtf } from "../btf/index.ts";
import { KeptFacts, procFacts, SYSCALL_TABLE } from "../kernel/embedded/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { Features, loadObject, type LoadedMap, type LoadedObject } from "../loader/index.ts";
import type { RecordingEnvironment, RecordingWriter } from "../recording/index.ts";
import { pumpRecords, RingBuffer, type Pump, type RecordHandler } from "../transport/index.ts";
import { DisposalStack } from "../util/index.ts";
import { decodeRecord, type HookFormat } from "./decode.ts";
import { recorderHook, type RecorderHook } from "./hooks.ts";
import { encodeRules, MOST_CALLS, MOST_SNAP } from "./layout.ts";
import { MAP, recorderObject } from "./programs.ts";
import { taskOffsets } from "./task-offsets.ts";

/** What is in the file at the latest after this time. */
const FLUSH_MILLISECONDS = 1000;
const TRACEFS = "tracefs/";

export interface RecorderSettings {
  readonly kernel: Kernel;
  readonly features?: Features;
  readonly writer: RecordingWriter;
  readonly targets: readonly HookTarget[];
  /** Absent: the whole system. */
  readonly pid?: number | undefined;
  readonly command?: string | undefined;
  /** Most bytes of a buffer. */
  readonly snap: number;
  /** Bytes of the ring between the kernel and this process: a power of two. */
  readonly ringSize: number;
  readonly version: string;
}

/** Records events of the running kernel by programs of its own, from its making to {@link KernelRecorder.stop}. */
export class KernelRecorder implements Disposable {
  readonly #settings: RecorderSettings;
  readonly #resources = new DisposalStack();
  readonly #links = new DisposalStack();
  readonly #hooks: readonly RecorderHook[];
  readonly #formats: readonly HookFormat[];
  readonly #object: LoadedObject;
  readonly #facts = new KeptFacts(procFacts);
  readonly #start: bigint;
  #pump: Pump | undefined;
  #lost = 0n;
  #stopped = false;

  /** Loads and attaches: events are recorded from now on. @throws BpfkitError where the kernel does not take it */
  constructor(settings: RecorderSettings) {
    this.#settings = settings;
    const { kernel, features = new Features(kernel), snap, pid } = settings;
    this.#hooks = settings.targets.map((target, index) => recorderHook(kernel, target, index));
    this.#formats = this.#hooks.map(({ format }) => format);
    this.#start = kernel.clock("monotonic");
    try {
      this.#object = this.#resources.use(
        loadObject(
          recorderObject({
            hooks: this.#hooks.map(({ recorded }) => recorded),
            offsets: kernel.files.hasBtf() ? taskOffsets(parseBtf(kernel.files.btf())) : {},
            filtered: pid !== undefined,
            ringSize: settings.ringSize,
            snap: Math.min(snap, MOST_SNAP),
            cpu: features.has("cpuV4") ? 4 : 3,
          }),
          { kernel, features },
        ),
      );
      this.#setRules();
      if (pid !== undefined) this.#map(MAP.tracked).update(wordOf(pid), wordOf(1));
      this.#preface();
      const ring = this.#map(MAP.ring);
      const source = this.#resources.use(new RingBuffer(kernel, ring.fd, ring.spec.maxEntries));
      this.#pump = this.#resources.use(pumpRecords(kernel, source, this.#record));
      const flusher = setInterval(() => this.#flush(), FLUSH_MILLISECONDS);
      this.#resources.defer(() => clearInterval(flusher));
      this.#attach(features);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Events that were lost because the ring was full. */
  get lost(): bigint {
    return this.#lost;
  }

  /** Takes the programs off, and writes what is left. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#links[Symbol.dispose]();
    this.#pump?.flush();
    this.#flush();
    const { kernel, writer } = this.#settings;
    writer.add({ kind: "end", time: Number(kernel.clock("monotonic") - this.#start) });
    writer.flush();
  }

  [Symbol.dispose](): void {
    this.#links[Symbol.dispose]();
    this.#resources[Symbol.dispose]();
  }

  #attach(features: Features): void {
    const { kernel } = this.#settings;
    // Ends last: what begins meanwhile has its end recorded, too.
    for (const { target, recorded } of this.#hooks) {
      const program = this.#object.programs.get(recorded.program);
      if (program) this.#links.use(attach({ kernel, features }, program, target));
    }
  }

  #setRules(): void {
    const rules = this.#map(MAP.rules);
    const arm = this.#settings.kernel.release.arch === "arm64";
    for (const [, x64, arm64, ...args] of SYSCALL_TABLE) {
      const number = arm ? arm64 : x64;
      if (number >= 0 && number < MOST_CALLS) rules.update(wordOf(number), encodeRules(args));
    }
  }

  /** What a replay must know before the first event. */
  #preface(): void {
    const { kernel, writer, version, command, pid = 0 } = this.#settings;
    const monotonic = kernel.clock("monotonic");
    const ahead = (clock: "realtime" | "boottime" | "tai"): bigint => kernel.clock(clock) - monotonic;
    const { machine } = this.#facts;
    const self = this.#facts.task(process.pid);
    const environment: RecordingEnvironment = {
      kind: "environment",
      kernel: "linux",
      release: kernel.release.text,
      arch: kernel.release.arch,
      cpus: kernel.files.possibleCpus().length,
      version,
      command,
      pid,
      start: this.#start,
      realtime: ahead("realtime"),
      boottime: ahead("boottime"),
      tai: ahead("tai"),
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      seed: Math.floor(Math.random() * 2 ** 32),
      self: {
        pid: process.pid,
        uid: self?.uids[0] ?? 0,
        gid: self?.gids[0] ?? 0,
        comm: self?.comm ?? "",
        cgroupId: this.#facts.cgroup(process.pid).id,
      },
      node: machine.node,
      system: machine.version,
    };
    writer.add(environment);
    const users = kernel.files.read("/etc/passwd");
    if (users) writer.add({ kind: "file", path: "/etc/passwd", bytes: users });
    for (const { text } of this.#hooks)
      if (text) writer.add({ kind: "file", path: TRACEFS + text.path, bytes: Buffer.from(text.contents) });
    for (const { name } of this.#hooks) writer.add({ kind: "hook", name });
    // Who is there already.
    const pids = pid === 0 ? kernel.files.directory("/proc").filter((name) => /^\d+$/.test(name)) : [pid];
    for (const each of pids) this.#facts.describe(Number(each));
    this.#writeFacts();
    writer.flush();
  }

  readonly #record: RecordHandler = (area, offset, length) => {
    const decoded = decodeRecord(area, offset, length, this.#formats);
    if (!decoded) return;
    const { event, time, change } = decoded;
    const { role } = this.#hooks[event.hook]!.recorded;
    // The rest is known from /proc, as long as the thread lives; what the record says is of its own time.
    if (role === "exec" || !this.#facts.knows(event.pid)) this.#facts.describe(event.pid);
    this.#facts.note(event.pid, change);
    this.#writeFacts();
    this.#settings.writer.add({ ...event, time: Math.max(0, Number(time - this.#start)) });
    if (role !== "exit") return;
    this.#facts.ended(event.pid);
    this.#writeFacts();
  };

  #writeFacts(): void {
    for (const entry of this.#facts.take()) this.#settings.writer.add(entry);
  }

  #flush(): void {
    const { writer } = this.#settings;
    const counted = this.#map(MAP.lost).lookup(wordOf(0));
    const lost = counted ? new DataView(counted.buffer).getBigUint64(0, true) : 0n;
    if (lost > this.#lost) writer.add({ kind: "lost", count: Number(lost - this.#lost) });
    this.#lost = lost;
    writer.flush();
  }

  #map(name: string): LoadedMap {
    const map = this.#object.maps.get(name);
    if (!map) throw new Error(`No map ${name}`);
    return map;
  }
}

function wordOf(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}
