import { expect, test } from "vitest";
import { BPF_ATTR, BPF_CMD } from "../uapi/index.ts";
import type { BpfCommandName } from "../uapi/index.ts";
import { CallExplainer } from "./explain.ts";
import { KernelObjects } from "./kernel-objects.ts";
import type { Call } from "./session.ts";

const BASE = 0x10_000n;

interface Memory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

function memory(): Memory {
  const bytes = new Uint8Array(1024);
  return { bytes, view: new DataView(bytes.buffer) };
}

function set(
  view: DataView,
  command: BpfCommandName,
  fields: Readonly<Record<string, number | bigint>>,
): void {
  const layouts: Readonly<Record<string, { readonly offset: number; readonly size: number }>> =
    BPF_ATTR[command].fields;
  for (const [name, value] of Object.entries(fields)) {
    const { offset, size } = layouts[name]!;
    if (size === 8) view.setBigUint64(offset, BigInt(value), true);
    else view.setUint32(offset, Number(value), true);
  }
}

function explain(command: BpfCommandName, { bytes }: Memory, failed = false): readonly string[] {
  const raw = BigUint64Array.of(BigInt(BPF_CMD[command]), BASE, BigInt(BPF_ATTR[command].size), 0n, 0n, 0n);
  const call: Call = {
    pid: 0,
    name: "bpf",
    raw,
    args: [],
    view: {
      pid: 0,
      read: (address, length) => {
        const start = Number(address - BASE);
        return start < 0 || start > bytes.length ? new Uint8Array(0) : bytes.slice(start, start + length);
      },
      descriptor: () => undefined,
      interfaceName: () => undefined,
    },
    startedAt: 0,
    duration: 0,
    result: { value: failed ? -13n : 0n, failed },
    returnsDescriptor: true,
  };
  const explainer = new CallExplainer(new KernelObjects(undefined));
  explainer.entry(call);
  return explainer.exit(call);
}

test("a program is disassembled, with the verifier's verdict first where it is rejected", () => {
  const { bytes, view } = memory();
  set(view, "PROG_LOAD", { insn_cnt: 4, insns: BASE + 256n, log_size: 100, log_buf: BASE + 512n });
  bytes.set([0x18, 0x11, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 256);
  bytes.set([0x85, 0, 0, 0, 14, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0], 272);
  bytes.set(Buffer.from("0: (85) call bpf_get_current_pid_tgid#14\nR1 is bad\nprocessed 2 insns\n"), 512);
  const insns = ["   0: r1 = map[fd:7]", "   2: call bpf_get_current_pid_tgid#14", "   3: exit"];
  const found = explain("PROG_LOAD", { bytes, view }, true);
  expect(found.slice(0, 3)).toEqual(insns);
  expect(found[3]).toBe("verdict: R1 is bad");
  expect(found.slice(4)).toEqual([
    "0: (85) call bpf_get_current_pid_tgid#14",
    "R1 is bad",
    "processed 2 insns",
  ]);
});

test("a test run tells its result and its data", () => {
  const { bytes, view } = memory();
  set(view, "PROG_TEST_RUN", { retval: 0xffff_fffe, duration: 12, data_size_out: 2, data_out: BASE + 256n });
  bytes.set([0xab, 0xcd], 256);
  expect(explain("PROG_TEST_RUN", { bytes, view })).toEqual([
    "retval: 4294967294 (-2), duration: 12 ns",
    "data_out: ab cd",
  ]);
});

test("counts and addresses that lead nowhere explain nothing", () => {
  const { bytes, view } = memory();
  set(view, "PROG_LOAD", {
    insn_cnt: 0xffff_ffff,
    insns: 5n,
    log_size: 0xffff_ffff,
    log_buf: 0xffff_ffff_ffffn,
  });
  expect(explain("PROG_LOAD", { bytes, view }, true)).toEqual([]);
});
