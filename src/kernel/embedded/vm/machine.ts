import { BpfkitError } from "../../../errors.ts";
import type { Insn } from "../../../isa/index.ts";
import { Code, createGlobal, createMemory, createTable, instantiate, isTrap } from "../../../wasm/index.ts";
import type { WasmFunction, WasmGlobal, WasmImports, WasmMemory, WasmTable } from "../../../wasm/index.ts";
import { IMPORT, MAX_CALLBACKS, STACK_SIZE } from "./helper.ts";
import type { AccessChecks, Helpers, InlineArray } from "./helper.ts";
import { REGISTERS_SIZE, decodeForInterpreter, writeCallbacks, writeInterpreter } from "./interpreter.ts";
import type { InterpreterPlaces } from "./interpreter.ts";
import { helperAdapters } from "./module-frame.ts";
import type { LoadGuard } from "./operands.ts";
import { checkProgram } from "./program.ts";
import type { CheckedProgram } from "./program.ts";
import { printTranslation, takesAddresses, translate } from "./translator.ts";
import type { TranslateOptions } from "./translator.ts";

const PAGE = 65_536;

// The machine's own part of memory, below everything that programs are given.
const REGISTERS = 0x100;
const FRAMES: number = REGISTERS + REGISTERS_SIZE;
/** Top of the main program's stack; above those of callbacks. */
const STACK_TOP: number = 0x2000 + (MAX_CALLBACKS + 1) * STACK_SIZE;
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
  /**
   * Upper half of every pointer that programs are given (their lower half is an offset in memory), so that
   * other numbers are told from pointers. Accesses look at the lower half alone.
   */
  readonly pointerHigh?: number;
  /** `size` bytes of the packet at `offset` in host order, or -1 beyond its end: LD_ABS and LD_IND. */
  readonly packetLoad?: (context: number, offset: number, size: number) => bigint;
  /** What a tail call of (program array, index) goes on with: a {@link Executable.tailTarget}, or -1. */
  readonly tailTarget?: (map: number, index: number) => number;
  /** Told before every access of programs that the JIT translates: the checked mode. */
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
  readonly #imports: WasmImports;
  /** Positions in the table that ended programs have left, by how many in a row. */
  readonly #leftPositions = new Map<number, number[]>();
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
        [IMPORT.checkLoad]: (pointer: bigint, size: number, slot: number) =>
          options.checks?.load(pointer, size, slot),
        [IMPORT.checkStore]: (pointer: bigint, size: number, slot: number) =>
          options.checks?.store(pointer, size, slot),
        [IMPORT.checkCall]: (id: number, slot: number, ...values: bigint[]) =>
          options.checks?.call(id, slot, ...values),
        [IMPORT.checkEnter]: (top: bigint) => options.checks?.enter(top),
      },
      [IMPORT.helper]: Object.fromEntries([...helpers].map(([id, helper]) => [String(id), helper.call])),
    };
    instantiate(
      helperAdapters(helpers, () => new Code()),
      this.#imports,
    );
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
    return translated ?? this.#loadInterpreted(program, options.faultsAsZero ?? false);
  }

  /**
   * Calls a program's function by the address that the program gave a helper; only while a program runs.
   */
  callback(address: number | bigint, ...args: readonly (number | bigint)[]): bigint {
    const position = Number(address);
    const target = position >= 0 && position < this.#table.length ? this.#table.get(position) : null;
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
      checked: this.#options.checks !== undefined,
      ...(faultsAsZero && { guard: this.#loadGuard() }),
    };
  }

  #loadGuard(): LoadGuard {
    return { pointerHigh: this.#places.pointerHigh, end: this.memory.buffer.byteLength };
  }

  /** Undefined for what is too large; the interpreter takes it. */
  #loadTranslated(
    program: CheckedProgram,
    { faultsAsZero, counters }: LoadProgramOptions,
  ): Executable | undefined {
    const base = this.#reserveFunctions(program);
    const options = this.#translateOptions(base, faultsAsZero ?? false);
    const bytes = translate(program, { ...options, counters });
    if (!bytes) {
      this.#leaveFunctions(program, base);
      if (counters !== undefined || this.#options.checks)
        throw new BpfkitError(
          "The program is too large to be translated, and only then it is checked or counted",
          {
            code: "vm/too-large",
          },
        );
      return undefined;
    }
    const exports = instantiate(bytes, this.#imports);
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

  #loadInterpreted(program: CheckedProgram, faultsAsZero: boolean): Executable {
    const tableBase = this.#reserveFunctions(program);
    const records = decodeForInterpreter(program, tableBase, faultsAsZero);
    const address = this.#options.heap?.allocate(records.length) ?? this.allocate(records.length);
    this.bytes(address, records.length).set(records);
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
        this.#options.heap?.free(address);
      },
    };
  }

  /** Places in the table for functions whose address the program takes. */
  #reserveFunctions(program: CheckedProgram): number {
    return takesAddresses(program) ? this.#takePositions(program.functions.length) : 0;
  }

  #leaveFunctions(program: CheckedProgram, base: number): void {
    if (takesAddresses(program)) this.#leavePositions(base, program.functions.length);
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
    const bytes = writeInterpreter(this.#places, this.#options.fuel !== undefined, this.#loadGuard());
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
