import { mapInfo } from "../src/inspect/index.ts";
import { encode, exit, moveImmediate } from "../src/isa/index.ts";
import type { Fd, Kernel } from "../src/kernel/index.ts";
import { BPF_MAP_TYPE, BPF_PROG_TYPE } from "../src/uapi/index.ts";
import { measureCommands } from "./commands.ts";
import type { CommandResult } from "./measurements.ts";
import type { Measured } from "./report.ts";
import type { Tool } from "./tracer.ts";

const PROGRAMS = 100;
const ELEMENTS = 100_000;
const CHUNK = 10_000;

/** Lists of a kernel with so many programs, and dumps of a map with so many elements; nothing is attached. */
export function measureObjects(
  kernel: Kernel,
  tools: readonly Tool[],
  rounds: number,
): Measured<CommandResult>[] {
  const programs = Array.from({ length: PROGRAMS }, () => loadProgram(kernel));
  const map = fillMap(kernel);
  try {
    const { id } = mapInfo(kernel, map);
    const rows = [
      { what: "prog show", words: ["prog", "show"] },
      { what: "prog show -j", words: ["prog", "show", "-j"] },
      { what: "link show", words: ["link", "show"] },
      { what: `map dump, ${ELEMENTS}`, words: ["map", "dump", "id", String(id)] },
      { what: `map dump -j, ${ELEMENTS}`, words: ["map", "dump", "id", String(id), "-j"] },
    ];
    return measureCommands(tools, rows, rounds);
  } finally {
    for (const fd of [...programs, map]) kernel.close(fd);
  }
}

function loadProgram(kernel: Kernel): Fd {
  return kernel.bpf("PROG_LOAD", {
    prog_type: BPF_PROG_TYPE.SOCKET_FILTER,
    insns: encode([moveImmediate(0, 0), exit()]),
    license: "GPL",
    prog_name: "bench",
  });
}

function fillMap(kernel: Kernel): Fd {
  const map_fd = kernel.bpf("MAP_CREATE", {
    map_type: BPF_MAP_TYPE.HASH,
    key_size: 4,
    value_size: 8,
    max_entries: ELEMENTS,
    map_name: "bench",
  });
  for (let start = 0; start < ELEMENTS; start += CHUNK) {
    const keys = Uint32Array.from({ length: CHUNK }, (_, index) => start + index);
    const values = BigUint64Array.from(keys, (key) => BigInt(key));
    kernel.bpf("MAP_UPDATE_BATCH", {
      map_fd,
      keys: new Uint8Array(keys.buffer),
      values: new Uint8Array(values.buffer),
      count: CHUNK,
    });
  }
  return map_fd;
}
