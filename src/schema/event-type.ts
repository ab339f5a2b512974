import type { Btf } from "../btf/index.ts";
import { BtfKind } from "../btf/index.ts";
import { ALU, CLASS, classOf, JUMP, SOURCE } from "../isa/index.ts";
import type { Insn } from "../isa/index.ts";
import type { ObjectSpec, ProgramSpec } from "../object/index.ts";
import { BPF_FUNC, BPF_MAP_TYPE } from "../uapi/index.ts";

/** Which arguments (registers) of the helpers that send records are the map and the record's size. */
const SENDERS: ReadonlyMap<number, { readonly map: number; readonly size: number }> = new Map([
  [BPF_FUNC.ringbuf_reserve, { map: 1, size: 2 }],
  [BPF_FUNC.ringbuf_output, { map: 1, size: 3 }],
  [BPF_FUNC.perf_event_output, { map: 2, size: 5 }],
]);

const RINGS: ReadonlySet<number> = new Set([BPF_MAP_TYPE.RINGBUF, BPF_MAP_TYPE.PERF_EVENT_ARRAY]);

/**
 * The struct that programs send through a ring or perf buffer, told by the size they send and by its name: C has no
 * place to write it. Undefined if the object's types have none of that size, or several and none named like the map.
 */
export function eventType(spec: ObjectSpec, btf: Btf, map: string): number | undefined {
  const sizes = new Set(spec.programs.flatMap((program) => [...sentSizes(program, map)]));
  if (sizes.size > 1) return undefined;
  const [size] = sizes;
  const fitting = structsOf(btf).filter((id) => size === undefined || btf.size(id) === size);
  // Map `samples` carries struct sample; the usual name is struct event.
  const stem = map.replace(/s$/, "");
  const alone = spec.maps.filter(({ type }) => RINGS.has(type)).length === 1;
  return (
    (size === undefined ? undefined : single(fitting)) ??
    single(fitting.filter((id) => btf.name(id) === stem)) ??
    (size !== undefined || alone ? single(fitting.filter((id) => btf.name(id) === "event")) : undefined) ??
    (size === undefined ? undefined : single(fitting.filter((id) => /event/.test(btf.name(id)))))
  );
}

function single(ids: readonly number[]): number | undefined {
  return ids.length === 1 ? ids[0] : undefined;
}

function structsOf(btf: Btf): number[] {
  const found: number[] = [];
  for (let id = 1; id < btf.typeCount; id++)
    if (btf.kind(id) === BtfKind.Struct && btf.vlen(id) > 0 && btf.name(id) !== "") found.push(id);
  return found;
}

/** Constant sizes with which a program calls the senders for `map`. */
function* sentSizes({ insns, relocations }: ProgramSpec, map: string): Generator<number> {
  const loads = new Set(
    relocations.flatMap((relocation) =>
      relocation.kind === "map" && relocation.map === map ? [relocation.insn] : [],
    ),
  );
  for (const [index, insn] of insns.entries()) {
    const sender = insn.code === CLASS.JMP + JUMP.CALL && insn.src === 0 ? SENDERS.get(insn.imm) : undefined;
    if (!sender) continue;
    const size = argument(insns, index, sender.size);
    const handle = argument(insns, index, sender.map);
    if (size === undefined || handle === undefined || !loads.has(handle)) continue;
    const { code, imm } = insns[size]!;
    if (isMoveImmediate(code)) yield imm;
  }
}

/** The instruction that sets a register in front of a call, within straight code. */
function argument(insns: readonly Insn[], call: number, register: number): number | undefined {
  for (let index = call - 1; index >= 0; index--) {
    const { code, dst } = insns[index]!;
    const kind = classOf(code);
    if (kind === "JMP" || kind === "JMP32") return undefined;
    const writes = kind === "ALU" || kind === "ALU64" || kind === "LDX" || kind === "LD";
    // The second slot of ldimm64 has code 0 and register 0: r0 is no argument.
    if (writes && dst === register) return index;
  }
  return undefined;
}

function isMoveImmediate(code: number): boolean {
  return code === CLASS.ALU64 + ALU.MOV + SOURCE.K || code === CLASS.ALU + ALU.MOV + SOURCE.K;
}
