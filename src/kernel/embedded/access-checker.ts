import { BpfkitError } from "../../errors.ts";
import { BPF_FUNC, helperPrototypes } from "../../uapi/index.ts";
import type { BpfHelperName } from "../../uapi/index.ts";
import type { BpfMap } from "./maps/index.ts";
import { POINTER_HIGH } from "./memory.ts";
import type { Life, Memory } from "./memory.ts";
import { lineAt } from "./programs/coverage.ts";
import type { BpfProgram } from "./programs/program.ts";
import { FRAME_SIZE } from "./vm/index.ts";
import type { AccessChecks } from "./vm/index.ts";

/** What the shadow says of a byte. */
const SHADOW = { nothing: 0, live: 1, freed: 2, unwritten: 3 } as const;

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(BPF_FUNC).map(([name, id]) => [id, name]));

/** Where the checker asks: who runs, and which map is at an address. */
export interface CheckedRun {
  program(): BpfProgram | undefined;
  mapAt(address: number): BpfMap | undefined;
}

/**
 * The checked mode: every access of a program against what lives in memory, as AddressSanitizer does for C. A byte of
 * shadow stands for each byte of memory.
 */
export class AccessChecker implements AccessChecks {
  readonly #run: CheckedRun;
  readonly #shadow: Uint8Array;

  constructor(memory: Memory, run: CheckedRun) {
    this.#run = run;
    this.#shadow = new Uint8Array(memory.size);
  }

  mark(address: number, size: number, life: Life): void {
    this.#shadow.fill(SHADOW[life], address, address + size);
  }

  /** A function's frame: nothing in it was written yet. */
  enter(top: bigint): void {
    const end = Number(top & 0xffffffffn);
    this.#shadow.fill(SHADOW.unwritten, end - FRAME_SIZE, end);
  }

  load(pointer: bigint, size: number, slot: number): void {
    this.#check(pointer, size, slot, "read", true);
  }

  store(pointer: bigint, size: number, slot: number): void {
    const address = this.#check(pointer, size, slot, "write", false);
    this.#written(address, size);
  }

  /** What a helper is going to read and write, by its prototype. */
  call(id: number, slot: number, ...values: readonly bigint[]): void {
    const name = NAMES.get(id);
    // The table's keys are the names of helpers.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const prototype = name === undefined ? undefined : helperPrototypes(name as BpfHelperName)[0];
    if (!prototype) return;
    let map: BpfMap | undefined;
    prototype.arguments.forEach((type, index) => {
      const pointer = values[index] ?? 0n;
      if (type.startsWith("CONST_MAP_PTR")) map = this.#run.mapAt(Number(pointer & 0xffffffffn));
      const size = sizeOf(type, map, prototype.arguments[index + 1], values[index + 1]);
      if (size === undefined || size <= 0 || (pointer === 0n && type.includes("NULL"))) return;
      const writes = type.includes("UNINIT") || type.includes("MEM_WRITE");
      const address = this.#check(
        pointer,
        size,
        slot,
        `let bpf_${name} ${writes ? "write" : "read"}`,
        !writes,
      );
      if (writes) this.#written(address, size);
    });
  }

  #written(address: number, size: number): void {
    this.#shadow.fill(SHADOW.live, address, address + size);
  }

  #check(pointer: bigint, size: number, slot: number, what: string, reads: boolean): number {
    const bits = BigInt.asUintN(64, pointer);
    const high = Number(bits >> 32n) | 0;
    const address = Number(bits & 0xffffffffn);
    // Packets' bounds are 32 bits of their contexts.
    if (high !== POINTER_HIGH && high !== 0) throw this.#fault(bits, size, slot, what, "that is no pointer");
    for (let at = address; at < address + size; at++) {
      const state = this.#shadow[at];
      if (state === SHADOW.live || (state === SHADOW.unwritten && !reads)) continue;
      throw this.#fault(bits, size, slot, what, reasonOf(address, state));
    }
    return address;
  }

  #fault(pointer: bigint, size: number, slot: number, what: string, reason: string): BpfkitError {
    const program = this.#run.program();
    const line = program && lineAt(program, slot);
    const place = line ? `${line.file}:${line.line}: ${line.text.trim()}` : `instruction ${slot}`;
    return new BpfkitError(`${what} of ${size} bytes at 0x${pointer.toString(16)}: ${reason} (${place})`, {
      code: "vm/checked",
      hints: reason === REASON_NULL ? ["Compare what lookups return with NULL before it is used"] : [],
    });
  }
}

const REASON_NULL = "a null pointer";

function reasonOf(address: number, state: number | undefined): string {
  if (state === SHADOW.freed) return "it was freed or deleted";
  if (state === SHADOW.unwritten) return "the stack there was never written";
  return address < 0x100 ? REASON_NULL : "nothing lives there";
}

/** How many bytes an argument points to; undefined where it is no memory of the program. */
function sizeOf(
  type: string,
  map: BpfMap | undefined,
  next: string | undefined,
  nextValue: bigint | undefined,
): number | undefined {
  if (type.startsWith("PTR_TO_MAP_KEY")) return map?.definition.keySize;
  if (type.startsWith("PTR_TO_MAP_VALUE")) return map?.definition.valueSize;
  if (!type.startsWith("PTR_TO_MEM") && !type.startsWith("PTR_TO_UNINIT_MEM")) return undefined;
  return next?.startsWith("CONST_SIZE") ? Number(BigInt.asIntN(32, nextValue ?? 0n)) : undefined;
}
