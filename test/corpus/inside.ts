// Runs where the kernel is: node inside.js BPFTOOL MODE OBJECT... prints one Verdict a line as JSON.
// MODE: `load`; `attach`, which also hooks in what sections say; `calls`, which counts system calls, bpftool's by the
// strace that lies beside it. With `+fit` behind it, objects that both refuse are tried again as refit() makes them.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { BpfkitError } from "../../src/errors.ts";
import { linkInfo, mapInfo, openObject, programCode } from "../../src/inspect/index.ts";
import { encode, LDIMM64, type Insn } from "../../src/isa/index.ts";
import type { Fd, Kernel } from "../../src/kernel/index.ts";
import { attach, type AttachContext, sectionHook, UsdtSpecs } from "../../src/attach/index.ts";
import { Features, type LoadedProgram, loadObject } from "../../src/loader/index.ts";
import { fromElf } from "../../src/object/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { BPF_PSEUDO_LD, BPF_LINK_TYPE, nameOf } from "../../src/uapi/index.ts";
import { type Fit, refit } from "./fit.ts";
import type { Outcome, ProgramOutcome, Verdict } from "./verdict.ts";

const [bpftool = "bpftool", modes = "load", ...objects] = process.argv.slice(2);
const [mode = "load", fitting] = modes.split("+");
/** Programs that are left out of one object at most. */
const REFITS = 64;
// An empty one over the machine's own: maps that are pinned by name are gone with it.
const mount = "/sys/fs/bpf";
execFileSync("mount", ["-t", "bpf", "bpf", mount]);
try {
  using kernel = await openKernel();
  const features = new Features(kernel);
  for (const path of objects) {
    process.stdout.write(`${JSON.stringify(judge(kernel, features, path))}\n`);
  }
} finally {
  spawnSync("umount", [mount]);
}

function judge(kernel: Kernel, features: Features, path: string): Verdict {
  const object = basename(path);
  const plain: Fit = { bytes: readFileSync(path), maps: new Map(), without: [] };
  const before = openFiles();
  const first = byBpfkit(kernel, features, plain);
  const bpfkit = first.outcome;
  const libbpf = byLibbpf(kernel, path);
  const same = libbpf.refused !== undefined && first.error !== undefined;
  const verdict = fitting === "fit" && same ? fitted(kernel, features, plain, first.error) : undefined;
  const left = openFiles() - before;
  if (left !== 0) throw new Error(`${path}: ${left} descriptors were left open`);
  return { object, bpfkit, libbpf, ...verdict };
}

/** The verdict on the object as both can load it. */
function fitted(
  kernel: Kernel,
  features: Features,
  plain: Fit,
  reason: unknown,
): Partial<Verdict> | undefined {
  let fit = plain;
  let error = reason;
  try {
    for (let round = 0; round < REFITS; round++) {
      const next = refit(kernel, fit, error);
      if (!next) return undefined;
      fit = next;
      const own = byBpfkit(kernel, features, fit);
      error = own.error;
      if (error !== undefined) continue;
      const file = join("/tmp", `bpfkit-fitted-${process.pid}.o`);
      try {
        writeFileSync(file, fit.bytes);
        const libbpf = byLibbpf(kernel, file, mapArguments(kernel, fit));
        return { bpfkit: own.outcome, libbpf, fitted: { maps: [...fit.maps.keys()], without: fit.without } };
      } finally {
        rmSync(file, { force: true });
      }
    }
    return undefined;
  } finally {
    for (const map of fit.maps.values()) map[Symbol.dispose]();
  }
}

function mapArguments(kernel: Kernel, { maps }: Fit): string[] {
  return [...maps].flatMap(([name, { fd }]) => ["map", "name", name, "id", String(mapInfo(kernel, fd).id)]);
}

function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}

function byBpfkit(
  real: Kernel,
  features: Features,
  { bytes, maps }: Fit,
): { readonly outcome: Outcome; readonly error?: unknown } {
  const reuse = new Map([...maps].map(([name, { fd }]) => [name, fd]));
  let calls = 0;
  const kernel: Kernel = new Proxy(real, {
    get(target, name) {
      if (name === "bpf") calls++;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  try {
    using object = loadObject(fromElf(bytes).spec, { kernel, features, reuse });
    const loading = calls;
    const usdt = UsdtSpecs.of(object);
    const context = { kernel, features, ...(usdt && { usdt }) };
    const programs = [...object.programs.values()].map((program): ProgramOutcome => {
      const own = { name: program.name, insns: insnsOf(kernel, program.fd) };
      return mode === "attach" ? { ...own, ...attached(context, program) } : own;
    });
    return { outcome: { programs, ...(mode === "calls" && { calls: loading }) } };
  } catch (error) {
    // Anything else is a defect, and must be seen as one.
    const reason = error instanceof BpfkitError ? error.message : `NOT TYPED ${String(error)}`;
    return { outcome: { refused: reason, programs: [] }, error };
  }
}

/** Each program by itself, as bpftool does: where one cannot be hooked in, the others are. */
function attached(context: AttachContext, program: LoadedProgram): Partial<ProgramOutcome> {
  try {
    const choice = sectionHook(program.spec, {});
    if ("open" in choice) return {};
    using link = attach(context, program, choice.hook);
    const [fd] = link.fds;
    return { link: fd === undefined ? "no link" : linkKind(linkInfo(context.kernel, fd).type) };
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    return { unattached: error.message };
  }
}

function linkKind(type: number): string {
  return nameOf(BPF_LINK_TYPE, type) ?? String(type);
}

function byLibbpf(kernel: Kernel, path: string, more: readonly string[] = [], how: string = mode): Outcome {
  const folder = join(mount, "object");
  // bpftool makes it only where the first program is attached.
  mkdirSync(folder, { recursive: true });
  const words = ["prog", "loadall", path, folder, ...more, ...(how === "attach" ? ["autoattach"] : [])];
  const trace = join("/tmp", `bpfkit-trace-${process.pid}`);
  const [program, ...args] =
    mode === "calls"
      ? [strace(), "-f", "-qq", "-e", "trace=bpf", "-o", trace, bpftool, ...words]
      : [bpftool, ...words];
  const { status, stderr, stdout } = spawnSync(program, args, { encoding: "utf8", timeout: 120_000 });
  try {
    const output = `${stdout}${stderr}`;
    // bpftool pins all programs or none, and those that are not to be loaded cannot be.
    if (output.includes("can't pin program that wasn't loaded")) return { programs: [], unseen: true };
    if (output.includes("failed to pin all programs") && words.includes("autoattach"))
      return { ...byLibbpf(kernel, path, more, "load"), unlinked: true };
    if (status !== 0) return { refused: reasonIn(output), programs: [] };
    const programs = namesIn(folder).map((name) => pinned(kernel, folder, name));
    return { programs, ...(mode === "calls" && { calls: callsIn(trace) }) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(trace, { force: true });
  }
}

function strace(): string {
  return join(dirname(bpftool), "strace");
}

function callsIn(trace: string): number {
  const lines = readFileSync(trace, "utf8").split("\n");
  return lines.filter((line) => /\bbpf\(BPF_/.test(line) && !line.includes("BPF_OBJ_PIN")).length;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** A pin is a program, or the link that holds one. */
function pinned(kernel: Kernel, folder: string, name: string): ProgramOutcome {
  const fd = kernel.bpf("OBJ_GET", { pathname: join(folder, name) });
  try {
    if (!readlinkSync(`/proc/self/fd/${fd}`).includes("link")) return { name, insns: insnsOf(kernel, fd) };
    const { type, programId } = linkInfo(kernel, fd);
    const program = openObject(kernel, "prog", programId);
    try {
      return { name, insns: insnsOf(kernel, program), link: linkKind(type) };
    } finally {
      kernel.close(program);
    }
  } finally {
    kernel.close(fd);
  }
}

function insnsOf(kernel: Kernel, fd: Fd): string {
  return Buffer.from(encode(programCode(kernel, fd).insns.map(withoutIds))).toString("hex");
}

/** The kernel shows ids of maps, and has put addresses of its own into timer calls: both are new with each load. */
function withoutIds(insn: Insn, index: number, insns: readonly Insn[]): Insn {
  const isMap = insn.code === LDIMM64 && insn.src !== 0 && insn.src !== BPF_PSEUDO_LD.FUNC;
  if (isMap || isKernelAddress(insn, insns[index + 1])) return { ...insn, imm: 0 };
  return isKernelAddress(insns[index - 1], insn) ? { ...insn, imm: -1 } : insn;
}

function isKernelAddress(low: Insn | undefined, high: Insn | undefined): boolean {
  return (
    low?.code === LDIMM64 &&
    low.src === 0 &&
    high !== undefined &&
    high.imm >>> 16 === 0xffff &&
    low.imm !== high.imm
  );
}

/** The last lines say what failed, the ones before why. */
function reasonIn(output: string): string {
  const lines = output
    .split("\n")
    .filter((line) => line.trim() !== "" && !/BEGIN PROG LOAD|END PROG LOAD/.test(line));
  return lines.slice(-6).join(" | ").slice(0, 1000);
}
