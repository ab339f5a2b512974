import { parseBtf } from "../../btf/index.ts";
import type { Btf } from "../../btf/index.ts";
import { BpfkitError } from "../../errors.ts";
import { createMemory } from "../../wasm/index.ts";
import type { ClockId, HostFiles } from "../index.ts";
import { AccessChecker } from "./access-checker.ts";
import { Descriptors } from "./descriptors.ts";
import { Attachments } from "./events/attachments.ts";
import { ownTask } from "./events/index.ts";
import type { EventSource, Task } from "./events/index.ts";
import { PerfEvent } from "./events/perf-event.ts";
import type { KernelObject } from "./kernel-object.ts";
import { KernelFailure, Registry } from "./kernel-object.ts";
import {
  BpfMap,
  CELL,
  CELLS_SIZE,
  HashMap,
  ProgramArray,
  RingBufferMap,
  createFastPath,
} from "./maps/index.ts";
import type { FastPath, MapHost, TailTarget } from "./maps/index.ts";
import { Memory, POINTER_HIGH } from "./memory.ts";
import { procFacts } from "./processes/process-facts.ts";
import type { ProcessFacts } from "./processes/process-facts.ts";
import { TaskTable } from "./processes/task-table.ts";
import type { BtfObject } from "./programs/btf-object.ts";
import type { ProgramCoverage } from "./programs/coverage.ts";
import { loadFromPacket } from "./programs/packet.ts";
import { BpfProgram } from "./programs/program.ts";
import type { Run, Runner } from "./programs/run.ts";
import { Readiness } from "./readiness.ts";
import { Shadow } from "./shadow.ts";
import type { Link } from "./events/link.ts";
import { StructPlaces } from "./types/index.ts";
import { HEAP_START, Machine, STACK_START, STACK_TOP, layOutShadow } from "./vm/index.ts";
import type { ExecutionMode, Helpers } from "./vm/index.ts";

const PAGE = 65_536;
/** MAX_TAIL_CALL_CNT. */
const MAX_TAIL_CALLS = 33;

export interface WorldOptions {
  readonly memory: number;
  readonly cpus: number;
  readonly mode: ExecutionMode;
  readonly fuel: number;
  readonly files: HostFiles;
  readonly source?: EventSource | undefined;
  /** Counts how often each instruction runs. */
  readonly coverage: boolean;
  /** Checks every access of programs against what lives in memory; strictly: also what the verifier lets pass. */
  readonly checked: boolean | "strict";
  readonly clock: (id: ClockId) => bigint;
  readonly print: (text: string) => void;
  readonly random: () => number;
  /** Calls back after so many nanoseconds, unless disposed before. */
  readonly schedule: (nanoseconds: bigint, fire: () => void) => Disposable;
}

/** The embedded kernel's state: everything that system calls, maps, helpers and events work on. */
export class World implements MapHost, Runner {
  readonly options: WorldOptions;
  readonly memory: Memory;
  readonly machine: Machine;
  readonly fast: FastPath;
  readonly descriptors: Descriptors = new Descriptors();
  readonly programs: Registry<BpfProgram> = new Registry();
  readonly mapObjects: Registry<BpfMap> = new Registry();
  readonly links: Registry<Link> = new Registry();
  readonly btfs: Registry<BtfObject> = new Registry();
  /** The virtual BPF file system: objects by path. */
  readonly pins: Map<string, KernelObject> = new Map();
  readonly attachments: Attachments;
  readonly readiness: Readiness = new Readiness();
  readonly self: Task;
  /** Paths of files by the addresses of their struct path. */
  readonly paths: Map<number, string> = new Map();
  /** What programs ran that are gone. */
  readonly covered: ProgramCoverage[] = [];
  /** Descriptors of BPF_ENABLE_STATS that are open. */
  statsUsers = 0;
  run: Run | undefined;
  #tailCalls = 0;
  readonly #maps = new Map<number, BpfMap>();
  readonly #cells: number;
  readonly #helpers: Helpers;
  #types: Btf | undefined;
  #structs: StructPlaces | undefined;
  #sessions = 0n;

  constructor(options: WorldOptions, helpers: (world: World) => Helpers) {
    this.options = options;
    const size = Math.ceil(options.memory / PAGE) * PAGE;
    const { place, end } = layOutShadow(size);
    const buffer = createMemory((options.checked === false ? size : end) / PAGE);
    const shadow = options.checked === false ? undefined : new Shadow(buffer.buffer, place);
    this.memory = new Memory(buffer.buffer, HEAP_START, size, shadow);
    // Strictly, each function's frame is its own as it begins.
    if (options.checked === true) shadow?.mark(STACK_START, STACK_TOP - STACK_START, "live");
    const tasks = new TaskTable(this.memory, procFacts, () => this.structs);
    const address = (): number => this.source?.task?.(process.pid)?.address ?? tasks.address(process.pid);
    this.self = options.source?.self ?? ownTask(address);
    this.#cells = this.memory.allocate(CELLS_SIZE);
    this.fast = createFastPath(buffer, POINTER_HIGH, this.#cells, shadow?.place, {
      lookup: (map, key) => this.mapAt(map)?.lookup(key) ?? 0,
      update: (map, key, value, flags) => this.mapAt(map)?.update(key, value, asFlags(flags)) ?? -22,
      remove: (map, key) => this.mapAt(map)?.remove(key) ?? -22,
      refill: (map) => {
        const hash = this.mapAt(map);
        return hash instanceof HashMap ? hash.refill() : -12;
      },
      wake: (map) => {
        const ring = this.mapAt(map);
        if (ring) this.wake(ring);
      },
    });
    this.#helpers = helpers(this);
    this.machine = new Machine({
      memory: buffer,
      helpers: this.#helpers,
      ...(Number.isFinite(options.fuel) && { fuel: options.fuel }),
      pointerHigh: POINTER_HIGH,
      heap: this.memory,
      end: size,
      checks:
        shadow && new AccessChecker(shadow, options.checked === "strict", (address) => this.mapAt(address)),
      arrayAt: (address) => this.mapAt(address)?.inlineArray(),
      packetLoad: (_context, offset, size) =>
        this.run?.packet ? loadFromPacket(this.run.packet, offset, size) : -1n,
      tailTarget: (map, index) => this.#tailTarget(map, index),
    });
    this.attachments = new Attachments(this, options.source, options);
  }

  get source(): EventSource | undefined {
    return this.options.source;
  }

  get cpus(): number {
    return this.options.cpus;
  }

  get strict(): boolean {
    return this.options.checked === "strict";
  }

  get cpuCell(): number {
    return this.#cells + CELL.cpu;
  }

  cpu(): number {
    return this.memory.u32(this.#cells + CELL.cpu);
  }

  currentTask(): Task {
    return this.run?.task ?? this.self;
  }

  clock(id: ClockId): bigint {
    return this.options.clock(id);
  }

  /** The address of a map, as programs hold it, to the map. */
  mapAt(address: number): BpfMap | undefined {
    return this.#maps.get(address);
  }

  addMap(map: BpfMap): void {
    this.#maps.set(map.address, map);
  }

  forget(map: BpfMap): void {
    this.#maps.delete(map.address);
    this.mapObjects.remove(map.id);
  }

  openMap(fd: number): BpfMap | number {
    return this.#open(fd, BpfMap);
  }

  openProgram(fd: number): TailTarget | number {
    return this.#open(fd, BpfProgram);
  }

  openEvent(fd: number): KernelObject | number {
    return this.#open(fd, PerfEvent);
  }

  wake(map: KernelObject): void {
    this.readiness.wake(map);
  }

  hasHelper(id: number): boolean {
    return this.#helpers.has(id);
  }

  /** Types of the kernel that programs see. */
  kernelTypes(): Btf {
    return (this.#types ??= parseBtf(this.options.files.btf()));
  }

  get structs(): StructPlaces {
    return (this.#structs ??= new StructPlaces(this.kernelTypes()));
  }

  get facts(): ProcessFacts {
    return this.source?.facts ?? procFacts;
  }

  /** Threads that iterators find, by their ids. */
  threads(): readonly number[] {
    return this.source?.facts?.threads?.() ?? [this.self.pid];
  }

  /** Number of the next reader of an iterator. */
  nextSession(): bigint {
    return ++this.#sessions;
  }

  /** The task whose task_struct is at an address. */
  taskAt(address: number): Task | undefined {
    return [this.run?.task, this.self].find((task) => task?.address === address && address !== 0);
  }

  task(pid: number): Task | undefined {
    return pid === this.self.pid ? this.self : this.options.source?.task?.(pid);
  }

  execute(run: Run, repeat = 1): bigint {
    const { program } = run;
    const context = run.context === 0 ? 0n : this.memory.pointer(run.context);
    return this.#running(run, repeat, () =>
      repeat === 1 ? program.executable.run(context) : this.#repeat(program, repeat, context),
    );
  }

  #running(run: Run, times: number, action: () => bigint): bigint {
    const outer = this.run;
    if (outer) throw new BpfkitError("A program cannot run while another one does", { code: "vm/nested" });
    this.run = run;
    this.#tailCalls = 0;
    this.memory.setU32(this.#cells + CELL.cpu, run.cpu);
    const { program } = run;
    const counted = this.statsUsers > 0;
    const start = counted ? process.hrtime.bigint() : 0n;
    try {
      return action();
    } catch (error) {
      throw asFault(program, error);
    } finally {
      this.run = undefined;
      if (this.memory.u32(this.#cells + CELL.reserved) !== 0) this.#discardReserved();
      if (counted) {
        program.runTime += process.hrtime.bigint() - start;
        program.runCount += BigInt(times);
      }
    }
  }

  /** A callback of a program outside of its run, as of a timer. */
  executeCallback(run: Run, callback: number, args: readonly bigint[]): void {
    this.#running(run, 1, () => this.machine.runCallback(callback, ...args));
  }

  /** Only plain programs may stay inside: tail calls are counted for each run. */
  #repeat(program: BpfProgram, times: number, context: bigint): bigint {
    if (!program.maps.some((map) => map instanceof ProgramArray))
      return program.executable.repeat(times, context);
    let result = 0n;
    for (let time = 0; time < times; time++) {
      this.#tailCalls = 0;
      result = program.executable.run(context);
    }
    return result;
  }

  /** A verifier would have refused a program that leaves records reserved; their rings would end there. */
  #discardReserved(): void {
    this.memory.setU32(this.#cells + CELL.reserved, 0);
    for (const map of this.mapObjects.values()) if (map instanceof RingBufferMap) map.discardReserved();
  }

  #tailTarget(map: number, index: number): number {
    const array = this.mapAt(map);
    if (!(array instanceof ProgramArray) || this.#tailCalls >= MAX_TAIL_CALLS) return -1;
    const target = array.target(index >>> 0);
    if (target >= 0) this.#tailCalls++;
    return target;
  }

  #open<T extends KernelObject>(fd: number, type: abstract new (...args: never[]) => T): T | number {
    try {
      return this.descriptors.get(fd, type).hold();
    } catch (error) {
      if (error instanceof KernelFailure) return -error.errno;
      throw error;
    }
  }
}

/** Flags beyond what any map knows are wrong however large they are. */
function asFlags(flags: bigint): number {
  return flags < 0n || flags > 0xffffffffn ? 0xffffffff : Number(flags);
}

/** Errors of a program's run, with its name. A RangeError is a helper's: a pointer that leads nowhere. */
function asFault(program: BpfProgram, cause: unknown): unknown {
  const name = program.definition.name || `program ${program.id}`;
  if (cause instanceof RangeError)
    return new BpfkitError(`${name} gave a helper what leads nowhere: ${cause.message}`, {
      code: "vm/fault",
      cause,
    });
  if (cause instanceof BpfkitError)
    return new BpfkitError(`${name}: ${cause.message}`, { code: cause.code, hints: cause.hints, cause });
  return cause;
}
