import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { assemble, encode } from "../../src/isa/index.ts";
import { openEmbeddedKernel } from "../../src/kernel/embedded/index.ts";
import { BPF_PROG_TYPE } from "../../src/uapi/index.ts";

const LENGTH = 1000;
const STARTS = 10;

/** Milliseconds from the load of a long program to the end of its first run, on a kernel that is there: each of some. */
function measureStarts(): number[] {
  const body = Array.from({ length: LENGTH / 2 - 1 }, (_, index) => `r0 += ${index}\nr0 ^= r1`).join("\n");
  const insns = encode(assemble(`r0 = 0\n${body}\nexit`));
  const port = openEmbeddedKernel();
  return Array.from({ length: STARTS }, () => {
    const start = performance.now();
    const fd = port.bpf("PROG_LOAD", { prog_type: BPF_PROG_TYPE.XDP, insns, license: "GPL" });
    port.bpf("PROG_TEST_RUN", { prog_fd: fd, data_in: new Uint8Array(1500) });
    const time = performance.now() - start;
    port.close(fd);
    return time;
  });
}

/** The first program of a process comes from processes of its own, this file's. */
export function firstRuns(): void {
  const processes = Array.from({ length: STARTS }, () => {
    const { stdout } = spawnSync(process.execPath, [fileURLToPath(import.meta.url)], { encoding: "utf8" });
    // It printed them itself.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return JSON.parse(stdout) as number[];
  });
  const first = processes.map(([time = Infinity]) => time).sort((a, b) => a - b);
  const later = processes.flatMap((times) => times.slice(1)).sort((a, b) => a - b);
  console.log(
    `load to first run of ${LENGTH} instructions: a process's first program ${first[0]!.toFixed(2)} ms (median ${median(first)} of ` +
      `${STARTS} processes), later ones ${later[0]!.toFixed(2)} ms (median ${median(later)})`,
  );
}

function median(sorted: readonly number[]): string {
  return sorted[sorted.length >> 1]!.toFixed(2);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(measureStarts()));
