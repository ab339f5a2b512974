import { BpfkitError } from "../../errors.ts";
import { BPF_FUNC, helperPrototypes } from "../../uapi/index.ts";
import type { BpfHelperName } from "../../uapi/index.ts";
import { KFUNCS, KFUNC_BASE } from "./helpers/kfunc-names.ts";
import type { KfuncName } from "./helpers/kfunc-names.ts";
import { HEADER } from "./maps/layout.ts";
import type { BpfMap } from "./maps/index.ts";
import { POINTER_HIGH } from "./memory.ts";
import type { Shadow } from "./shadow.ts";
import { SHADOW } from "./vm/index.ts";
import type { AccessChecks, ArgumentCheck, ArgumentSize, Refusal, ShadowPlace } from "./vm/index.ts";

const NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  ...Object.entries(BPF_FUNC).map(([name, id]): [number, string] => [id, `bpf_${name}`]),
  ...KFUNCS.map((name, index): [number, string] => [KFUNC_BASE + index, name]),
]);

/** sizeof(struct bpf_dynptr), bpf_timer and bpf_iter_num. */
const DYNPTR_SIZE = 16;
const TIMER_SIZE = 16;
const ITERATOR_SIZE = 8;

type Argument = ArgumentCheck | undefined;

/** What the checked mode asks of the kernel: which map is at an address. */
export type MapAt = (address: number) => BpfMap | undefined;

/**
 * The checked mode: every access of a program against what lives in memory, as AddressSanitizer does for C. The
 * machine compares; here is what helpers' arguments must be, and what is said of what goes wrong.
 */
export class AccessChecker implements AccessChecks {
  readonly strict: boolean;
  readonly #shadow: Shadow;
  readonly #mapAt: MapAt;
  readonly #arguments = new Map<number, readonly Argument[]>();

  constructor(shadow: Shadow, strict: boolean, mapAt: MapAt) {
    this.#shadow = shadow;
    this.strict = strict;
    this.#mapAt = mapAt;
  }

  get place(): ShadowPlace {
    return this.#shadow.place;
  }

  argumentsOf(helper: number): readonly Argument[] {
    const known = this.#arguments.get(helper);
    if (known) return known;
    const found = helper >= KFUNC_BASE ? kfuncArguments(helper) : helperArguments(helper);
    this.#arguments.set(helper, found);
    return found;
  }

  isMap(address: number, writes: boolean): boolean {
    const map = this.#mapAt(address);
    return map !== undefined && (!writes || map.sharedAs === "live");
  }

  isThere(address: number, size: number, writes: boolean): boolean {
    return address >= 0 && this.#shadow.isThere(address, size, writes);
  }

  headerField(address: number, field: number): number {
    const definition = this.#mapAt(address)?.definition;
    return (field === HEADER.keySize ? definition?.keySize : definition?.valueSize) ?? 0;
  }

  valueOf(address: number): { readonly size: number; readonly writable: boolean } | undefined {
    const map = this.#mapAt(address);
    if (!map?.givesValues) return undefined;
    return { size: map.definition.valueSize, writable: map.sharedAs === "live" };
  }

  refuse({ pointer, size, insn, slot, argument, lineAt }: Refusal): never {
    const bits = BigInt.asUintN(64, pointer);
    const check = argument === 0 ? undefined : this.argumentsOf(insn.imm)[argument - 1];
    const place = lineAt?.(slot) ?? `instruction ${slot}`;
    const name = NAMES.get(insn.imm) ?? `function ${insn.imm}`;
    if (check && check.is !== "memory") {
      const what = check.is === "map" && check.writes ? "map that programs may change" : WHAT[check.is];
      const text = `gave ${name} 0x${bits.toString(16)}: that is no ${what} (${place})`;
      throw new BpfkitError(text, { code: "vm/checked" });
    }
    const reads = check ? !check.writes : isLoad(insn.code);
    const what = check ? `let ${name} ${reads ? "read" : "write"}` : reads ? "read" : "write";
    const reason = this.#reason(bits, size, reads);
    throw new BpfkitError(`${what} of ${size} bytes at 0x${bits.toString(16)}: ${reason} (${place})`, {
      code: "vm/checked",
      hints: reason === REASON_NULL ? ["Compare what lookups return with NULL before it is used"] : [],
    });
  }

  #reason(pointer: bigint, size: number, reads: boolean): string {
    const high = Number(pointer >> 32n) | 0;
    const address = Number(pointer & 0xffffffffn);
    // Packets' bounds are 32 bits of their contexts.
    if (high !== POINTER_HIGH && high !== 0) return "that is no pointer";
    for (let at = address; at < address + size; at++) {
      const state = this.#shadow.at(at);
      if (state === SHADOW.live || state === (reads ? SHADOW.readonly : SHADOW.unwritten)) continue;
      if (state === SHADOW.readonly) return "that may only be read";
      if (state === SHADOW.freed) return "it was freed or deleted";
      if (state === SHADOW.unwritten) return "the stack there was never written";
      if (state === SHADOW.dynptr) return "that is a dynptr";
      break;
    }
    return address < 0x100 ? REASON_NULL : "nothing lives there";
  }
}

const REASON_NULL = "a null pointer";
const WHAT = { map: "map", record: "reserved record of a ring buffer", dynptr: "dynptr" } as const;

/** Loads are class LDX; atomics are told as writes. */
function isLoad(code: number): boolean {
  return (code & 7) === 1;
}

/** Helpers that a map must not be given to that programs may only read. */
const CHANGES: ReadonlySet<number> = new Set([
  BPF_FUNC.map_update_elem,
  BPF_FUNC.map_delete_elem,
  BPF_FUNC.map_push_elem,
  BPF_FUNC.map_pop_elem,
]);

function memory(size: ArgumentSize, writes: boolean, nullable = false): ArgumentCheck {
  return { is: "memory", size, writes, nullable };
}

function fixed(bytes: number, writes: boolean): ArgumentCheck {
  return memory({ is: "fixed", bytes }, writes);
}

function helperArguments(id: number): readonly Argument[] {
  const name = Object.entries(BPF_FUNC).find(([, number]) => number === id)?.[0];
  if (name === undefined) return [];
  // The table's keys are the names of helpers.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const types = helperPrototypes(name as BpfHelperName)[0]?.arguments ?? [];
  return types.map((type, index) =>
    type === "CONST_MAP_PTR" ? { is: "map", writes: CHANGES.has(id) } : argumentOf(types, type, index),
  );
}

/** By enum bpf_arg_type; undefined for what helpers themselves look at. */
function argumentOf(types: readonly string[], type: string, index: number): Argument {
  const writes = type.includes("UNINIT") || type.includes("MEM_WRITE");
  const nullable = type.includes("NULL");
  if (type.startsWith("PTR_TO_RINGBUF_MEM")) return { is: "record" };
  if (type.startsWith("PTR_TO_DYNPTR")) return writes ? fixed(DYNPTR_SIZE, true) : { is: "dynptr" };
  if (type.startsWith("PTR_TO_TIMER")) return fixed(TIMER_SIZE, true);
  if (type === "KPTR_XCHG_DEST") return fixed(8, true);
  if (type.startsWith("PTR_TO_FIXED_SIZE_MEM")) return writes ? fixed(8, true) : undefined;
  const map = types.findIndex((other) => other === "CONST_MAP_PTR") + 1;
  if (type.startsWith("PTR_TO_MAP_KEY") && map > 0)
    return memory({ is: "map", register: map, field: HEADER.keySize }, false);
  if (type.startsWith("PTR_TO_MAP_VALUE") && map > 0)
    return memory({ is: "map", register: map, field: HEADER.valueSize }, writes, nullable);
  if (!type.startsWith("PTR_TO_MEM") && !type.startsWith("PTR_TO_UNINIT_MEM")) return undefined;
  if (types[index + 1]?.startsWith("CONST_SIZE") !== true) return undefined;
  return memory({ is: "argument", register: index + 2 }, writes, nullable);
}

/** Which kernel functions write through their first argument. */
const ITERATOR_ARGUMENTS: ReadonlySet<KfuncName> = new Set([
  "bpf_iter_num_new",
  "bpf_iter_num_next",
  "bpf_iter_num_destroy",
]);

function kfuncArguments(id: number): readonly Argument[] {
  const name = KFUNCS[id - KFUNC_BASE];
  return name !== undefined && ITERATOR_ARGUMENTS.has(name) ? [fixed(ITERATOR_SIZE, true)] : [];
}
