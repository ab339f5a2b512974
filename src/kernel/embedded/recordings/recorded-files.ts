import { BpfkitError } from "../../../errors.ts";
import { parseTracepointFormat } from "../../../object/index.ts";
import type { TracepointField } from "../../../object/index.ts";
import type { HostFiles } from "../../index.ts";
import { PROBE_PMU } from "../events/perf-event.ts";
import type { Tracepoints } from "../processes/tracepoints.ts";
import { ownBtf } from "../types/index.ts";
import { CALL_ENTRY, CALL_EXIT, viewOf } from "./derived-events.ts";
import type { RecordedFacts } from "./recorded-facts.ts";

/** Where recordings have the files of tracefs. */
export const TRACEFS = "tracefs/";
/** Ids of tracepoints whose format the recording brings: behind those of the embedded kernel's own. */
const FIRST_ID = 100_000;

/** kprobes are there where events of them are. */
const KPROBE_FILES: Readonly<Record<string, string>> = {
  "/sys/bus/event_source/devices/kprobe/type": `${PROBE_PMU.kprobe}\n`,
  "/sys/bus/event_source/devices/kprobe/format/retprobe": "config:0\n",
};

interface Point {
  readonly category: string;
  readonly event: string;
}

/** The files of the machine that was recorded; nothing is read from the one that replays. */
export class RecordedFiles implements Partial<HostFiles> {
  readonly #files: ReadonlyMap<string, Uint8Array>;
  readonly #points: Tracepoints;
  readonly #facts: RecordedFacts;
  /** `sched:sched_process_exec`, in the order of their ids. */
  readonly #recorded: readonly string[];
  readonly #derived: readonly string[];
  /** Of the kernel, with probes whose events there are. */
  readonly #functions: readonly string[];
  readonly #fields = new Map<string, TracepointField | undefined>();
  #btf: Uint8Array | undefined;

  constructor(
    files: ReadonlyMap<string, Uint8Array>,
    hooks: readonly string[],
    points: Tracepoints,
    facts: RecordedFacts,
  ) {
    this.#files = files;
    this.#points = points;
    this.#facts = facts;
    this.#functions = hooks.flatMap((hook) => /^k(?:ret)?probe:(.*)\+\d+$/.exec(hook)?.[1] ?? []);
    this.#recorded = hooks.flatMap((hook) => /^tracepoint:(.*)$/.exec(hook)?.[1] ?? []);
    const calls = (prefix: string): string[] =>
      points
        .directory("events/syscalls")
        .flatMap((name) => (name.startsWith(prefix) ? `syscalls:${name}` : []));
    this.#derived = [
      ...(hooks.includes(CALL_ENTRY) ? calls("sys_enter_") : []),
      ...(hooks.includes(CALL_EXIT) ? calls("sys_exit_") : []),
    ];
  }

  btf(module?: string): Uint8Array {
    if (module !== undefined && module !== "vmlinux")
      throw new BpfkitError(`The recording has no types of the module ${module}`, { code: "kernel/no-btf" });
    return (this.#btf ??= ownBtf());
  }

  hasBtf(module?: string): boolean {
    return module === undefined || module === "vmlinux";
  }

  btfPath(): string {
    return "the embedded kernel's own types";
  }

  btfModules(): readonly string[] {
    return [];
  }

  tracefs(path: string): string | undefined {
    const [root, category = "", event = "", file = ""] = path.split("/");
    if (root === "available_events" && category === "")
      return this.#all()
        .map((name) => `${name}\n`)
        .join("");
    if (root === "available_filter_functions" && category === "")
      return this.#functions.map((name) => `${name}\n`).join("");
    const name = `${category}:${event}`;
    if (root !== "events" || !this.#all().includes(name)) return undefined;
    const recorded = this.#files.get(`${TRACEFS}events/${category}/${event}/format`);
    if (!recorded) return this.#points.file(path);
    const id = FIRST_ID + this.#recorded.indexOf(name);
    if (file === "id") return `${id}\n`;
    return file === "format"
      ? Buffer.from(recorded)
          .toString()
          .replace(/^ID:.*$/m, `ID: ${id}`)
      : undefined;
  }

  tracefsDirectory(path: string): readonly string[] {
    const [root, category, event] = path.split("/");
    if (root !== "events") return [];
    const all = this.#all().map((name) => name.split(":"));
    if (category === undefined) return [...new Set(all.map(([first = ""]) => first))];
    const events = all.flatMap(([first, second = ""]) => (first === category ? second : []));
    if (event === undefined) return events;
    return events.includes(event) ? ["format", "id"] : [];
  }

  kallsyms(): Uint8Array {
    return this.read("/proc/kallsyms") ?? new Uint8Array(0);
  }

  read(path: string): Uint8Array | undefined {
    const own = this.#functions.length > 0 ? KPROBE_FILES[path] : undefined;
    return own === undefined ? this.#files.get(path) : Buffer.from(own);
  }

  directory(): readonly string[] {
    return [];
  }

  /** Paths of cgroups that were seen, by id. */
  cgroups(): ReadonlyMap<bigint, string> {
    return new Map(this.#facts.cgroups());
  }

  tracepoint(id: number): Point | undefined {
    const [category, event] = this.#recorded[id - FIRST_ID]?.split(":") ?? [];
    return category !== undefined && event !== undefined ? { category, event } : this.#points.byId(id);
  }

  /** A field of a record, by the format that the recording has of it. */
  number(category: string, event: string, name: string, record: Uint8Array): number | undefined {
    const field = this.#field(category, event, name);
    if (!field || field.offset + field.size > record.length) return undefined;
    const view = viewOf(record);
    return field.size === 4
      ? view.getInt32(field.offset, true)
      : field.size === 1
        ? view.getUint8(field.offset)
        : undefined;
  }

  #field(category: string, event: string, name: string): TracepointField | undefined {
    const key = `${category}:${event}:${name}`;
    if (!this.#fields.has(key)) {
      const text = this.tracefs(`events/${category}/${event}/format`);
      const { fields } = text === undefined ? { fields: [] } : parseTracepointFormat(text);
      this.#fields.set(
        key,
        fields.find((field) => field.name === name),
      );
    }
    return this.#fields.get(key);
  }

  #all(): readonly string[] {
    return [...this.#recorded, ...this.#derived];
  }
}
