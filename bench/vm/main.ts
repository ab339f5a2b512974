// npm run bench:vm: the machine of the embedded kernel beside the running kernel's JIT, in one process.
import { assemble, encode } from "../../src/isa/index.ts";
import type { Insn } from "../../src/isa/index.ts";
import { openEmbeddedKernel } from "../../src/kernel/embedded/index.ts";
import { Machine } from "../../src/kernel/embedded/vm/index.ts";
import type { ExecutionMode } from "../../src/kernel/embedded/vm/index.ts";
import type { Fd, Kernel } from "../../src/kernel/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { BPF_PROG_TYPE, STRUCT } from "../../src/uapi/index.ts";
import { BENCH_MAP_PROGRAMS, BENCH_PROGRAMS, PACKET_SIZE } from "./programs.ts";

const ROUNDS = 40;
/** Nanoseconds that one measurement should last: less than a turn of the scheduler. */
const WINDOW = 2_000_000;

const packet = Uint8Array.from({ length: PACKET_SIZE }, (_, index) => (index * 31 + 7) & 0xff);

const LONG = 1000;
const STARTS = 10;
const ratios = new Map<string, number[]>();

using kernel = await openKernel();
console.log(
  ["program", "kernel JIT", "jit", "interpreter", "jit/kernel", "result"]
    .map((head) => head.padStart(14))
    .join(""),
);
for (const program of BENCH_PROGRAMS) {
  const insns = assemble(program.text);
  compare("computation", program.name, [
    kernelRunner(kernel, loadXdp(kernel, insns)),
    machineRunner(insns, "jit"),
    machineRunner(insns, "interpreter"),
  ]);
}
for (const { name, map, keys, text } of BENCH_MAP_PROGRAMS) {
  const ports = [
    kernel,
    ...(["jit", "interpreter"] as const).map((mode) => openEmbeddedKernel({ mode, fuel: Infinity })),
  ];
  const runners = ports.map((port) => {
    const fd = port.bpf("MAP_CREATE", map);
    fill(port, fd, keys);
    return kernelRunner(port, loadXdp(port, assemble(text(fd))));
  });
  compare("maps", name, runners);
}
for (const group of ["computation", "maps"] as const) {
  const values = ratios.get(group) ?? [];
  const mean = Math.exp(values.reduce((sum, ratio) => sum + Math.log(ratio), 0) / values.length);
  console.log(`geometric mean of jit/kernel, ${group}: ${mean.toFixed(2)}`);
}
console.log(`times in ns a run; the empty program does not count`);
console.log(`load to first run of ${LONG} instructions, best of ${STARTS}: ${firstRun().toFixed(2)} ms`);

/** One line of the table. */
function compare(group: string, name: string, runners: readonly Runner[]): void {
  const results = new Set(runners.map((runner) => runner.result()));
  const times = measure(runners);
  const ratio = times[1]! / times[0]!;
  if (name !== "empty") ratios.set(group, [...(ratios.get(group) ?? []), ratio]);
  const cells = [
    ...times.map((time) => time.toFixed(1)),
    ratio.toFixed(2),
    results.size === 1 ? "equal" : "DIFFERENT",
  ];
  console.log(name.padEnd(30) + cells.map((cell) => cell.padStart(12)).join(""));
  if (results.size !== 1) process.exitCode = 1;
}

function fill(port: Kernel, map_fd: Fd, keys: number): void {
  const perCpu = port.files.possibleCpus().length;
  for (let key = 0; key < keys; key++)
    port.bpf("MAP_UPDATE_ELEM", {
      map_fd,
      key: new Uint8Array(Uint32Array.of(key).buffer),
      // Longer than maps that are not per-CPU read.
      value: new Uint8Array(8 * perCpu),
    });
}

/** Milliseconds from the load of a long program to the end of its first run, on a kernel that is there. */
function firstRun(): number {
  const body = Array.from({ length: LONG / 2 - 1 }, (_, index) => `r0 += ${index}\nr0 ^= r1`).join("\n");
  const insns = encode(assemble(`r0 = 0\n${body}\nexit`));
  const port = openEmbeddedKernel();
  const times = Array.from({ length: STARTS }, () => {
    const start = performance.now();
    const fd = port.bpf("PROG_LOAD", { prog_type: BPF_PROG_TYPE.XDP, insns, license: "GPL" });
    port.bpf("PROG_TEST_RUN", { prog_fd: fd, data_in: packet });
    const time = performance.now() - start;
    port.close(fd);
    return time;
  });
  console.log(`  the first of them: ${times[0]!.toFixed(2)} ms`);
  return Math.min(...times);
}

interface Runner {
  /** Low 32 bits of r0, on a fresh packet. */
  result(): number;
  /** Nanoseconds a run, over `times` runs. */
  time(times: number): number;
}

/** The best of several rounds, in which all take turns. */
function measure(runners: readonly Runner[]): number[] {
  const best = runners.map(() => Infinity);
  const counts = runners.map((runner) => {
    // The first runs also give the compilers what they need to optimise.
    for (let warm = 0; warm < 20; warm++) runner.time(100);
    return Math.max(10, Math.min(10_000_000, Math.round(WINDOW / Math.max(1, runner.time(100)))));
  });
  for (let round = 0; round < ROUNDS; round++) {
    runners.forEach((runner, index) => {
      best[index] = Math.min(best[index]!, runner.time(counts[index]!));
    });
  }
  return best;
}

function loadXdp(port: Kernel, insns: readonly Insn[]): Fd {
  const log = new Uint8Array(1 << 16);
  return port.bpf("PROG_LOAD", {
    prog_type: BPF_PROG_TYPE.XDP,
    insns: encode(insns),
    license: "GPL",
    log_level: 4,
    log_buf: log,
  });
}

function kernelRunner(port: Kernel, fd: Fd): Runner {
  const run = (repeat: number): { retval: number; duration: number } =>
    port.bpf("PROG_TEST_RUN", { prog_fd: fd, data_in: packet.slice(), repeat });
  return { result: () => run(1).retval, time: (times) => run(times).duration };
}

function machineRunner(insns: readonly Insn[], mode: ExecutionMode): Runner {
  const machine = new Machine();
  const data = machine.allocate(PACKET_SIZE);
  const context = machine.allocate(STRUCT.xdp_md.size);
  const view = new DataView(machine.memory.buffer);
  view.setUint32(context + STRUCT.xdp_md.fields.data.offset, data, true);
  view.setUint32(context + STRUCT.xdp_md.fields.data_end.offset, data + PACKET_SIZE, true);
  const program = machine.load(insns, mode);
  return {
    result: () => {
      machine.bytes(data, PACKET_SIZE).set(packet);
      return Number(program.run(context) & 0xffff_ffffn);
    },
    time: (times) => {
      const start = process.hrtime.bigint();
      program.repeat(times, context);
      return Number(process.hrtime.bigint() - start) / times;
    },
  };
}
