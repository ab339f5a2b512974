import { BpfkitError } from "../../../errors.ts";
import type { Insn } from "../../../isa/index.ts";
import { Code, createGlobal, createMemory, createTable, instantiate, isTrap } from "../../../wasm/index.ts";
import type { WasmFunction, WasmGlobal, WasmImports, WasmMemory, WasmTable } from "../../../wasm/index.ts";
import { IMPORT, MAX_CALLBACKS, STACK_SIZE } from "./helper.ts";
import type { Helpers } from "./helper.ts";
import {
  RECORD_SIZE,
  REGISTERS_SIZE,
  decodeForInterpreter,
  writeCallbacks,
  writeInterpreter,
} from "./interpreter.ts";
import type { InterpreterPlaces } from "./interpreter.ts";
import { helperAdapters } from "./module-frame.ts";
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
const HEAP: number = STACK_TOP;
const PLACES: InterpreterPlaces = { registers: REGISTERS, frames: FRAMES, stackTop: STACK_TOP };

export interface MachineOptions {
  readonly helpers?: Helpers;
  /**
   * Loop iterations that one run may take, for programs that no verifier has seen; without it they are
   * not counted.
   */
  readonly fuel?: number;
  /** Memory at the start, in pages of 64 KiB; it grows. */
  readonly pages?: number;
  /** `size` bytes of the packet at `offset` in host order, or -1 beyond its end: LD_ABS and LD_IND. */
  readonly packetLoad?: (context: number, offset: number, size: number) => bigint;
}

export type ExecutionMode = "jit" | "interpreter";

/** A loaded program. */
export interface Executable {
  readonly mode: ExecutionMode;
  /**
   * Runs it with r1, r2 … as given and gives r0, unsigned.
   * @throws BpfkitError `vm/fault` for an access outside memory, `vm/fuel` for loops that do not end
   */
  run(...args: readonly (number | bigint)[]): bigint;
  /** Runs it `times` times with the same arguments; gives the last r0. */
  repeat(times: number, ...args: readonly (number | bigint)[]): bigint;
}

/**
 * One linear memory and the programs that run in it. A program's pointers are offsets in this memory, so
 * that it can reach nothing else.
 */
export class Machine {
  readonly memory: WasmMemory;
  readonly #options: MachineOptions;
  readonly #table: WasmTable;
  readonly #fuel: WasmGlobal = createGlobal(0);
  readonly #level: WasmGlobal = createGlobal(0);
  readonly #imports: WasmImports;
  #interpreter: WasmFunction | undefined;
  #top: number = HEAP;

  constructor(options: MachineOptions = {}) {
    this.#options = options;
    this.memory = createMemory(options.pages ?? 16);
    const helpers = options.helpers ?? new Map();
    this.#table = createTable(Math.max(1, ...[...helpers.keys()].map((id) => id + 1)));
    this.#imports = {
      [IMPORT.machine]: {
        [IMPORT.memory]: this.memory,
        [IMPORT.table]: this.#table,
        [IMPORT.fuel]: this.#fuel,
        [IMPORT.level]: this.#level,
        [IMPORT.packetLoad]: options.packetLoad ?? (() => -1n),
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
  bytes(address: number, size: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, size);
  }

  /**
   * Prepares a program, whose maps and variables are resolved to addresses already.
   * @throws BpfkitError `vm/program` and others for what cannot run
   */
  load(insns: readonly Insn[], mode: ExecutionMode = "jit"): Executable {
    const program = checkProgram(insns);
    return mode === "jit" ? this.#loadTranslated(program) : this.#loadInterpreted(program);
  }

  /**
   * Calls a program's function by the address that the program gave a helper; only while a program runs.
   */
  callback(address: number | bigint, ...args: readonly (number | bigint)[]): bigint {
    const target = this.#table.get(Number(address));
    if (!target) throw new BpfkitError(`There is no function at ${address}`, { code: "vm/fault" });
    const [r1 = 0n, r2 = 0n, r3 = 0n, r4 = 0n, r5 = 0n] = args.map(BigInt);
    return target(r1, r2, r3, r4, r5);
  }

  /** The WebAssembly that a program becomes, as text. */
  print(insns: readonly Insn[]): string {
    return printTranslation(checkProgram(insns), this.#translateOptions(this.#table.length));
  }

  #translateOptions(tableBase: number): TranslateOptions {
    const { helpers = new Map(), fuel } = this.#options;
    return { helpers, fuel: fuel !== undefined, tableBase, stackTop: STACK_TOP };
  }

  #loadTranslated(program: CheckedProgram): Executable {
    const bytes = translate(program, this.#translateOptions(this.#reserveFunctions(program)));
    const exports = instantiate(bytes, this.#imports);
    const main = exports.get("main")!;
    const repeat = exports.get("repeat")!;
    const stack = BigInt(STACK_TOP);
    return {
      mode: "jit",
      run: (...args) => {
        const [r1 = 0n, r2 = 0n, r3 = 0n, r4 = 0n, r5 = 0n] = args.map(BigInt);
        return this.#guard(() => main(r1, r2, r3, r4, r5, stack));
      },
      repeat: (times, ...args) => {
        const [r1 = 0n, r2 = 0n] = args.map(BigInt);
        return this.#guard(() => repeat(times, r1, r2, stack));
      },
    };
  }

  #loadInterpreted(program: CheckedProgram): Executable {
    const tableBase = this.#reserveFunctions(program);
    const address = this.allocate(program.insns.length * RECORD_SIZE);
    const records = decodeForInterpreter(program, tableBase);
    this.bytes(address, records.length).set(records);
    const interpret = (this.#interpreter ??= this.#startInterpreter());
    if (takesAddresses(program)) {
      const machine = { ...this.#imports[IMPORT.machine], [IMPORT.run]: interpret };
      instantiate(writeCallbacks(program, PLACES, address, tableBase), { [IMPORT.machine]: machine });
    }
    const run = (args: readonly (number | bigint)[]): bigint => {
      const registers = new BigUint64Array(this.memory.buffer, REGISTERS, 11).fill(0n);
      args.forEach((value, index) => (registers[index + 1] = BigInt.asUintN(64, BigInt(value))));
      registers[10] = BigInt(STACK_TOP);
      return interpret(address);
    };
    return {
      mode: "interpreter",
      run: (...args) => this.#guard(() => run(args)),
      repeat: (times, ...args) =>
        this.#guard(() => {
          let result = 0n;
          for (let time = 0; time < times; time++) result = run(args);
          return result;
        }),
    };
  }

  /** Places in the table for functions whose address the program takes. */
  #reserveFunctions(program: CheckedProgram): number {
    return takesAddresses(program) ? this.#table.grow(program.functions.length) : this.#table.length;
  }

  #startInterpreter(): WasmFunction {
    const bytes = writeInterpreter(PLACES, this.#options.fuel !== undefined);
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
