import { errnoName } from "../uapi/index.ts";
import type { Call, StraceEvent } from "./session.ts";
import { signalName } from "./signals.ts";
import type { Value } from "./value.ts";

export type Json = number | string | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** A value as JSON: numbers beyond 2^53 and addresses are texts, flags arrays, bytes hexadecimal texts. */
export function valueJson(value: Value): Json {
  switch (value.kind) {
    case "number":
      return numberJson(value.value);
    case "pointer":
      return value.address === 0n ? null : `0x${value.address.toString(16)}`;
    case "flags":
      return [...value.names, ...(value.rest === 0n ? [] : [`0x${value.rest.toString(16)}`])];
    case "word":
      return value.text;
    case "bytes":
      return value.style === "hex" || !isText(value.bytes)
        ? { hex: Buffer.from(value.bytes).toString("hex"), ...(value.cut && { cut: true }) }
        : Buffer.from(value.bytes).toString() + (value.cut ? "..." : "");
    case "fd":
      return value.target === undefined ? value.fd : { fd: value.fd, target: value.target };
    case "struct":
      return Object.fromEntries(
        value.fields
          .filter((field) => field.name !== "" && field.value.kind !== "nothing")
          .map((field) => [field.name, valueJson(field.value)]),
      );
    case "array":
      return value.elements.map(valueJson);
    case "changed":
      return { before: valueJson(value.before), after: valueJson(value.after) };
    case "commented":
      return valueJson(value.value);
    case "more":
    case "nothing":
    case "later":
      return null;
  }
}

function isText(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x09 || byte === 0x0a || (byte >= 0x20 && byte < 0x7f));
}

function numberJson(value: bigint): Json {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

const ARGUMENTS: Readonly<Record<Call["name"], readonly string[]>> = {
  bpf: ["cmd", "attr", "size", "common_attr", "common_size"],
  perf_event_open: ["attr", "pid", "cpu", "group_fd", "flags"],
  ioctl: ["fd", "request", "argument"],
};

/** One object an event; undefined for what only matters while it lasts. */
export function eventJson(event: StraceEvent, explanation: readonly string[] = []): Json | undefined {
  const { kind, pid } = event;
  switch (event.kind) {
    case "entry":
      return undefined;
    case "exit":
      return callJson(event.call, explanation);
    case "signal":
    case "stopped":
      return { event: kind, pid, signal: signalName(event.signal) };
    case "attached":
      return { event: kind, pid };
    case "superseded":
      return { event: kind, pid, by: event.by };
    case "exited":
      return { event: kind, pid, code: event.code };
    case "killed":
      return { event: kind, pid, signal: signalName(event.signal), core_dumped: event.coreDumped };
  }
}

function callJson(call: Call, explanation: readonly string[]): Json {
  const names = ARGUMENTS[call.name];
  const { result } = call;
  return {
    event: "call",
    pid: call.pid,
    time: call.startedAt / 1000,
    duration: call.duration / 1000,
    call: call.name,
    args: Object.fromEntries(
      call.args.map((value, index) => [names[index] ?? String(index), valueJson(value)]),
    ),
    result: result === undefined ? null : result.failed ? -1 : numberJson(result.value),
    ...(result?.failed === true && { error: errnoName(Number(-result.value)) }),
    ...(explanation.length > 0 && { explanation }),
  };
}
