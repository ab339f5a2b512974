import { createHash } from "node:crypto";
import { BtfKind } from "../../../btf/index.ts";
import { BpfkitError } from "../../../errors.ts";
import { lazy } from "../../../util/index.ts";
import {
  CALL,
  CLASS,
  JUMP,
  LDIMM64,
  PSEUDO,
  SOURCE,
  calledFunction,
  decode,
  encode,
  opcodeOf,
} from "../../../isa/index.ts";
import type { Insn } from "../../../isa/index.ts";
import {
  BPF_ATTACH_TYPE,
  BPF_FUNC,
  BPF_PROG_TYPE,
  ERRNO,
  STRUCT,
  helperPrototypes,
} from "../../../uapi/index.ts";
import type { BpfHelperName } from "../../../uapi/index.ts";
import type { BpfAttr } from "../../index.ts";
import { KernelFailure, failure } from "../kernel-object.ts";
import { ArrayMap, BpfMap } from "../maps/index.ts";
import { allowsHelper } from "../helpers/allowed.ts";
import { KFUNC_BASE, MISSING_FUNCTION, kfuncNumber } from "../helpers/kfunc-names.ts";
import type { Executable, LoadProgramOptions } from "../vm/index.ts";
import type { World } from "../world.ts";
import { iteratorTarget } from "./attach-target.ts";
import { BtfObject } from "./btf-object.ts";
import { coverageOf, lineAt } from "./coverage.ts";
import type { ProgramCoverage } from "./coverage.ts";
import { BpfProgram, isGplCompatible } from "./program.ts";

type Attr = BpfAttr["PROG_LOAD"];

const MAX_INSNS = 1_000_000;
/** Calls of an address in a register: the machine has them, the kernel takes them from no program. */
const CALL_REGISTER = CLASS.JMP | JUMP.CALL | SOURCE.X;
const MOST_TYPES = Math.max(...Object.values(BPF_PROG_TYPE));
const KNOWN_FLAGS = 0xff;
/**
 * What loaders make of instructions whose CO-RE relocation failed: calls of helpers from this number on (tools/lib/bpf).
 * The verifier does not look at them where a program asks first whether there is such a field.
 */
const FAILED_RELOCATION = 195_896_080;
/** Programs that read the kernel's structs by their BTF types: what is not there reads as 0. */
const TYPED: ReadonlySet<number> = new Set([
  BPF_PROG_TYPE.TRACING,
  BPF_PROG_TYPE.LSM,
  BPF_PROG_TYPE.STRUCT_OPS,
  BPF_PROG_TYPE.EXT,
  BPF_PROG_TYPE.RAW_TRACEPOINT_WRITABLE,
]);
const GIVES_TYPED: ReadonlySet<number> = new Set([BPF_FUNC.get_current_task_btf, BPF_FUNC.skc_to_tcp_sock]);

const HELPER_NAMES: ReadonlyMap<number, BpfHelperName> = new Map(
  Object.entries(BPF_FUNC).map(([name, id]) => [
    id,
    // Object.entries gives the keys as texts.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    name as BpfHelperName,
  ]),
);

/**
 * PROG_LOAD: resolves maps, variables and kernel functions to addresses and hands the program to the machine.
 * @throws KernelFailure with a log that says what is wrong with the program
 */
export function loadProgram(world: World, attr: Attr): BpfProgram {
  const { prog_type, license, prog_flags = 0, prog_name = "", expected_attach_type = 0 } = attr;
  if ((prog_flags & ~KNOWN_FLAGS) !== 0) throw failure("EINVAL");
  // The kernel is told how many whole ones there are.
  const count = Math.floor(attr.insns.length / 8);
  if (count === 0 || count > MAX_INSNS) throw failure("E2BIG");
  if (!/^[\w.]*$/.test(prog_name)) throw failure("EINVAL");
  if (prog_type <= BPF_PROG_TYPE.UNSPEC || prog_type > MOST_TYPES) throw failure("EINVAL");
  checkTarget(world, attr);
  const insns = decode(attr.insns.subarray(0, count * 8));
  const functionInfo = records(attr.func_info, attr.func_info_rec_size, STRUCT.bpf_func_info.size);
  const lineInfo = records(attr.line_info, attr.line_info_rec_size, STRUCT.bpf_line_info.size);
  const resolving = new Resolving(world, attr, insns);
  const btf = attr.prog_btf_fd === undefined ? undefined : world.descriptors.get(attr.prog_btf_fd, BtfObject);
  resolving.run();
  const faultsAsZero = TYPED.has(prog_type) || resolving.typed;
  const counters = world.options.coverage ? world.memory.allocate(8 * count) : undefined;
  const executable = prepare(world, resolving.insns, {
    faultsAsZero,
    ...(counters !== undefined && { counters }),
    lineAt: (slot) => {
      const line = lineAt(btf, lineInfo, slot);
      return line && `${line.file}:${line.line}: ${line.text.trim()}`;
    },
  });
  return world.programs.add((id) => {
    const definition = {
      type: prog_type,
      name: prog_name.slice(0, 15),
      license,
      flags: prog_flags,
      attachType: expected_attach_type,
      attachBtfId: attr.attach_btf_id ?? 0,
      xlated: resolving.xlated,
      insns: resolving.insns,
      maps: resolving.maps.map((map) => map.hold()),
      btf: btf?.hold(),
      functionInfo,
      lineInfo,
      loadTime: world.options.clock("boottime"),
      uid: world.self.uid,
      tag: lazy(() => tagOf(insns)),
      faultsAsZero,
      counters,
    };
    return new BpfProgram(id, definition, executable, (program) => {
      world.programs.remove(program.id);
      const covered = coverageOf(program, world.memory);
      if (covered && tells(covered)) world.covered.push(covered);
      if (counters !== undefined) world.memory.free(counters);
    });
  });
}

/** Programs without a name that never ran are how loaders ask what a kernel can do. */
function tells({ name, instructions }: ProgramCoverage): boolean {
  return name !== "" || instructions.some((count) => count !== undefined && count > 0);
}

/** What a program is for must be there (check_attach_btf_id in kernel/bpf/verifier.c). */
function checkTarget(world: World, { prog_type, expected_attach_type, attach_btf_id = 0 }: Attr): void {
  const iterator = prog_type === BPF_PROG_TYPE.TRACING && expected_attach_type === BPF_ATTACH_TYPE.TRACE_ITER;
  if (iterator && iteratorTarget(world, attach_btf_id) === undefined)
    throw failure("EINVAL", `attach_btf_id ${attach_btf_id} is no iterator\n`);
}

/** @throws KernelFailure for what the machine cannot run */
function prepare(world: World, insns: readonly Insn[], options: LoadProgramOptions): Executable {
  try {
    return world.machine.load(insns, { mode: world.options.mode, ...options });
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    throw failure("EINVAL", `${error.message}\n`);
  }
}

/** Walks a program once: what it names becomes addresses, for the machine, and ids, for who looks at it. */
class Resolving {
  readonly insns: Insn[];
  readonly xlated: Insn[];
  readonly maps: BpfMap[] = [];
  /** The program may hold pointers by BTF type. */
  typed = false;
  readonly #world: World;
  readonly #attr: Attr;
  readonly #source: readonly Insn[];

  constructor(world: World, attr: Attr, insns: readonly Insn[]) {
    this.#world = world;
    this.#attr = attr;
    this.#source = insns;
    this.insns = [...insns];
    this.xlated = [...insns];
  }

  run(): void {
    for (let slot = 0; slot < this.#source.length; slot++) {
      const insn = this.#source[slot]!;
      if (insn.code === LDIMM64) this.#constant(insn, slot++);
      else if (insn.code === (CLASS.JMP | JUMP.CALL)) this.#call(insn, slot);
      else if (!opcodeOf(insn) || insn.code === CALL_REGISTER)
        throw this.#refuse(slot, `unknown opcode ${hex(insn.code)}`);
    }
    this.#nameSubprograms();
  }

  /** Who looks at the code finds a call's distance in its offset, and which function it is in imm (jit_subprogs). */
  #nameSubprograms(): void {
    const called = this.#source.flatMap((insn, slot) => calledFunction(insn, slot) ?? []);
    if (called.length === 0) return;
    const starts = new Set([0, ...called]);
    const order = new Map([...starts].toSorted((a, b) => a - b).map((start, index) => [start, index]));
    for (const [slot, insn] of this.#source.entries())
      if (insn.code !== LDIMM64 && calledFunction(insn, slot) !== undefined)
        this.xlated[slot] = { ...insn, offset: insn.imm, imm: order.get(calledFunction(insn, slot)!)! };
  }

  #constant(insn: Insn, slot: number): void {
    const next = this.#source[slot + 1];
    if (!next) throw this.#refuse(slot, "invalid bpf_ld_imm64 insn");
    switch (insn.src) {
      case 0:
      case PSEUDO.FUNC:
        return;
      case PSEUDO.MAP_FD:
      case PSEUDO.MAP_IDX:
        return this.#mapAddress(insn, slot);
      case PSEUDO.MAP_VALUE:
      case PSEUDO.MAP_IDX_VALUE:
        return this.#mapValue(insn, next, slot);
      case PSEUDO.BTF_ID:
        return this.#variable(slot);
      default:
        throw this.#refuse(slot, "unrecognized bpf_ld_imm64 insn");
    }
  }

  #mapAddress(insn: Insn, slot: number): void {
    const map = this.#map(insn, slot);
    this.#setAddress(slot, this.#world.memory.pointer(map.address));
    this.xlated[slot] = { ...insn, src: PSEUDO.MAP_FD, imm: map.id };
  }

  #mapValue(insn: Insn, next: Insn, slot: number): void {
    const map = this.#map(insn, slot);
    if (!(map instanceof ArrayMap) || map.definition.maxEntries !== 1)
      throw this.#refuse(slot, "no support for direct value access");
    if (next.imm >>> 0 >= map.definition.valueSize)
      throw this.#refuse(
        slot,
        `invalid access to map value pointer, value_size=${map.definition.valueSize} off=${next.imm}`,
      );
    this.#setAddress(slot, this.#world.memory.pointer(map.valueAddress() + next.imm));
    this.xlated[slot] = { ...insn, src: PSEUDO.MAP_VALUE, imm: map.id };
  }

  /** The kernel's variables are not here: their addresses read as 0 and their values too. */
  #variable(slot: number): void {
    this.typed = true;
    this.insns[slot] = { ...this.insns[slot]!, src: 0 };
    this.#setAddress(slot, 0n);
  }

  /** What it stands for is still told by `src`: the machine knows more of a map than of a number. */
  #setAddress(slot: number, address: bigint): void {
    const insn = this.insns[slot]!;
    this.insns[slot] = { ...insn, imm: Number(BigInt.asIntN(32, address)) };
    this.insns[slot + 1] = { ...this.insns[slot + 1]!, imm: Number(BigInt.asIntN(32, address >> 32n)) };
  }

  #map(insn: Insn, slot: number): BpfMap {
    const byIndex = insn.src === PSEUDO.MAP_IDX || insn.src === PSEUDO.MAP_IDX_VALUE;
    const fd = byIndex ? this.#indexed(insn.imm, slot) : insn.imm;
    const map = this.#world.descriptors.find(fd, BpfMap);
    if (!map) throw new KernelFailure(ERRNO.EBADF, `fd ${fd} is not pointing to valid bpf_map\n`);
    if (!this.maps.includes(map)) this.maps.push(map);
    return map;
  }

  #indexed(index: number, slot: number): number {
    const { fd_array } = this.#attr;
    if (!fd_array || (index + 1) * 4 > fd_array.length)
      throw this.#refuse(slot, "fd_idx without fd_array is invalid");
    return new DataView(fd_array.buffer, fd_array.byteOffset).getInt32(index * 4, true);
  }

  #call(insn: Insn, slot: number): void {
    if (insn.src === CALL.KFUNC) return this.#kernelFunction(insn, slot);
    if (insn.src !== CALL.HELPER) return;
    if (insn.imm >= FAILED_RELOCATION) {
      this.insns[slot] = { ...insn, imm: MISSING_FUNCTION };
      return;
    }
    const name = HELPER_NAMES.get(insn.imm);
    if (name === undefined || insn.imm === 0) throw this.#refuse(slot, `invalid func unknown#${insn.imm}`);
    if (!this.#world.hasHelper(insn.imm)) throw this.#refuse(slot, `unknown func bpf_${name}#${insn.imm}`);
    if (!allowsHelper(this.#attr.prog_type, this.#attr.expected_attach_type ?? 0, insn.imm))
      throw this.#refuse(slot, `program of this type cannot use helper bpf_${name}#${insn.imm}`);
    if (helperPrototypes(name)[0]?.gplOnly && !isGplCompatible(this.#attr.license))
      throw this.#refuse(slot, "cannot call GPL-restricted function from non-GPL compatible program");
    if (GIVES_TYPED.has(insn.imm)) this.typed = true;
  }

  #kernelFunction(insn: Insn, slot: number): void {
    const name = this.#functionName(insn.imm);
    const number = name === undefined ? undefined : kfuncNumber(name);
    if (number === undefined)
      throw this.#refuse(slot, `calling kernel function ${name ?? `with BTF id ${insn.imm}`} is not allowed`);
    this.typed = true;
    this.insns[slot] = { ...insn, src: CALL.HELPER, imm: KFUNC_BASE + number };
  }

  #functionName(id: number): string | undefined {
    const types = this.#world.kernelTypes();
    return types.has(id) && types.kind(id) === BtfKind.Func ? types.name(id) : undefined;
  }

  #refuse(slot: number, text: string): KernelFailure {
    return new KernelFailure(ERRNO.EINVAL, `${slot}: ${text}\n`);
  }
}

/** Records cut or filled up to the kernel's own size. */
function records(given: Uint8Array | undefined, givenSize: number | undefined, size: number): Uint8Array {
  if (!given || given.length === 0) return new Uint8Array(0);
  const step = givenSize ?? size;
  if (step < size || step % 4 !== 0) throw failure("EINVAL");
  const count = Math.floor(given.length / step);
  const out = new Uint8Array(count * size);
  for (let index = 0; index < count; index++)
    out.set(given.subarray(index * step, index * step + size), index * size);
  return out;
}

/** bpf_prog_calc_tag (kernel/bpf/core.c; SHA-256 since 6.18): instructions without what differs between loads. */
function tagOf(insns: readonly Insn[]): Uint8Array {
  const neutral = insns.map((insn, slot) => {
    const previous = insns[slot - 1];
    return namesMap(insn) || namesMap(previous) ? { ...insn, imm: 0 } : insn;
  });
  return createHash("sha256").update(encode(neutral)).digest().subarray(0, 8);
}

function namesMap(insn: Insn | undefined): boolean {
  return insn?.code === LDIMM64 && (insn.src === PSEUDO.MAP_FD || insn.src === PSEUDO.MAP_VALUE);
}

function hex(value: number): string {
  return value.toString(16).padStart(2, "0");
}
