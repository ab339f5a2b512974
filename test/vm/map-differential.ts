import { printProgram } from "../../src/isa/index.ts";
import { openEmbeddedKernel } from "../../src/kernel/embedded/index.ts";
import { SyscallError } from "../../src/kernel/index.ts";
import type { BpfAttr, Fd, Kernel } from "../../src/kernel/index.ts";
import type { Outcome } from "./differential.ts";
import { FUZZED_MAPS, MapsInKernel, STATE_SIZE } from "./fuzzed-maps.ts";
import { KINDS, functionTypes, loadAttr, randomMapProgram, tailTargets } from "./random-map-program.ts";
import type { FuzzedProgram, ProgramKind } from "./random-map-program.ts";
import { tailCall } from "./random-map-calls.ts";
import { Random } from "./random.ts";

/** What one test run is given. */
interface Input {
  readonly state: Uint8Array;
  readonly packet: Uint8Array;
  readonly context: Uint8Array;
}

const RUNS = 2;
const PACKET_ROOM = 1024;

function inputs(random: Random, kind: ProgramKind): Input[] {
  const bytes = (size: number): Uint8Array =>
    new Uint8Array(Uint32Array.from({ length: Math.ceil(size / 4) }, () => random.u32()).buffer).slice(
      0,
      size,
    );
  return Array.from({ length: RUNS }, () => {
    const packet = bytes(random.pick([14, 34, 40, 64, 128, 300]));
    // Helpers look at the protocol: IPv4, IPv6, a tag, or none that they know.
    packet.set(
      random.pick([
        [8, 0],
        [0x86, 0xdd],
        [0x81, 0],
        [1, 2],
      ]),
      12,
    );
    packet.set(
      random
        .pick([
          [0x45, 0],
          [0x60, 0],
        ])
        .slice(0, packet.length - 14),
      14,
    );
    const context = bytes(kind.contextSize);
    if (kind.input === "packet") {
      const sets = kind.sets ?? [];
      context.forEach((_, at) => {
        if (!sets.some(({ offset, size }) => at >= offset && at < offset + size)) context[at] = 0;
      });
    }
    return { state: bytes(STATE_SIZE), packet, context };
  });
}

/** A kernel with the maps that programs use. */
class Subject {
  readonly kernel: Kernel;
  readonly name: string;
  readonly #kind: ProgramKind;
  readonly #maps: MapsInKernel;
  readonly #types: Fd;
  readonly #firstType: number;

  constructor(kernel: Kernel, name: string, kind: ProgramKind) {
    this.kernel = kernel;
    this.name = name;
    this.#kind = kind;
    this.#maps = new MapsInKernel(kernel);
    const { bytes, first } = functionTypes();
    this.#types = kernel.bpf("BTF_LOAD", { btf: bytes });
    this.#firstType = first;
    const targets = kind.calls.includes(tailCall) ? tailTargets(kind, this.#maps.fds) : [];
    targets.forEach((program, index) => {
      const fd = this.#load(program);
      this.#maps.setProgram(index, fd);
      kernel.close(fd);
    });
  }

  [Symbol.dispose](): void {
    this.#maps[Symbol.dispose]();
    this.kernel.close(this.#types);
  }

  /** What a program did: results, packets, state, and what is in the maps it names. */
  run(seed: number, length: number, given: readonly Input[]): string | SyscallError {
    const program = randomMapProgram(this.#kind, seed, length, this.#maps.fds);
    let fd: Fd;
    try {
      fd = this.#load(program);
    } catch (error) {
      if (error instanceof SyscallError && error.errnoName !== "EPERM") return error;
      throw error;
    }
    try {
      const lines = given.flatMap((input) => this.#outcome(fd, input));
      return [...lines, ...this.#maps.take(program.used)].join("\n");
    } finally {
      this.kernel.close(fd);
    }
  }

  /** What the verifier says of a program that it refuses, at the end. */
  verifierLog(seed: number, length: number): string {
    const program = randomMapProgram(this.#kind, seed, length, this.#maps.fds);
    const attr = loadAttr(this.#kind, program, this.#types, this.#firstType);
    try {
      this.kernel.close(
        this.kernel.bpf("PROG_LOAD", { ...attr, log_level: 1, log_buf: new Uint8Array(1 << 24) }),
      );
    } catch (error) {
      if (error instanceof SyscallError)
        return error.log?.trim().split("\n").slice(-8, -1).join("\n") ?? error.message;
      throw error;
    }
    return "accepted the second time";
  }

  #load(program: FuzzedProgram): Fd {
    const attr = loadAttr(this.#kind, program, this.#types, this.#firstType);
    for (;;) {
      try {
        return this.kernel.bpf("PROG_LOAD", attr);
      } catch (error) {
        // The verifier gives way to signals.
        if (!(error instanceof SyscallError) || error.errnoName !== "EAGAIN") throw error;
      }
    }
  }

  /** How a test run ends; what it refuses is the same in both kernels too. */
  #outcome(fd: Fd, input: Input): string[] {
    try {
      return this.#testRun(fd, input);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      return [`test run: ${error.errnoName}`];
    }
  }

  #testRun(prog_fd: Fd, { state, packet, context }: Input): string[] {
    this.#maps.setState(state);
    const ctx_in = context.slice();
    const attr: BpfAttr["PROG_TEST_RUN"] = { prog_fd, ctx_in };
    const lines: string[] = [];
    if (this.#kind.input === "context") {
      const { retval } = this.kernel.bpf("PROG_TEST_RUN", attr);
      lines.push(`retval ${retval}`, `context ${hex(ctx_in)}`);
    } else {
      const data_out = new Uint8Array(PACKET_ROOM);
      const ctx_out = new Uint8Array(context.length);
      const withContext = this.#kind.sets ? { ctx_in, ctx_out } : { ctx_in: undefined };
      const { retval, data_size_out } = this.kernel.bpf("PROG_TEST_RUN", {
        ...attr,
        ...withContext,
        data_in: packet,
        data_out,
      });
      const out = data_out.subarray(0, data_size_out);
      lines.push(`retval ${retval}`, `packet ${hex(out)}`, `context ${hex(ctx_out)}`);
    }
    return [...lines, `state ${hex(this.#maps.state())}`];
  }
}

/** Random programs with maps and packets, in the kernel and in the embedded one by both its machines. */
export function compareWithMaps(
  kernel: Kernel,
  seed: number,
  count: number,
  length: number,
  refusals?: (text: string) => void,
): Outcome {
  const outcomes = KINDS.map((kind, index) => {
    const share = Math.floor((count + index) / KINDS.length);
    return compareKind(kernel, kind, { seed: seed + index * count, count: share, length, refusals });
  });
  return {
    equal: outcomes.reduce((sum, { equal }) => sum + equal, 0),
    refused: outcomes.reduce((sum, { refused }) => sum + refused, 0),
    mismatches: outcomes.flatMap(({ mismatches }) => mismatches),
  };
}

interface Programs {
  readonly seed: number;
  readonly count: number;
  readonly length: number;
  readonly refusals: ((text: string) => void) | undefined;
}

function compareKind(
  kernel: Kernel,
  kind: ProgramKind,
  { seed, count, length, refusals }: Programs,
): Outcome {
  const cpus = kernel.files.possibleCpus().length;
  using expected = new Subject(kernel, "kernel", kind);
  const others = (["jit", "interpreter"] as const).map(
    (mode) => new Subject(openEmbeddedKernel({ cpus, mode }), mode, kind),
  );
  let equal = 0;
  let refused = 0;
  const mismatches: string[] = [];
  for (let index = 0; index < count; index++) {
    const given = inputs(new Random(~(seed + index)), kind);
    const wanted = expected.run(seed + index, length, given);
    if (typeof wanted !== "string") {
      refused++;
      refusals?.(`${kind.name}, seed ${seed + index}: ${expected.verifierLog(seed + index, length)}`);
      continue;
    }
    const wrong = others.flatMap((subject) => {
      const got = subject.run(seed + index, length, given);
      return got === wanted ? [] : [`${subject.name}:\n${difference(wanted, String(got))}`];
    });
    if (wrong.length === 0) equal++;
    else mismatches.push(report(kind, seed + index, length, wrong));
  }
  for (const subject of others) {
    subject[Symbol.dispose]();
    subject.kernel[Symbol.dispose]();
  }
  return { equal, refused, mismatches };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function report(kind: ProgramKind, seed: number, length: number, wrong: readonly string[]): string {
  const maps = FUZZED_MAPS.map((_, index) => index);
  const { insns } = randomMapProgram(kind, seed, length, maps);
  return `${kind.name}, seed ${seed}, length ${length}: ${wrong.join("")}${printProgram(insns)}`;
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
