import { expect, test } from "vitest";
import type { Call } from "./session.ts";
import { CallSummary } from "./summary.ts";

function call(command: number, duration: number, failed = false): Call {
  return {
    pid: 1,
    name: "bpf",
    raw: BigUint64Array.of(BigInt(command), 0n, 0n, 0n, 0n, 0n),
    args: [],
    view: {
      pid: 1,
      read: () => new Uint8Array(0),
      descriptor: () => undefined,
      interfaceName: () => undefined,
    },
    startedAt: 0,
    duration,
    result: { value: failed ? -2n : 0n, failed },
    returnsDescriptor: false,
  };
}

test("calls are counted by command, the slowest first", () => {
  const summary = new CallSummary();
  summary.add(call(1, 1));
  summary.add(call(5, 6));
  summary.add(call(1, 1, true));
  const lines = summary
    .text()
    .trimEnd()
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  expect(lines[0]).toEqual(["%", "time", "seconds", "usecs/call", "calls", "errors", "call"]);
  expect(lines[1]).toEqual(["75.00", "0.006000", "6000", "1", "bpf(BPF_PROG_LOAD)"]);
  expect(lines[2]).toEqual(["25.00", "0.002000", "1000", "2", "1", "bpf(BPF_MAP_LOOKUP_ELEM)"]);
  expect(lines[3]).toEqual(["100.00", "0.008000", "2667", "3", "1", "total"]);
  expect(new CallSummary().text().split("\n")).toHaveLength(3);
});
