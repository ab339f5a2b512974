// npm run bench:vm [-- --ubpf PATH/libubpf.a] [--rbpf COMMAND] [--rounds N] [--only TEXT]: the machine of the embedded kernel beside
// the running kernel's JIT and, where given, ubpf and a driver of rbpf, all in turns.
import { parseArgs } from "node:util";
import { assemble, encode } from "../../src/isa/index.ts";
import type { Insn } from "../../src/isa/index.ts";
import { openEmbeddedKernel } from "../../src/kernel/embedded/index.ts";
import { Machine } from "../../src/kernel/embedded/vm/index.ts";
import type { ExecutionMode } from "../../src/kernel/embedded/vm/index.ts";
import type { Fd, Kernel } from "../../src/kernel/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { BPF_PROG_TYPE, STRUCT } from "../../src/uapi/index.ts";
import { firstRuns } from "./first-run.ts";
import { Peer, ubpfPeer } from "./peer.ts";
import { BENCH_MAP_PROGRAMS, BENCH_PROGRAMS, PACKET_SIZE } from "./programs.ts";

const { values } = parseArgs({
  options: {
    ubpf: { type: "string" },
    rbpf: { type: "string" },
    rounds: { type: "string", default: "40" },
    only: { type: "string", default: "" },
  },
});
const ROUNDS = Number(values.rounds);
/** Nanoseconds that one measurement should last: less than a turn of the scheduler. */
const WINDOW = 2_000_000;

interface Runner {
  readonly name: string;
  /** Low 32 bits of r0, on a fresh packet. */
  result(): number | Promise<number>;
  /** Nanoseconds a run, over `times` runs. */
  time(times: number): number | Promise<number>;
}

/** What one program took on each machine. */
interface Row {
  readonly program: string;
  readonly group: "computation" | "maps";
  readonly times: ReadonlyMap<string, number>;
  readonly equal: boolean;
}

const KERNEL = "kernel JIT";
const packet = Uint8Array.from({ length: PACKET_SIZE }, (_, index) => (index * 31 + 7) & 0xff);
const peers = openPeers();
const columns = [
  KERNEL,
  "jit",
  "interpreter",
  "checked",
  "strict",
  ...peers.flatMap(({ name }) => [`${name} JIT`, `${name} int.`]),
];
const rows: Row[] = [];

using kernel = await openKernel();
/** The embedded kernel as it is opened, and with the checks that unit tests have. */
using checkedKernel = openEmbeddedKernel({ fuel: Infinity });
using strictKernel = openEmbeddedKernel({ checked: "strict", fuel: Infinity });
console.log("program".padEnd(30) + [...columns, "jit/kernel"].map((head) => head.padStart(12)).join(""));
for (const program of BENCH_PROGRAMS.filter(isWanted)) {
  const insns = assemble(program.text);
  await compare("computation", program.name, [
    kernelRunner(KERNEL, kernel, loadXdp(kernel, insns)),
    machineRunner(insns, "jit"),
    machineRunner(insns, "interpreter"),
    kernelRunner("checked", checkedKernel, loadXdp(checkedKernel, insns)),
    kernelRunner("strict", strictKernel, loadXdp(strictKernel, insns)),
    ...(await peerRunners(insns)),
  ]);
}
for (const { name, map, keys, text } of BENCH_MAP_PROGRAMS.filter(isWanted)) {
  const ports: readonly (readonly [string, Kernel])[] = [
    [KERNEL, kernel],
    ["jit", openEmbeddedKernel({ checked: false, fuel: Infinity })],
    ["interpreter", openEmbeddedKernel({ mode: "interpreter", checked: false, fuel: Infinity })],
    ["checked", checkedKernel],
    ["strict", strictKernel],
  ];
  const runners = ports.map(([machine, port]) => {
    const fd = port.bpf("MAP_CREATE", map);
    fill(port, fd, keys);
    return kernelRunner(machine, port, loadXdp(port, assemble(text(fd))));
  });
  await compare("maps", name, runners);
}
summarize();
for (const peer of peers) peer[Symbol.dispose]();
firstRuns();

function isWanted({ name }: { readonly name: string }): boolean {
  return name.includes(values.only);
}

function openPeers(): Peer[] {
  const opened: Peer[] = [];
  if (values.ubpf) {
    const peer = ubpfPeer(values.ubpf);
    if (typeof peer === "string") console.log(`ubpf is left out: ${peer}`);
    else opened.push(peer);
  } else console.log("ubpf is left out: --ubpf gives its library");
  if (values.rbpf) opened.push(new Peer("rbpf", values.rbpf));
  else console.log("rbpf is left out: --rbpf gives a driver (bench/vm/peer.ts)");
  return opened;
}

/** One line of the table. */
async function compare(group: Row["group"], program: string, runners: readonly Runner[]): Promise<void> {
  const results = new Set<number>();
  for (const runner of runners) results.add(await runner.result());
  const times = await measure(runners);
  const equal = results.size === 1;
  if (!equal) process.exitCode = 1;
  rows.push({ program, group, times, equal });
  const cells = columns.map((column) => times.get(column)?.toFixed(1) ?? "-");
  const ratio = (times.get("jit")! / times.get(KERNEL)!).toFixed(2);
  console.log(
    program.padEnd(30) +
      [...cells, ratio].map((cell) => cell.padStart(12)).join("") +
      (equal ? "" : "  DIFFERENT RESULTS"),
  );
}

/** Geometric means of what one machine takes of another's time, and where it takes more. */
function summarize(): void {
  console.log("\ntimes in ns a run, the best of the rounds; the empty program does not count below");
  const pairs: readonly (readonly [string, string])[] = [
    ["jit", KERNEL],
    ["checked", "jit"],
    ["strict", "jit"],
    ...peers.flatMap(({ name }): (readonly [string, string])[] => [
      ["jit", `${name} JIT`],
      ["interpreter", `${name} int.`],
      [`${name} JIT`, KERNEL],
    ]),
  ];
  for (const [left, right] of pairs)
    for (const group of ["computation", "maps"] as const) {
      const ratios = rows
        .filter((row) => row.group === group && row.program !== "empty")
        .flatMap(({ program, times }) => {
          const [ours, theirs] = [times.get(left), times.get(right)];
          return ours === undefined || theirs === undefined ? [] : [{ program, ratio: ours / theirs }];
        });
      if (ratios.length === 0) continue;
      const mean = Math.exp(ratios.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / ratios.length);
      const slower = ratios
        .filter(({ ratio }) => ratio > 1)
        .map(({ program, ratio }) => `${program} ${ratio.toFixed(2)}`);
      console.log(
        `${left} / ${right}, ${group}: ${mean.toFixed(2)} (geometric mean of ${ratios.length})` +
          (slower.length > 0 ? `; above 1: ${slower.join(", ")}` : "; never above 1"),
      );
    }
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

/** The best of several rounds, in which all take turns. */
async function measure(runners: readonly Runner[]): Promise<Map<string, number>> {
  const best = new Map<string, number>();
  const counts = new Map<Runner, number>();
  for (const runner of runners) {
    // The first runs also give the compilers what they need to optimise.
    for (let warm = 0; warm < 20; warm++) await runner.time(100);
    const time = Math.max(1, await runner.time(100));
    counts.set(runner, Math.max(10, Math.min(10_000_000, Math.round(WINDOW / time))));
  }
  for (let round = 0; round < ROUNDS; round++)
    for (const runner of runners) {
      const time = await runner.time(counts.get(runner)!);
      best.set(runner.name, Math.min(best.get(runner.name) ?? Infinity, time));
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

function kernelRunner(name: string, port: Kernel, fd: Fd): Runner {
  const run = (repeat: number): { retval: number; duration: number } =>
    port.bpf("PROG_TEST_RUN", { prog_fd: fd, data_in: packet.slice(), repeat });
  return { name, result: () => run(1).retval, time: (times) => run(times).duration };
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
    name: mode,
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

/** What the peers can run of a program: what they cannot is told and left out. */
async function peerRunners(insns: readonly Insn[]): Promise<Runner[]> {
  const runners: Runner[] = [];
  for (const peer of peers) {
    const problem = await peer.prepare(encode(insns), packet);
    if (problem !== undefined) {
      console.log(`  ${peer.name}: ${problem}`);
      continue;
    }
    for (const mode of ["jit", "interpreter"] as const)
      runners.push({
        name: `${peer.name} ${mode === "jit" ? "JIT" : "int."}`,
        result: async () => Number((await peer.run(mode, 1)).result & 0xffff_ffffn),
        time: async (times) => (await peer.run(mode, times)).nanoseconds / times,
      });
  }
  return runners;
}
