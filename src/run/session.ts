import { readIterator, type AttachedObject, type HookChoice, type PlacesOf } from "../attach/index.ts";
import { BpfkitError } from "../errors.ts";
import { SyscallError, type Kernel } from "../kernel/index.ts";
import type { LoadedProgram } from "../loader/index.ts";
import { BpfMap, EventMap, load, type BpfObject, type EventReader } from "../library/index.ts";
import type { ObjectSpec } from "../object/index.ts";
import { describeObject } from "../schema/index.ts";
import { Child } from "../trace/index.ts";
import { BPF_MAP_TYPE, ERRNO } from "../uapi/index.ts";
import { DisposalStack } from "../util/index.ts";
import { printkFormats } from "./printk-formats.ts";
import type { PrintkLine } from "./printk-line.ts";
import { openPrintkPipe, type PrintkPipe } from "./printk-pipe.ts";

/** What a run yields; texts are made of it elsewhere. */
export interface RunReporter {
  attached(programs: readonly string[], left: readonly LeftProgram[]): void;
  /** Something of the run that people should know, and that does not end it. */
  note(text: string): void;
  printk(line: PrintkLine): void;
  /** A record that programs sent through a ring or perf buffer. */
  event(map: string, value: unknown): void;
  /** Records that were lost since the last time. */
  lost(map: string, count: bigint): void;
  /** What an iterator's program wrote. */
  iterator(program: string, chunk: Uint8Array): void;
  /** At the end. */
  map(name: string, entries: readonly (readonly [key: unknown, value: unknown])[]): void;
  /** At the end: variables that programs may write. */
  globals(values: Readonly<Record<string, unknown>>): void;
  /** All that waited has been told. */
  idle(): void;
}

export interface LeftProgram {
  readonly name: string;
  readonly section: string;
  readonly choice: Extract<HookChoice, { readonly open: string }>;
}

export interface RunOptions {
  readonly kernel: Kernel;
  readonly reporter: RunReporter;
  readonly globals?: Readonly<Record<string, unknown>>;
  /** Struct of the records of rings, by map. */
  readonly events?: Readonly<Record<string, string>>;
  /** Elements of maps, by name. */
  readonly mapSizes?: Readonly<Record<string, number>>;
  /** Which programs to load, by name, where that is not what their sections say. */
  readonly programs?: Readonly<Record<string, boolean>>;
  readonly places?: PlacesOf;
  /** Where the hook kind can filter only this process fires programs; its end is the run's. */
  readonly pid?: number;
  /** Runs from attachment to its end, which is the run's; other processes are seen all the same. */
  readonly command?: string;
  readonly logLevel?: number;
}

/** Maps whose contents say nothing to people. */
const UNREADABLE: ReadonlySet<number> = new Set([
  BPF_MAP_TYPE.PROG_ARRAY,
  BPF_MAP_TYPE.STACK_TRACE,
  BPF_MAP_TYPE.SOCKMAP,
  BPF_MAP_TYPE.SOCKHASH,
  BPF_MAP_TYPE.SK_STORAGE,
  BPF_MAP_TYPE.TASK_STORAGE,
  BPF_MAP_TYPE.INODE_STORAGE,
  BPF_MAP_TYPE.CGRP_STORAGE,
]);
/** Records that are told in one turn of the event loop. */
const BATCH = 8192;
/** Sections of programs that the kernel runs in one process only, if it is told so. */
const FILTERS_BY_PROCESS = /^(u(ret)?probe(\.multi|\.session)?(\.s)?|usdt(\.s)?|perf_event)(\/|$)/;
/** Maps of the headers' own, as those of USDT. */
const OWN_MAPS = /^__bpf_usdt_/;

/**
 * One run of a C program's object: loads and attaches it, tells what its programs print and send, and what is in
 * its maps at the end. Nothing stays in the kernel.
 */
export class RunSession implements Disposable {
  readonly #spec: ObjectSpec;
  readonly #options: RunOptions;
  readonly #resources = new DisposalStack();
  readonly #ending = new AbortController();
  #failure: { readonly error: unknown } | undefined;

  constructor(spec: ObjectSpec, options: RunOptions) {
    this.#spec = spec;
    this.#options = options;
  }

  /** Asks for an orderly end. */
  stop(): void {
    this.#ending.abort();
  }

  /** @throws AttachError, VerifierError, LibraryError, SyscallError with the cause and the way out */
  async run(): Promise<void> {
    using _resources = this.#resources;
    const object = this.#resources.use(await this.#load());
    const { kernel, command, pid } = this.#options;
    if (pid !== undefined) this.#watchProcess(pid);
    const child = command === undefined ? undefined : this.#resources.use(Child.start(command));
    const printk = this.#openPrintk();
    const readers = this.#openEvents(object);
    const attached = object.attach(this.#options.places ?? {}, pid === undefined ? {} : { pid });
    this.#announce(attached);
    const loops = readers.map(({ map, reader }) => this.#readEvents(map, reader));
    this.#readIterators(kernel, attached);
    child?.go();
    void child?.ended.then(() => this.stop());
    await aborted(this.#ending.signal);
    attached[Symbol.dispose]();
    this.#finish(object, readers, printk);
    await Promise.all(loops);
    if (this.#failure) throw this.#failure.error;
  }

  [Symbol.dispose](): void {
    this.#resources[Symbol.dispose]();
  }

  #load(): Promise<BpfObject> {
    const { kernel, globals, events, programs, mapSizes = {}, logLevel } = this.#options;
    return load(this.#spec, {
      kernel,
      maps: Object.fromEntries(Object.entries(mapSizes).map(([name, maxEntries]) => [name, { maxEntries }])),
      ...(globals && { globals }),
      ...(events && { events }),
      ...(programs && { programs }),
      ...(logLevel !== undefined && { logLevel }),
    });
  }

  #announce({ links, left }: AttachedObject): void {
    const open = left.map(({ program, choice }) => leftProgram(program, choice));
    if (links.size > 0) {
      this.#options.reporter.attached([...links.keys()], open);
      return this.#noteUnfiltered([...links.keys()]);
    }
    throw new BpfkitError("No program of the object can be attached", {
      code: "run/nothing-attached",
      hints: open.map(({ name, section, choice }) => `${name} (${section}) needs ${choice.open}`),
    });
  }

  /** The kernel fires most hooks for every process, whatever is asked for: who asked must know. */
  #noteUnfiltered(attached: readonly string[]): void {
    if (this.#options.pid === undefined) return;
    const unfiltered = this.#spec.programs.filter(
      ({ name, section }) => attached.includes(name) && !FILTERS_BY_PROCESS.test(section),
    );
    if (unfiltered.length === 0) return;
    const list = unfiltered.map(({ name, section }) => `${name} (${section})`).join(", ");
    this.#options.reporter.note(
      `--pid does not filter ${list}: the kernel runs them for all processes. Compare bpf_get_current_pid_tgid() >> 32 in the program`,
    );
  }

  #openPrintk(): PrintkPipe | undefined {
    const formats = printkFormats(this.#spec);
    if (!formats.any) return undefined;
    const { kernel, reporter } = this.#options;
    const emit = (line: PrintkLine): void => {
      if (formats.matches(line.text)) reporter.printk(line);
    };
    try {
      return this.#resources.use(openPrintkPipe(kernel, emit, () => reporter.idle()));
    } catch (error) {
      // The programs run all the same: what they print is in the system's trace pipe.
      const reason = error instanceof Error ? error.message : String(error);
      reporter.note(`What programs print (bpf_printk) is not shown: ${reason}`);
      return undefined;
    }
  }

  #openEvents(object: BpfObject): { readonly map: string; readonly reader: EventReader }[] {
    const untyped = describeObject(this.#spec, { events: this.#options.events ?? {} }).maps.filter(
      ({ kind, value }) => (kind === "ring" || kind === "perf") && !value,
    );
    for (const { name } of untyped)
      this.#options.reporter.note(
        `Records of ${name} are shown as bytes: the object does not say their struct. Name it with --event, and keep it in the object: const struct NAME *unused __attribute__((unused));`,
      );
    return Object.values(object.maps).flatMap((map) =>
      map instanceof EventMap ? [{ map: map.name, reader: map.read() }] : [],
    );
  }

  async #readEvents(map: string, reader: EventReader): Promise<void> {
    const { reporter } = this.#options;
    let lost = 0n;
    try {
      while (await reader.ready()) {
        reader.poll((event) => reporter.event(map, event), BATCH);
        if (reader.lost > lost) reporter.lost(map, reader.lost - lost);
        lost = reader.lost;
        reporter.idle();
        await turn();
      }
    } catch (error) {
      this.#failure ??= { error };
      this.stop();
    }
  }

  #readIterators(kernel: Kernel, { links }: AttachedObject): void {
    for (const { name, section } of this.#spec.programs) {
      const link = links.get(name);
      if (!link || !/^iter(\.s)?\//.test(section)) continue;
      for (const chunk of readIterator(kernel, link)) this.#options.reporter.iterator(name, chunk);
    }
    this.#options.reporter.idle();
  }

  /** What was sent until the programs were taken off is told, then the maps. */
  #finish(
    object: BpfObject,
    readers: readonly { readonly map: string; readonly reader: EventReader }[],
    printk: PrintkPipe | undefined,
  ): void {
    const { reporter } = this.#options;
    for (const { map, reader } of readers) {
      if (!reader.closed && !this.#failure) reader.poll((event) => reporter.event(map, event));
      reader.close();
    }
    printk?.drain();
    if (this.#failure) return;
    for (const map of Object.values(object.maps))
      if (map instanceof BpfMap && !UNREADABLE.has(map.type) && !OWN_MAPS.test(map.name))
        reporter.map(map.name, [...map]);
    reporter.globals(writableGlobals(object, this.#spec));
    reporter.idle();
  }

  #watchProcess(pid: number): void {
    const { kernel } = this.#options;
    const fd = openProcess(kernel, pid);
    this.#resources.defer(() => kernel.close(fd));
    this.#resources.use(kernel.watch(fd, () => this.stop()));
  }
}

function leftProgram({ name, spec: { section } }: LoadedProgram, choice: LeftProgram["choice"]): LeftProgram {
  return { name, section, choice };
}

/** Variables of .data and .bss: constants are what the user gave, and pointers say nothing. */
function writableGlobals(object: BpfObject, spec: ObjectSpec): Record<string, unknown> {
  const shown = describeObject(spec).globals.filter(
    ({ readOnly, shape }) => !readOnly && shape.kind !== "pointer",
  );
  return Object.fromEntries(shown.map(({ name }) => [name, object.globals[name]]));
}

/** @throws BpfkitError if there is no such process */
function openProcess(kernel: Kernel, pid: number): ReturnType<Kernel["openProcess"]> {
  try {
    return kernel.openProcess(pid);
  } catch (cause) {
    if (!(cause instanceof SyscallError) || cause.errno !== ERRNO.ESRCH) throw cause;
    throw new BpfkitError(`There is no process ${pid}`, { code: "run/no-process", cause });
  }
}

/** Lets signals in, and other readers. */
async function turn(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}

/** Resolves once a signal is set; a timer keeps the event loop alive where nothing else does. */
async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const alive = setInterval(() => undefined, 2 ** 30);
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  clearInterval(alive);
}
