// npm run bench:vm: the machine of the embedded kernel beside the running kernel's JIT, in one process.
import { assemble, encode } from "../../src/isa/index.ts";
import type { Insn } from "../../src/isa/index.ts";
import { Machine } from "../../src/kernel/embedded/vm/index.ts";
import type { ExecutionMode } from "../../src/kernel/embedded/vm/index.ts";
import type { Fd, Kernel } from "../../src/kernel/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { BPF_PROG_TYPE, STRUCT } from "../../src/uapi/index.ts";
import { BENCH_PROGRAMS, PACKET_SIZE } from "./programs.ts";

const ROUNDS = 40;
/** Nanoseconds that one measurement should last: less than a turn of the scheduler. */
const WINDOW = 2_000_000;

const packet = Uint8Array.from({ length: PACKET_SIZE }, (_, index) => (index * 31 + 7) & 0xff);

using kernel = await openKernel();
console.log(
  ["program", "kernel JIT", "jit", "interpreter", "jit/kernel", "result"]
    .map((head) => head.padStart(14))
    .join(""),
);
const ratios: number[] = [];
for (const { name, text } of BENCH_PROGRAMS) {
  const insns = assemble(text);
  const fd = loadXdp(kernel, insns);
  const real = kernelRunner(kernel, fd);
  const jit = machineRunner(insns, "jit");
  const interpreter = machineRunner(insns, "interpreter");
  const results = new Set([real.result(), jit.result(), interpreter.result()]);
  const times = measure([real, jit, interpreter]);
  kernel.close(fd);
  const ratio = times[1]! / times[0]!;
  if (name !== "empty") ratios.push(ratio);
  const cells = [
    ...times.map((time) => time.toFixed(1)),
    ratio.toFixed(2),
    results.size === 1 ? "equal" : "DIFFERENT",
  ];
  console.log(name.padEnd(30) + cells.map((cell) => cell.padStart(12)).join(""));
  if (results.size !== 1) process.exitCode = 1;
}
const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
console.log(`geometric mean of jit/kernel without the empty program: ${mean.toFixed(2)}; times in ns a run`);

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
