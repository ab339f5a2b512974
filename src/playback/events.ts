import { CALL_ENTRY, CALL_EXIT, MemoryImage, Tracepoints } from "../kernel/embedded/index.ts";
import { parseTracepointFormat, type TracepointField } from "../object/index.ts";
import { pointerRules, type EventEntry, type RecordingReader } from "../recording/index.ts";

/** A value of a recorded event: numbers as they are, texts that an address led to, other addresses. */
export type RecordedValue = bigint | string | readonly string[] | { readonly address: bigint };

/** An event of a recording. */
export interface RecordedEvent {
  /** From 1 on. */
  readonly number: number;
  /** Nanoseconds from the recording's start. */
  readonly time: number;
  /** The thread, and its name. */
  readonly pid: number;
  readonly comm: string;
  readonly cpu: number;
  /** As `tracepoint:sched:sched_process_exec`; of system calls the call's own tracepoint. */
  readonly probe: string;
  /** The name of a system call, and whether it begins. */
  readonly call?: { readonly name: string; readonly entry: boolean };
  /** By their names: what the record holds, and, of a system call, where its arguments lead to. */
  readonly args: Readonly<Record<string, RecordedValue>>;
  /** The record as programs get it. */
  readonly record: Uint8Array;
  /** What was kept of the process's memory. */
  readonly memory: readonly { readonly address: bigint; readonly bytes: Uint8Array }[];
  /** The call chain in the process, innermost address first; empty where it was not asked for. */
  readonly stack: readonly bigint[];
}

/** Longer arrays of texts are cut. */
const MOST_TEXTS = 64;
const LONGEST_TEXT = 4096;
const ARGS = 16;

/** Every event of a recording, in order. */
export function* recordedEvents(reader: RecordingReader): Generator<RecordedEvent, void> {
  const points = new Tracepoints(reader.environment.arch);
  const hooks: string[] = [];
  const names = new Map<number, string>();
  const formats = new Map<string, readonly TracepointField[]>();
  let number = 0;
  for (const entry of reader.entries()) {
    if (entry.kind === "hook") hooks.push(entry.name);
    else if (entry.kind === "task") {
      if (entry.change.comm !== undefined) names.set(entry.pid, entry.change.comm);
    } else if (entry.kind === "taskEnd") names.delete(entry.pid);
    else if (entry.kind === "file") {
      const [, name] = /^tracefs\/events\/(.*)\/format$/.exec(entry.path) ?? [];
      if (name !== undefined) formats.set(name.replace("/", ":"), fieldsOf(entry.bytes));
    } else if (entry.kind === "event") {
      number++;
      const hook = hooks[entry.hook] ?? "";
      const { time, pid, cpu, context: record, stack } = entry;
      const memory = entry.memory.filter(({ state }) => state === "held");
      const common = { number, time, pid, cpu, comm: names.get(pid) ?? "", record, memory, stack };
      yield { ...common, ...(callOf(hook, entry, points) ?? recordOf(hook, entry, points, formats)) };
    }
  }
}

type Shown = Pick<RecordedEvent, "probe" | "call" | "args">;

/** A system call, if the event is one. */
function callOf(hook: string, event: EventEntry, points: Tracepoints): Shown | undefined {
  const [, way, own] = /^tracepoint:syscalls:sys_(enter|exit)_(.*)$/.exec(hook) ?? [];
  const entry = hook === CALL_ENTRY || way === "enter";
  if (!entry && hook !== CALL_EXIT && way !== "exit") return undefined;
  const { context } = event;
  const view = new DataView(context.buffer, context.byteOffset, context.byteLength);
  const name = own ?? (view.byteLength < 12 ? undefined : points.callName(view.getInt32(8, true)));
  if (name === undefined) return undefined;
  const probe = `tracepoint:syscalls:sys_${entry ? "enter" : "exit"}_${name}`;
  if (!entry) {
    const result = view.byteLength < ARGS + 8 ? 0n : view.getBigInt64(ARGS, true);
    return { probe, call: { name, entry }, args: { ret: result } };
  }
  const fields = points.find("syscalls", `sys_enter_${name}`)?.fields.slice(1) ?? [];
  const rules = new Map(
    pointerRules(fields.map((field) => `${field.type} ${field.name}`)).map((rule) => [rule.index, rule.kind]),
  );
  const image = new MemoryImage();
  image.add(event.memory, true);
  const args = fields.map((field, index) => {
    const at = ARGS + index * 8;
    const value = at + 8 > view.byteLength ? 0n : view.getBigUint64(at, true);
    return [field.name, argument(value, field.type, rules.get(index), image)] as const;
  });
  return { probe, call: { name, entry }, args: Object.fromEntries(args) };
}

function argument(value: bigint, type: string, rule: string | undefined, image: MemoryImage): RecordedValue {
  if (type.includes("*")) {
    if (value === 0n) return { address: 0n };
    if (rule === "text") return textAt(image, value) ?? { address: value };
    if (rule === "texts") return textsAt(image, value) ?? { address: value };
    return { address: value };
  }
  // Arguments are 64 bits wide, whatever their type.
  if (/^(int|pid_t|clockid_t|key_serial_t|timer_t)$/.test(type.replace("const ", "")))
    return BigInt.asIntN(32, value);
  return /unsigned int|umode_t|uid_t|gid_t|u32/.test(type) ? BigInt.asUintN(32, value) : value;
}

function textAt(image: MemoryImage, address: bigint): string | undefined {
  const into = new Uint8Array(LONGEST_TEXT);
  const { found, size } = image.readText(address, into);
  // What was cut off when it was recorded is shown as far as it goes.
  if (found !== "held" && size === 0) return undefined;
  return Buffer.from(into.subarray(0, size)).toString("utf8").replace(/\0$/, "");
}

function textsAt(image: MemoryImage, array: bigint): string[] | undefined {
  const texts: string[] = [];
  const word = new Uint8Array(8);
  for (let index = 0n; index < MOST_TEXTS; index++) {
    if (image.read(array + index * 8n, word) !== "held") return texts.length > 0 ? texts : undefined;
    const address = new DataView(word.buffer).getBigUint64(0, true);
    if (address === 0n) break;
    texts.push(textAt(image, address) ?? `0x${address.toString(16)}`);
  }
  return texts;
}

/** Any other event: the fields of its record, where there is a format of it. */
function recordOf(
  hook: string,
  { context }: EventEntry,
  points: Tracepoints,
  formats: ReadonlyMap<string, readonly TracepointField[]>,
): Shown {
  const name = hook.replace(/^tracepoint:/, "");
  const [category = "", event = ""] = name.split(":");
  const own = points.file(`events/${category}/${event}/format`);
  const fields = formats.get(name) ?? (own === undefined ? [] : fieldsOf(Buffer.from(own)));
  const args = fields
    .filter((field) => !field.name.startsWith("common_"))
    .flatMap((field) => {
      const value = fieldValue(field, context);
      return value === undefined ? [] : [[field.name, value] as const];
    });
  return { probe: hook, args: Object.fromEntries(args) };
}

function fieldsOf(bytes: Uint8Array): readonly TracepointField[] {
  return parseTracepointFormat(Buffer.from(bytes).toString()).fields;
}

function fieldValue(field: TracepointField, context: Uint8Array): RecordedValue | undefined {
  const { offset, size, signed, location, array } = field;
  if (offset + size > context.length) return undefined;
  const view = new DataView(context.buffer, context.byteOffset, context.byteLength);
  if (location === "data") {
    const place = view.getUint32(offset, true);
    return decodeText(context.subarray(place & 0xffff, (place & 0xffff) + (place >>> 16)));
  }
  if (array)
    return field.type.includes("char") ? decodeText(context.subarray(offset, offset + size)) : undefined;
  switch (size) {
    case 1:
      return BigInt(signed ? view.getInt8(offset) : view.getUint8(offset));
    case 2:
      return BigInt(signed ? view.getInt16(offset, true) : view.getUint16(offset, true));
    case 4:
      return BigInt(signed ? view.getInt32(offset, true) : view.getUint32(offset, true));
    case 8: {
      const value = view.getBigUint64(offset, true);
      if (field.type.includes("*")) return { address: value };
      return signed ? BigInt.asIntN(64, value) : value;
    }
    default:
      return undefined;
  }
}

function decodeText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("utf8");
}
