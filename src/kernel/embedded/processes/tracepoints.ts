import { SYSCALL_TABLE } from "./generated/syscalls.ts";

// The tracepoints that processes under ptrace can raise, with the records of the kernel's own format files.

/** A field of a record, as C declares it; `__data_loc` ones are texts of any length behind the record. */
interface RecordField {
  readonly type: string;
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
}

export interface Tracepoint {
  readonly category: string;
  readonly event: string;
  readonly id: number;
  readonly fields: readonly RecordField[];
  /** Without the texts behind it. */
  readonly size: number;
  readonly byName: ReadonlyMap<string, RecordField>;
}

/** Every record begins with them: include/linux/trace_events.h, struct trace_entry. */
const COMMON: readonly RecordField[] = [
  field("unsigned short", "common_type", 0, 2),
  field("unsigned char", "common_flags", 2, 1),
  field("unsigned char", "common_preempt_count", 3, 1),
  field("int", "common_pid", 4, 4),
];
const COMM = 16;

/** Offsets are as on Linux 6.18: include/trace/events/{sched,signal,task}.h. */
const EVENTS: readonly (readonly [category: string, event: string, fields: readonly RecordField[]])[] = [
  ["raw_syscalls", "sys_enter", [field("long", "id", 8, 8), field("unsigned long", "args[6]", 16, 48)]],
  ["raw_syscalls", "sys_exit", [field("long", "id", 8, 8), field("long", "ret", 16, 8)]],
  [
    "sched",
    "sched_process_fork",
    [
      field("__data_loc char[]", "parent_comm", 8, 4),
      field("pid_t", "parent_pid", 12, 4),
      field("__data_loc char[]", "child_comm", 16, 4),
      field("pid_t", "child_pid", 20, 4),
    ],
  ],
  [
    "sched",
    "sched_process_exec",
    [
      field("__data_loc char[]", "filename", 8, 4),
      field("pid_t", "pid", 12, 4),
      field("pid_t", "old_pid", 16, 4),
    ],
  ],
  [
    "sched",
    "sched_process_exit",
    [
      field("char", "comm[16]", 8, COMM),
      field("pid_t", "pid", 24, 4),
      field("int", "prio", 28, 4),
      field("bool", "group_dead", 32, 1),
    ],
  ],
  [
    "signal",
    "signal_deliver",
    [
      field("int", "sig", 8, 4),
      field("int", "errno", 12, 4),
      field("int", "code", 16, 4),
      field("unsigned long", "sa_handler", 24, 8),
      field("unsigned long", "sa_flags", 32, 8),
    ],
  ],
  [
    "task",
    "task_newtask",
    [
      field("pid_t", "pid", 8, 4),
      field("char", "comm[16]", 12, COMM),
      field("u64", "clone_flags", 32, 8),
      field("short", "oom_score_adj", 40, 2),
    ],
  ],
];

/** Arguments of raw tracepoints, as TP_PROTO has them. */
export const RAW_TRACEPOINTS: Readonly<Record<string, readonly (readonly [name: string, type: string])[]>> = {
  sys_enter: [
    ["regs", "pt_regs *"],
    ["id", "long"],
  ],
  sys_exit: [
    ["regs", "pt_regs *"],
    ["ret", "long"],
  ],
  sched_process_fork: [
    ["parent", "task_struct *"],
    ["child", "task_struct *"],
  ],
  sched_process_exec: [
    ["p", "task_struct *"],
    ["old_pid", "pid_t"],
    ["bprm", "linux_binprm *"],
  ],
  sched_process_exit: [
    ["p", "task_struct *"],
    ["group_dead", "bool"],
  ],
};

function field(type: string, name: string, offset: number, size: number): RecordField {
  const signed = !/unsigned|\*|char\[|\bu64\b|bool|umode_t|size_t/.test(type) && !name.startsWith("comm[");
  return { type, name, offset, size, signed };
}

const NUMBER_FIELD = field("int", "__syscall_nr", 8, 4);
/** Arguments begin here, one u64 each. */
const ARGUMENTS = 16;

/** The calls of an architecture: by number, and their events. */
export class Tracepoints {
  readonly #byName = new Map<string, Tracepoint>();
  readonly #byId = new Map<number, Tracepoint>();
  readonly #callNumbers = new Map<string, number>();
  readonly #callNames = new Map<number, string>();

  constructor(arch: string) {
    for (const [category, event, fields] of EVENTS) this.#add(category, event, fields);
    for (const [name, x64, arm64, ...args] of SYSCALL_TABLE) {
      const number = arch === "arm64" ? arm64 : x64;
      if (number < 0) continue;
      this.#callNumbers.set(name, number);
      this.#callNames.set(number, name);
      this.#add("syscalls", `sys_exit_${name}`, [NUMBER_FIELD, field("long", "ret", ARGUMENTS, 8)]);
      this.#add("syscalls", `sys_enter_${name}`, [
        NUMBER_FIELD,
        ...args.map((text, index) => argumentField(text, ARGUMENTS + index * 8)),
      ]);
    }
  }

  find(category: string, event: string): Tracepoint | undefined {
    return this.#byName.get(`${category}:${event}`);
  }

  byId(id: number): Tracepoint | undefined {
    return this.#byId.get(id);
  }

  /** A field of a record, which may be too short for it. */
  number([category, event]: readonly [string, string], name: string, record: Uint8Array): number | undefined {
    const found = this.find(category, event)?.fields.find((each) => each.name === name);
    if (!found || found.size !== 4 || found.offset + 4 > record.length) return undefined;
    return new DataView(record.buffer, record.byteOffset).getInt32(found.offset, true);
  }

  callNumber(name: string): number | undefined {
    return this.#callNumbers.get(name);
  }

  callName(number: number): string | undefined {
    return this.#callNames.get(number);
  }

  /** A file of tracefs: `events/CATEGORY/EVENT/format`, `.../id`. */
  file(path: string): string | undefined {
    const [root, category = "", event = "", file = ""] = path.split("/");
    if (root === "available_events" && category === "")
      return [...this.#byName.keys()].map((name) => `${name}\n`).join("");
    const found = root === "events" ? this.find(category, event) : undefined;
    if (!found) return undefined;
    return file === "format" ? formatText(found) : file === "id" ? `${found.id}\n` : undefined;
  }

  directory(path: string): readonly string[] {
    const [root, category, event] = path.split("/");
    if (root !== "events") return [];
    const all = [...this.#byName.values()];
    if (category === undefined) return [...new Set(all.map((point) => point.category))];
    if (event === undefined)
      return all.filter((point) => point.category === category).map((point) => point.event);
    return this.find(category, event) ? ["format", "id"] : [];
  }

  #add(category: string, event: string, fields: readonly RecordField[]): void {
    const end = Math.max(...fields.map(({ offset, size }) => offset + size));
    const point: Tracepoint = {
      category,
      event,
      id: this.#byId.size + 1,
      fields,
      size: Math.ceil(end / 4) * 4,
      byName: new Map(fields.map((each) => [each.name.replace(/\[.*/, ""), each])),
    };
    this.#byName.set(`${category}:${event}`, point);
    this.#byId.set(point.id, point);
  }
}

function argumentField(text: string, offset: number): RecordField {
  const space = text.lastIndexOf(" ");
  return { type: text.slice(0, space), name: text.slice(space + 1), offset, size: 8, signed: false };
}

function formatText({ event, id, fields }: Tracepoint): string {
  const lines = `${COMMON.map(fieldText).join("")}\n${fields.map(fieldText).join("")}`;
  return `name: ${event}\nID: ${id}\nformat:\n${lines}\nprint fmt: ""\n`;
}

function fieldText({ type, name, offset, size, signed }: RecordField): string {
  return `\tfield:${type} ${name};\toffset:${offset};\tsize:${size};\tsigned:${signed ? 1 : 0};\n`;
}

/** Writes one event's record, as programs of the tracepoint see it. */
export class RecordWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #point: Tracepoint;
  #end: number;

  constructor(point: Tracepoint, pid: number, texts: readonly string[] = []) {
    this.#point = point;
    this.#end = point.size;
    const room = texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
    this.bytes = new Uint8Array(this.#end + room);
    this.#view = new DataView(this.bytes.buffer);
    this.#view.setUint16(0, point.id, true);
    this.#view.setInt32(4, pid, true);
  }

  number(name: string, value: number | bigint): this {
    const { offset, size } = this.#field(name);
    if (size === 8) this.#view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
    else if (size === 4) this.#view.setInt32(offset, Number(value) | 0, true);
    else if (size === 2) this.#view.setInt16(offset, Number(value), true);
    else this.#view.setUint8(offset, Number(value));
    return this;
  }

  words(name: string, values: BigUint64Array): this {
    const { offset } = this.#field(name);
    values.forEach((value, index) => this.#view.setBigUint64(offset + index * 8, value, true));
    return this;
  }

  /** A fixed char array, or text behind the record, of which the field holds length and offset. */
  text(name: string, text: string): this {
    const { offset, size, type } = this.#field(name);
    const bytes = Buffer.from(text);
    if (!type.startsWith("__data_loc")) {
      this.bytes.set(bytes.subarray(0, size - 1), offset);
      return this;
    }
    this.#view.setUint32(offset, ((bytes.length + 1) << 16) | this.#end, true);
    this.bytes.set(bytes, this.#end);
    this.#end += bytes.length + 1;
    return this;
  }

  #field(name: string): RecordField {
    const found = this.#point.byName.get(name);
    if (!found) throw new Error(`No field ${name}`);
    return found;
  }
}
