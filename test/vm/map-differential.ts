import { encode, printProgram } from "../../src/isa/index.ts";
import { openEmbeddedKernel } from "../../src/kernel/embedded/index.ts";
import { SyscallError } from "../../src/kernel/index.ts";
import type { Fd, Kernel } from "../../src/kernel/index.ts";
import { BPF_PROG_TYPE } from "../../src/uapi/index.ts";
import type { Outcome } from "./differential.ts";
import { FUZZED_MAPS, PACKET_SIZE, randomMapProgram } from "./random-map-program.ts";
import { Random } from "./random-program.ts";

/** A kernel with the maps that programs use. */
class Subject {
  readonly kernel: Kernel;
  readonly name: string;
  readonly #maps: readonly Fd[];
  readonly #cpus: number;

  constructor(kernel: Kernel, name: string) {
    this.kernel = kernel;
    this.name = name;
    this.#cpus = kernel.files.possibleCpus().length;
    this.#maps = FUZZED_MAPS.map(({ attr }) => kernel.bpf("MAP_CREATE", attr));
  }

  /** What a program did: result, packet, and what is in the maps; undefined if it was refused. */
  run(seed: number, length: number, packet: Uint8Array): string | undefined {
    const { kernel } = this;
    const insns = encode(randomMapProgram(seed, length, this.#maps));
    let fd: Fd;
    try {
      fd = kernel.bpf("PROG_LOAD", { prog_type: BPF_PROG_TYPE.SCHED_CLS, insns, license: "GPL" });
    } catch (error) {
      if (error instanceof SyscallError && error.errnoName !== "EPERM") return undefined;
      throw error;
    }
    try {
      const data_out = new Uint8Array(PACKET_SIZE + 256);
      const { retval, data_size_out } = kernel.bpf("PROG_TEST_RUN", {
        prog_fd: fd,
        data_in: packet,
        data_out,
      });
      const out = Buffer.from(data_out.subarray(0, data_size_out)).toString("hex");
      return [`retval ${retval}`, `packet ${out}`, ...this.#contents()].join("\n");
    } finally {
      kernel.close(fd);
    }
  }

  /** Contents of all maps, which are then emptied. */
  #contents(): string[] {
    return FUZZED_MAPS.flatMap((map, index) => {
      const map_fd = this.#maps[index]!;
      if (map.keys === "none")
        return this.#drain(map_fd, map.attr.value_size).map((value) => `map ${index}: ${value}`);
      return this.#entries(map_fd, index)
        .map(([key, value]) => `map ${index}: ${key} ${value}`)
        .sort();
    });
  }

  #drain(map_fd: Fd, size: number): string[] {
    const values: string[] = [];
    for (;;) {
      const value = new Uint8Array(size);
      if (!this.kernel.bpf("MAP_LOOKUP_AND_DELETE_ELEM", { map_fd, value })) return values;
      values.push(Buffer.from(value).toString("hex"));
    }
  }

  #entries(map_fd: Fd, index: number): (readonly [string, string])[] {
    const { attr, keys, perCpu = false } = FUZZED_MAPS[index]!;
    const stride = perCpu ? Math.ceil(attr.value_size / 8) * 8 : attr.value_size;
    const entries: (readonly [string, string])[] = [];
    const found: Uint8Array[] = [];
    for (let key: Uint8Array | undefined; found.length < 600; key = found.at(-1)) {
      const next_key = new Uint8Array(attr.key_size);
      if (!this.kernel.bpf("MAP_GET_NEXT_KEY", { map_fd, key, next_key })) break;
      found.push(next_key);
    }
    for (const key of found) {
      const value = new Uint8Array(perCpu ? stride * this.#cpus : stride);
      this.kernel.bpf("MAP_LOOKUP_ELEM", { map_fd, key, value });
      // One CPU ran the program, whichever it was: the others' values are zero.
      const sum = new Uint8Array(stride);
      value.forEach((byte, at) => (sum[at % stride]! |= byte));
      entries.push([Buffer.from(key).toString("hex"), Buffer.from(sum).toString("hex")]);
      if (keys === "index") this.kernel.bpf("MAP_UPDATE_ELEM", { map_fd, key, value: value.fill(0) });
      else this.kernel.bpf("MAP_DELETE_ELEM", { map_fd, key });
    }
    return entries;
  }
}

/** Random programs with maps and packets, in the kernel and in the embedded one by both its machines. */
export function compareWithMaps(kernel: Kernel, seed: number, count: number, length: number): Outcome {
  const cpus = kernel.files.possibleCpus().length;
  const expected = new Subject(kernel, "kernel");
  const others = (["jit", "interpreter"] as const).map(
    (mode) => new Subject(openEmbeddedKernel({ cpus, mode }), mode),
  );
  let equal = 0;
  let refused = 0;
  const mismatches: string[] = [];
  for (let index = 0; index < count; index++) {
    const random = new Random(seed + index);
    const words = Uint32Array.from({ length: Math.ceil(PACKET_SIZE / 4) }, () => random.u32());
    const packet = new Uint8Array(words.buffer).slice(0, PACKET_SIZE);
    const wanted = expected.run(seed + index, length, packet);
    if (wanted === undefined) {
      refused++;
      continue;
    }
    const wrong = others.flatMap((subject) => {
      const got = subject.run(seed + index, length, packet);
      return got === wanted ? [] : [`${subject.name}:\n${difference(wanted, got ?? "refused")}`];
    });
    if (wrong.length === 0) equal++;
    else
      mismatches.push(
        `seed ${seed + index}, length ${length}: ${wrong.join("")}${printProgram(
          randomMapProgram(
            seed + index,
            length,
            FUZZED_MAPS.map((_, fd) => fd),
          ),
        )}`,
      );
  }
  for (const { kernel: other } of others) other[Symbol.dispose]();
  return { equal, refused, mismatches };
}

function only(lines: readonly string[], others: readonly string[], mark: string): string {
  return lines
    .filter((line) => !others.includes(line))
    .map((line) => `  ${mark} ${line}\n`)
    .join("");
}

function difference(wanted: string, got: string): string {
  const left = wanted.split("\n");
  const right = got.split("\n");
  return only(left, right, "-") + only(right, left, "+");
}
