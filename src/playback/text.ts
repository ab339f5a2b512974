import { formatTime } from "../report/index.ts";
import type { RecordedEvent, RecordedValue } from "./events.ts";
import type { RecordingInfo } from "./info.ts";

const BILLION = 1_000_000_000;
/** Longer texts are cut in tables; JSON has all of them. */
const LONGEST = 64;
const MOST_TEXTS = 16;

export const EVENT_HEAD: string = `${"N".padStart(8)} ${"TIME".padStart(13)} ${"PID".padStart(7)} CPU ${"COMM".padEnd(16)} EVENT\n`;

/** A line of a table: a system call as strace(1) shows it, any other event with the fields of its record. */
export function eventLine(event: RecordedEvent): string {
  const { number, time, pid, cpu, comm } = event;
  const seconds = (time / BILLION).toFixed(6);
  const head = `${`${number}`.padStart(8)} ${seconds.padStart(13)} ${`${pid}`.padStart(7)} ${`${cpu}`.padStart(3)}`;
  return `${head} ${comm.padEnd(16)} ${whatOf(event)}\n`;
}

function whatOf({ probe, call, args }: RecordedEvent): string {
  const values = Object.entries(args).map(([name, value]) => [name, valueText(value)] as const);
  if (call?.entry === false) return `${call.name} = ${values[0]?.[1] ?? "?"}`;
  if (call) return `${call.name}(${values.map(([name, value]) => `${name}: ${value}`).join(", ")})`;
  return [probe.replace(/^tracepoint:/, ""), ...values.map(([name, value]) => `${name}=${value}`)].join(" ");
}

function valueText(value: RecordedValue): string {
  if (typeof value === "string") return quoted(value);
  // Small numbers are counts and descriptors, large ones addresses and flags.
  if (typeof value === "bigint") return value < 65_536n ? `${value}` : `0x${value.toString(16)}`;
  if ("address" in value) return value.address === 0n ? "NULL" : `0x${value.address.toString(16)}`;
  const shown = value.slice(0, MOST_TEXTS).map(quoted);
  return `[${[...shown, ...(value.length > MOST_TEXTS ? ["..."] : [])].join(", ")}]`;
}

function quoted(text: string): string {
  return text.length > LONGEST ? `${JSON.stringify(text.slice(0, LONGEST))}...` : JSON.stringify(text);
}

/** One object for each event; numbers beyond 2^53 are texts. */
export function eventJson(event: RecordedEvent): unknown {
  const args = Object.fromEntries(
    Object.entries(event.args).map(([name, value]) => [name, valueJson(value)]),
  );
  const { number, time, pid, comm, cpu, probe } = event;
  return { n: number, time, pid, comm, cpu, probe, args };
}

function valueJson(value: RecordedValue): unknown {
  if (typeof value === "bigint") return numberJson(value);
  return typeof value === "object" && "address" in value ? `0x${value.address.toString(16)}` : value;
}

function numberJson(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : `${value}`;
}

export function infoText(info: RecordingInfo): string {
  const { environment, size, events, duration, threads, memory, lost, ended, damage } = info;
  const start = environment.start + environment.realtime;
  const seconds = Number(start / BigInt(BILLION));
  const rows: readonly (readonly [string, string])[] = [
    ["Kernel", `${environment.kernel === "linux" ? "Linux" : "embedded, on Linux"} ${environment.release}`],
    ["Machine", `${environment.node}, ${environment.arch}, ${environment.cpus} CPUs`],
    ["What", whatIsRecorded(info)],
    ["Start", `${formatTime("%F %T", { seconds, nanoseconds: 0 })} (${environment.timeZone})`],
    ["Duration", `${(duration / BILLION).toFixed(6)} s${ended ? "" : ", and then it breaks off"}`],
    [
      "Events",
      `${events}, ${events === 0 ? 0 : (size / events).toFixed(1)} bytes each in the file of ${size}`,
    ],
    ["Threads", `${threads}`],
    ["Memory", `${memory} bytes of processes`],
    ...(lost > 0 ? ([["Lost", `${lost} events`]] as const) : []),
    ...(damage ? ([["Damage", `${damage.reason} (byte ${damage.offset})`]] as const) : []),
    ["bpfkit", environment.version],
  ];
  const table = rows.map(([name, value]) => `${name.padEnd(10)}${value}\n`).join("");
  const hooks = [...info.hooks].map(([name, count]) => `${`${count}`.padStart(10)}  ${name}\n`).join("");
  return `${table}\n${hooks}`;
}

function whatIsRecorded({ environment: { command, pid } }: RecordingInfo): string {
  if (command !== undefined) return `${command} (process ${pid})`;
  return pid === 0 ? "the whole system" : `process ${pid}`;
}

export function infoJson(info: RecordingInfo): unknown {
  const { environment, hooks, damage, ...rest } = info;
  const { kind, self, ...described } = environment;
  void kind;
  const wide = (value: unknown): unknown => (typeof value === "bigint" ? numberJson(value) : value);
  const plain = Object.fromEntries(Object.entries(described).map(([name, value]) => [name, wide(value)]));
  return {
    ...rest,
    damage: damage ?? null,
    hooks: Object.fromEntries(hooks),
    environment: { ...plain, self: { ...self, cgroupId: numberJson(self.cgroupId) } },
  };
}
