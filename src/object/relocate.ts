import { CoreResolver } from "../btf/index.ts";
import type { Btf, CoreTargets } from "../btf/index.ts";
import { CALL, CLASS, JUMP, LDIMM64, PSEUDO } from "../isa/index.ts";
import type { Insn } from "../isa/index.ts";
import { corePatch, patchOffset, POISONED_CORE } from "./core-patch.ts";
import { ObjectError } from "./error.ts";
import type { ProgramSpec, Relocation } from "./spec.ts";
import type { TracepointField } from "./tracepoint-format.ts";

/** Where a kernel function or variable is in BTF; `fd` is 0 for vmlinux, else for the module's BTF. */
export interface BtfSymbol {
  readonly id: number;
  /** Kernel functions: index into the program's fd_array. Variables: the BTF's file descriptor. */
  readonly fd: number;
}

/** What the running kernel answers; each is asked only for the relocations there are. */
export interface RelocationInputs {
  /** The object's own BTF and the kernel's, for CO-RE. */
  readonly core?: CoreResolver;
  mapFd(name: string): number;
  /** Bytes before a map's variables; 0 unless given. */
  mapBase?(name: string): number;
  tracepointField?(tracepoint: string, field: string): TracepointField | undefined;
  kfunc?(name: string): BtfSymbol | undefined;
  /** Address of a symbol. */
  ksymAddress?(name: string): bigint | undefined;
  /** Variable or function in BTF, which the object declares as `typeId` of its own BTF. */
  ksymType?(name: string, typeId?: number): BtfSymbol | undefined;
  /** A map that holds these slots of the program. */
  jumpTable?(targets: readonly number[]): number;
}

/** Shares the search for candidates among all programs of an object. */
export function coreResolver(local: Btf, targets: CoreTargets): CoreResolver {
  return new CoreResolver(local, targets);
}

/** Calls to these helper numbers are refused by the verifier: libbpf's way to show an unmet `weak` kfunc. */
const poisonedKfunc = 2_002_000_000;

/** Which relocation left a call to this helper number, which no kernel has, because it found nothing. */
export function poisonedRelocation({ relocations }: ProgramSpec, helper: number): Relocation | undefined {
  const [core, kfunc] = [relocations[helper - POISONED_CORE], relocations[helper - poisonedKfunc]];
  return core?.kind === "core" ? core : kfunc?.kind === "kfunc" ? kfunc : undefined;
}

/** The program's instructions as the kernel takes them. The spec is left as it is. */
export function relocate(program: ProgramSpec, inputs: RelocationInputs): Insn[] {
  const insns = [...program.insns];
  program.relocations.forEach((relocation, index) => {
    const insn = insns[relocation.insn];
    if (!insn) throw failed(program, relocation, "its instruction does not exist");
    try {
      apply(insns, relocation, index, inputs);
    } catch (error) {
      if (!(error instanceof ObjectError)) throw error;
      throw new ObjectError(
        error.code,
        `Program ${program.name}, instruction ${relocation.insn}: ${error.message}`,
        error.hints,
        error,
      );
    }
  });
  return insns;
}

function apply(insns: Insn[], relocation: Relocation, index: number, inputs: RelocationInputs): void {
  const at = relocation.insn;
  const insn = insns[at]!;
  switch (relocation.kind) {
    case "map":
      return setWide(insns, at, {
        pseudo: relocation.offset === undefined ? PSEUDO.MAP_FD : PSEUDO.MAP_VALUE,
        low: inputs.mapFd(relocation.map),
        high:
          relocation.offset === undefined ? 0 : relocation.offset + (inputs.mapBase?.(relocation.map) ?? 0),
      });
    case "function": {
      const distance = relocation.target - at - 1;
      if (isWideLoad(insn)) return setWide(insns, at, { pseudo: PSEUDO.FUNC, low: distance, high: 0 });
      insns[at] = { ...insn, src: CALL.LOCAL, imm: distance };
      return;
    }
    case "core": {
      if (!inputs.core)
        throw new ObjectError(
          "object/relocation",
          "The program reads kernel types, but there is no BTF of the kernel",
          ["Give a BTF file of this kernel with --btf FILE"],
        );
      const { typeId, access, coreKind } = relocation;
      corePatch(insns, at, index, inputs.core.resolve({ typeId, access, kind: coreKind }));
      return;
    }
    case "tracepoint": {
      const field = inputs.tracepointField?.(relocation.tracepoint, relocation.field);
      if (!field)
        throw new ObjectError(
          "object/relocation",
          `This kernel's tracepoint ${relocation.tracepoint} has no field ${relocation.field}`,
        );
      patchOffset(insns, at, field.offset);
      return;
    }
    case "kfunc":
      insns[at] = { ...insn, ...kfuncCall(relocation.name, relocation.weak === true, index, inputs) };
      return;
    case "ksym":
      return setWide(insns, at, kernelSymbol(relocation, inputs));
    case "jumpTable": {
      const low = inputs.jumpTable?.(relocation.targets);
      if (low === undefined) throw missing("jump tables");
      return setWide(insns, at, { pseudo: PSEUDO.MAP_VALUE, low, high: 0 });
    }
  }
}

function kfuncCall(name: string, weak: boolean, index: number, inputs: RelocationInputs): Partial<Insn> {
  const found = inputs.kfunc?.(name);
  if (found) return { src: CALL.KFUNC, imm: found.id, offset: found.fd };
  if (!weak) throw missing(`kernel function ${name}`);
  return { code: CLASS.JMP | JUMP.CALL, dst: 0, src: 0, offset: 0, imm: poisonedKfunc + index };
}

interface WideValue {
  readonly pseudo: number;
  readonly low: number;
  readonly high: number;
}

function kernelSymbol(relocation: Relocation & { kind: "ksym" }, inputs: RelocationInputs): WideValue {
  if (relocation.typed) {
    const found = inputs.ksymType?.(relocation.name, relocation.typeId);
    if (found) return { pseudo: PSEUDO.BTF_ID, low: found.id, high: found.fd };
  } else {
    const address = inputs.ksymAddress?.(relocation.name);
    if (address !== undefined)
      return {
        pseudo: 0,
        low: Number(BigInt.asIntN(32, address)),
        high: Number(BigInt.asIntN(32, address >> 32n)),
      };
  }
  if (!relocation.weak) throw missing(`kernel symbol ${relocation.name}`);
  return { pseudo: 0, low: 0, high: 0 };
}

function setWide(insns: Insn[], at: number, value: WideValue): void {
  const [insn, next] = [insns[at]!, insns[at + 1]];
  if (!isWideLoad(insn) || !next)
    throw new ObjectError("object/relocation", "The relocated instruction is no 64-bit immediate load");
  insns[at] = { ...insn, src: value.pseudo, imm: value.low };
  insns[at + 1] = { ...next, imm: value.high };
}

function isWideLoad(insn: Insn): boolean {
  return insn.code === LDIMM64;
}

function missing(what: string): ObjectError {
  return new ObjectError("object/relocation", `This kernel has no ${what}`, [
    "It may be in a module that is not loaded, or have another name in this version of the kernel",
  ]);
}

function failed(program: ProgramSpec, relocation: Relocation, why: string): ObjectError {
  return new ObjectError(
    "object/relocation",
    `Program ${program.name}: the ${relocation.kind} relocation at ${relocation.insn} is broken, ${why}`,
  );
}
