import { BpfkitError } from "../../../errors.ts";
import type { Insn } from "../../../isa/index.ts";
import { createGlobal, createMemory, createTable, instantiate, isTrap } from "../../../wasm/index.ts";
import type { WasmFunction, WasmGlobal, WasmImports, WasmMemory, WasmTable } from "../../../wasm/index.ts";
import { IMPORT, MAX_CALLBACKS, STACK_SIZE } from "./helper.ts";
import type { Helpers, InlineArray } from "./helper.ts";
import {
  RECORD_SIZE,
  REGISTERS_SIZE,
  decodeForInterpreter,
  writeCallbacks,
  writeInterpreter,
} from "./interpreter.ts";
import type { InterpreterPlaces } from "./interpreter.ts";
import { helperAdapters } from "./module-frame.ts";
import type { LoadGuard } from "./operands.ts";
import type { AccessChecks, LineAt } from "./shadow.ts";
import { checkProgram } from "./program.ts";
import type { CheckedProgram } from "./program.ts";
import { printTranslation, takesAddresses, translate } from "./translator.ts";
import type { TranslateOptions } from "./translator.ts";

const PAGE = 65_536;

// The machine's own part of memory, below everything that programs are given.
const REGISTERS = 0x100;
const FRAMES: number = REGISTERS + REGISTERS_SIZE;
/** Stacks: those of callbacks, and above them the main program's. */
export const STACK_START = 0x2000;
export const STACK_TOP: number = STACK_START + (MAX_CALLBACKS + 1) * STACK_SIZE;
/** First address that is not the machine's own. */
export const HEAP_START: number = STACK_TOP;

export interface MachineOptions {
  readonly helpers?: Helpers;
  /**
   * Loop iterations that one run may take, for programs that no verifier has seen; without it they are
   * not counted.
   */
  readonly fuel?: number;
  /** Memory at the start, in pages of 64 KiB; it grows. */
  readonly pages?: number;
  /** Memory that is there already, in place of one of its own. */
  readonly memory?: WasmMemory;
  /** Bytes of it that programs may know of; all by default. */
  readonly end?: number;
  /**
   * Upper half of every pointer that programs are given (their lower half is an offset in memory), so that
   * other numbers are told from pointers. Accesses look at the lower half alone.
   */
  readonly pointerHigh?: number;
  /** `size` bytes of the packet at `offset` in host order, or -1 beyond its end: LD_ABS and LD_IND. */
  readonly packetLoad?: (context: number, offset: number, size: number) => bigint;
  /** What a tail call of (program array, index) goes on with: a {@link Executable.tailTarget}, or -1. */
  readonly tailTarget?: (map: number, index: number) => number;
  /** Every access of programs is checked before it is made. */
  readonly checks?: AccessChecks | undefined;
  /** The array map at an address, for lookups without a call. */
  readonly arrayAt?: (address: number) => InlineArray | undefined;
  /** Where programs' own data go, in place of memory that grows. */
  readonly heap?: MachineHeap;
}

export interface MachineHeap {
  allocate(size: number): number;
  free(address: number): void;
}

export type ExecutionMode = "jit" | "interpreter";

export interface LoadProgramOptions {
  readonly mode?: ExecutionMode;
  /** Where runs of each slot are counted, u64 each; by the JIT alone. */
  readonly counters?: number;
  /** Loads through what is no pointer into memory give 0 instead of a fault, as loads by BTF types do. */
  readonly faultsAsZero?: boolean;
  /** For what the checks refuse. */
  readonly lineAt?: LineAt;
}

/** What is told of a program whose access was refused. */
interface LoadedProgram {
  readonly insns: readonly Insn[];
  readonly lineAt: LineAt | undefined;
}

/** A loaded program. */
export interface Executable extends Disposable {
  readonly mode: ExecutionMode;
  /** The WebAssembly module that it became; empty in the interpreter. */
  readonly translation: Uint8Array;
  /**
   * Runs it with r1, r2 … as given and gives r0, unsigned.
   * @throws BpfkitError `vm/fault` for an access outside memory, `vm/fuel` for loops that do not end
   */
  run(...args: readonly (number | bigint)[]): bigint;
  /** Runs it `times` times with the same arguments; gives the last r0. */
  repeat(times: number, ...args: readonly (number | bigint)[]): bigint;
  /** What a tail call to it goes on with. */
  tailTarget(): number;
}

/**
 * One linear memory and the programs that run in it. A program's pointers are offsets in this memory, so
 * that it can reach nothing else.
 */
export class Machine {
  readonly memory: WasmMemory;
  readonly #options: MachineOptions;
  readonly #table: WasmTable;
  readonly #places: InterpreterPlaces;
  readonly #fuel: WasmGlobal = createGlobal(0);
  readonly #level: WasmGlobal = createGlobal(0);
  readonly #place: WasmGlobal = createGlobal(0);
  readonly #imports: WasmImports;
  /** Positions in the table that ended programs have left, by how many in a row. */
  readonly #leftPositions = new Map<number, number[]>();
  /** Programs of the interpreter by the address of their first record. */
  readonly #interpreted = new Map<number, LoadedProgram>();
  /** Positions in the table of functions that helpers may call back. */
  readonly #callbacks = new Set<number>();
  #hasAdapters = false;
  #interpreter: WasmFunction | undefined;
  #top: number = HEAP_START;

  constructor(options: MachineOptions = {}) {
    this.#options = options;
    this.memory = options.memory ?? createMemory(options.pages ?? 16);
    this.#places = {
      registers: REGISTERS,
      frames: FRAMES,
      stackTop: STACK_TOP,
      pointerHigh: options.pointerHigh ?? 0,
    };
    const helpers = options.helpers ?? new Map();
    this.#table = createTable(Math.max(1, ...[...helpers.keys()].map((id) => id + 1)));
    this.#imports = {
      [IMPORT.machine]: {
        [IMPORT.memory]: this.memory,
        [IMPORT.table]: this.#table,
        [IMPORT.fuel]: this.#fuel,
        [IMPORT.level]: this.#level,
        [IMPORT.packetLoad]: options.packetLoad ?? (() => -1n),
        [IMPORT.tailTarget]: options.tailTarget ?? (() => -1),
        [IMPORT.place]: this.#place,
        [IMPORT.refuse]: (pointer: bigint, place: number, argument: number, size: number) =>
          this.#refuseInterpreted(pointer, place, argument, size),
      },
      [IMPORT.helper]: Object.fromEntries([...helpers].map(([id, helper]) => [String(id), helper.call])),
    };
  }

  /** Room for `size` bytes, aligned to 8; it is never given back. */
  allocate(size: number): number {
    const address = this.#top;
    this.#top = (this.#top + size + 7) & ~7;
    const missing = this.#top - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE));
    return address;
  }

  /** The bytes at an address; valid until memory grows. */
  bytes(address: number, size: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory.buffer, address, size);
  }

  /** A pointer to an address, as programs have it. */
  pointer(address: number): bigint {
    return (BigInt(this.#places.pointerHigh >>> 0) << 32n) | BigInt(address);
  }

  /**
   * Prepares a program, whose maps and variables are resolved to addresses already. What is larger than engines for
   * WebAssembly take is interpreted: the result's mode says so.
   * @throws BpfkitError `vm/program` and others for what cannot run
   */
  load(insns: readonly Insn[], how: ExecutionMode | LoadProgramOptions = "jit"): Executable {
    const options: LoadProgramOptions = typeof how === "string" ? { mode: how } : how;
    const program = checkProgram(insns);
    const translated = options.mode === "interpreter" ? undefined : this.#loadTranslated(program, options);
    return translated ?? this.#loadInterpreted(program, options);
  }

  /**
   * Calls a program's function by the address that the program gave a helper; only while a program runs.
   */
  callback(address: number | bigint, ...args: readonly (number | bigint)[]): bigint {
    const position = Number(address);
    const target = this.#callbacks.has(position) ? this.#table.get(position) : null;
    if (!target) throw new BpfkitError(`There is no function at ${address}`, { code: "vm/fault" });
    const [r1 = 0n, r2 = 0n, r3 = 0n, r4 = 0n, r5 = 0n] = args.map(BigInt);
    return target(r1, r2, r3, r4, r5);
  }

  /** The same from outside a run, as for timers: a run of its own. */
  runCallback(address: number | bigint, ...args: readonly (number | bigint)[]): bigint {
    return this.#guard(() => this.callback(address, ...args));
  }

  /** The WebAssembly that a program becomes, as text. */
  print(insns: readonly Insn[], faultsAsZero = false): string {
    return printTranslation(checkProgram(insns), this.#translateOptions(this.#table.length, faultsAsZero));
  }

  #translateOptions(tableBase: number, faultsAsZero: boolean): TranslateOptions {
    const { helpers = new Map(), fuel } = this.#options;
    return {
      helpers,
      fuel: fuel !== undefined,
      tableBase,
      stackTop: STACK_TOP,
      pointerHigh: this.#places.pointerHigh,
      arrayAt: this.#options.arrayAt,
      checks: this.#options.checks,
      ...(faultsAsZero && { guard: this.#loadGuard() }),
    };
  }

  #loadGuard(): LoadGuard {
    const end = this.#options.end ?? this.memory.buffer.byteLength;
    return { pointerHigh: this.#places.pointerHigh, end };
  }

  /** Undefined for what is too large; the interpreter takes it. */
  #loadTranslated(
    program: CheckedProgram,
    { faultsAsZero, counters, lineAt }: LoadProgramOptions,
  ): Executable | undefined {
    if (program.opcodes.some((opcode) => opcode?.form === "callRegister")) this.#putAdapters();
    const base = this.#reserveFunctions(program);
    const options = this.#translateOptions(base, faultsAsZero ?? false);
    const bytes = translate(program, { ...options, counters });
    if (!bytes) {
      this.#leaveFunctions(program, base);
      if (counters !== undefined)
        throw new BpfkitError("The program is too large to be translated, and only then it is counted", {
          code: "vm/too-large",
        });
      return undefined;
    }
    const exports = instantiate(bytes, this.#importsOf({ insns: program.insns, lineAt }));
    const main = exports.get("main")!;
    const repeat = exports.get("repeat")!;
    const stack = this.pointer(STACK_TOP);
    let target: number | undefined;
    return {
      mode: "jit",
      translation: bytes,
      run: (...args) => {
        const [r1 = 0n, r2 = 0n, r3 = 0n, r4 = 0n, r5 = 0n] = args.map(BigInt);
        return this.#guard(() => main(r1, r2, r3, r4, r5, stack));
      },
      repeat: (times, ...args) => {
        const [r1 = 0n, r2 = 0n] = args.map(BigInt);
        return this.#guard(() => repeat(times, r1, r2, stack));
      },
      tailTarget: () => {
        if (target === undefined) this.#table.set((target = this.#takePositions(1)), main);
        return target;
      },
      [Symbol.dispose]: () => {
        this.#leaveFunctions(program, base);
        if (target !== undefined) this.#leavePositions(target, 1);
      },
    };
  }

  #loadInterpreted(program: CheckedProgram, { faultsAsZero, lineAt }: LoadProgramOptions): Executable {
    this.#putAdapters();
    const tableBase = this.#reserveFunctions(program);
    const records = decodeForInterpreter(program, tableBase, faultsAsZero ?? false);
    const address = this.#options.heap?.allocate(records.length) ?? this.allocate(records.length);
    this.bytes(address, records.length).set(records);
    this.#interpreted.set(address, { insns: program.insns, lineAt });
    const interpret = (this.#interpreter ??= this.#startInterpreter());
    if (takesAddresses(program)) {
      const machine = { ...this.#imports[IMPORT.machine], [IMPORT.run]: interpret };
      instantiate(writeCallbacks(program, this.#places, address, tableBase), { [IMPORT.machine]: machine });
    }
    const run = (args: readonly (number | bigint)[]): bigint => {
      const registers = new BigUint64Array(this.memory.buffer, REGISTERS, 11).fill(0n);
      args.forEach((value, index) => (registers[index + 1] = BigInt.asUintN(64, BigInt(value))));
      registers[10] = this.pointer(STACK_TOP);
      return interpret(address);
    };
    return {
      mode: "interpreter",
      translation: new Uint8Array(0),
      run: (...args) => this.#guard(() => run(args)),
      repeat: (times, ...args) =>
        this.#guard(() => {
          let result = 0n;
          for (let time = 0; time < times; time++) result = run(args);
          return result;
        }),
      tailTarget: () => address,
      [Symbol.dispose]: () => {
        this.#leaveFunctions(program, tableBase);
        this.#interpreted.delete(address);
        this.#options.heap?.free(address);
      },
    };
  }

  /** Helpers in the table, for calls by a number in a register. */
  #putAdapters(): void {
    if (this.#hasAdapters) return;
    this.#hasAdapters = true;
    const { helpers = new Map(), checks } = this.#options;
    const checked = checks && { checks, pointerHigh: this.#places.pointerHigh };
    instantiate(helperAdapters(helpers, checked), this.#imports);
  }

  /** What a program's module imports: its refusals are its own. */
  #importsOf({ insns, lineAt }: LoadedProgram): WasmImports {
    const { checks } = this.#options;
    if (!checks) return this.#imports;
    const refuse = (pointer: bigint, slot: number, argument: number, size: number): never =>
      checks.refuse({ pointer, size, insn: insns[slot]!, slot, argument, lineAt });
    return {
      ...this.#imports,
      [IMPORT.machine]: { ...this.#imports[IMPORT.machine], [IMPORT.refuse]: refuse },
    };
  }

  /** `place`: the address of the instruction's record. */
  #refuseInterpreted(pointer: bigint, place: number, argument: number, size: number): void {
    for (const [address, { insns, lineAt }] of this.#interpreted) {
      const slot = (place - address) / RECORD_SIZE;
      const insn = insns[slot];
      if (insn) this.#options.checks?.refuse({ pointer, size, insn, slot, argument, lineAt });
    }
  }

  /** Places in the table for functions whose address the program takes. */
  #reserveFunctions(program: CheckedProgram): number {
    if (!takesAddresses(program)) return 0;
    const first = this.#takePositions(program.functions.length);
    program.functions.forEach((_, index) => this.#callbacks.add(first + index));
    return first;
  }

  #leaveFunctions(program: CheckedProgram, base: number): void {
    if (!takesAddresses(program)) return;
    this.#leavePositions(base, program.functions.length);
    program.functions.forEach((_, index) => this.#callbacks.delete(base + index));
  }

  #takePositions(count: number): number {
    return this.#leftPositions.get(count)?.pop() ?? this.#table.grow(count);
  }

  #leavePositions(first: number, count: number): void {
    for (let position = first; position < first + count; position++) this.#table.set(position, null);
    const left = this.#leftPositions.get(count);
    if (left) left.push(first);
    else this.#leftPositions.set(count, [first]);
  }

  #startInterpreter(): WasmFunction {
    const bytes = writeInterpreter(
      this.#places,
      this.#options.fuel !== undefined,
      this.#loadGuard(),
      this.#options.checks,
    );
    return instantiate(bytes, this.#imports).get("run")!;
  }

  #guard(action: () => bigint): bigint {
    this.#fuel.value = this.#options.fuel ?? 0;
    this.#level.value = 0;
    try {
      return BigInt.asUintN(64, action());
    } catch (error) {
      if (!isTrap(error)) throw error;
      const exhausted = this.#options.fuel !== undefined && this.#fuel.value === 0;
      throw exhausted
        ? new BpfkitError("The program ran longer than it may", { code: "vm/fuel", cause: error })
        : new BpfkitError(`The program did what it must not: ${error.message}`, {
            code: "vm/fault",
            cause: error,
          });
    }
  }
}
