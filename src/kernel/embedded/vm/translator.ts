import { BpfkitError } from "../../../errors.ts";
import { CALL, PSEUDO, SOURCE } from "../../../isa/index.ts";
import type { Insn, Opcode } from "../../../isa/index.ts";
import { Code, printBody } from "../../../wasm/index.ts";
import type { ValueType, WasmModule } from "../../../wasm/index.ts";
import { analyze } from "./control-flow.ts";
import type { Block, ControlFlow } from "./control-flow.ts";
import { AccessGuard, tracksStack } from "./access-guard.ts";
import { CheckCode } from "./check-code.ts";
import { PointerFacts } from "./pointer-facts.ts";
import type { AccessChecks } from "./shadow.ts";
import { FRAME_SIZE, LOOKUP, MAX_LOOPS, STACK_SIZE, TAIL_CALL } from "./helper.ts";
import type { Helpers, InlineArray } from "./helper.ts";
import {
  addRangeFunctions,
  emitCallback,
  emitFuel,
  emitHelperCall,
  importHelper,
  importRefuse,
  startModule,
} from "./module-frame.ts";
import type { ModuleFrame } from "./module-frame.ts";
import type { LoadGuard, Operands } from "./operands.ts";
import { emitCondition, emitOperation } from "./operations.ts";
import { emitStructured } from "./structure.ts";
import type { CheckedProgram } from "./program.ts";

export interface TranslateOptions {
  readonly helpers: Helpers;
  /** Count loops down from the machine's fuel. */
  readonly fuel: boolean;
  /** Where in the table the program's functions are put. */
  readonly tableBase: number;
  /** Upper half of every pointer. */
  readonly pointerHigh: number;
  /** Every access is checked before it is made. */
  readonly checks?: AccessChecks | undefined;
  /** Address of a u64 for each slot, in which its runs are counted. */
  readonly counters?: number | undefined;
  /** The array at an address: lookups in it need no call. */
  readonly arrayAt?: ((address: number) => InlineArray | undefined) | undefined;
  /** Where loads that fault give 0. */
  readonly guard?: LoadGuard | undefined;
  /** Top of the main program's stack; callbacks have theirs below, a STACK_SIZE apart. */
  readonly stackTop: number;
}

/** Bytes of a function's body that engines take (kV8MaxWasmFunctionSize), without its locals. */
const MAX_BODY = 7_654_000;

/** Locals of a function: r1 to r5 and r10 are its parameters. */
const REGISTER_LOCAL: readonly number[] = [6, 0, 1, 2, 3, 4, 7, 8, 9, 10, 5];
const PARAMETERS: readonly ValueType[] = ["i64", "i64", "i64", "i64", "i64", "i64"];
const LOCAL = { scratch64: 11, loops: 12, scratch32: 13, block: 14 } as const;
const LOCALS: readonly ValueType[] = ["i64", "i64", "i64", "i64", "i64", "i64", "i64", "i32", "i32"];

/**
 * Translates a program to a WebAssembly module that exports `main` (r1 … r5, r10) -> r0 and `repeat`
 * (times, r1, r2, r10) -> r0. Registers are locals, so that V8 keeps them in machine registers, and
 * r6 to r9 need no saving; a callee's frame lies below its caller's. Undefined where a function is larger than
 * engines take.
 */
export function translate(
  program: CheckedProgram,
  options: TranslateOptions,
): Uint8Array<ArrayBuffer> | undefined {
  const { frame, indices, codes } = translateFunctions(program, options);
  if (codes.some(({ size }) => size > MAX_BODY)) return undefined;
  frame.module.exportFunction("main", indices.get(0)!);
  frame.module.exportFunction("repeat", emitRepeat(frame, indices.get(0)!));
  emitAdapters(program, options, frame, indices);
  return frame.module.finish();
}

/** The same in the text format, function after function; locals 0 to 5 are r1 to r5 and r10, 6 is r0, 7 to 10 r6 to r9. */
export function printTranslation(program: CheckedProgram, options: TranslateOptions): string {
  const { codes } = translateFunctions(program, options);
  return program.functions
    .map((start, position) => `function at ${start}:\n${printBody(codes[position]!.finish())}`)
    .join("\n");
}

function translateFunctions(
  program: CheckedProgram,
  options: TranslateOptions,
): { frame: ModuleFrame; indices: Map<number, number>; codes: readonly Code[] } {
  const frame = startModule();
  const { module } = frame;
  const helpers = importCalled(program, frame, options.helpers);
  const refuse = options.checks && importRefuse(module);
  const type = module.type(PARAMETERS, ["i64"]);
  const codes = program.functions.map(() => new Code());
  const indices = new Map(
    program.functions.map((start, position) => [start, module.function(type, LOCALS, codes[position]!)]),
  );
  const guard = options.checks && guardMaker(program, options, options.checks, module, refuse!);
  program.functions.forEach((start, position) => {
    new FunctionTranslator(program, options, frame, helpers, indices, codes[position]!, guard).emit(start);
  });
  return { frame, indices, codes };
}

type GuardMaker = (code: Code, pushPlace: () => void) => AccessGuard;

/** What makes the checks of each function; the module gets the functions that they share. */
function guardMaker(
  program: CheckedProgram,
  options: TranslateOptions,
  checks: AccessChecks,
  module: WasmModule,
  refuse: number,
): GuardMaker {
  const checkCode = (code: Code, pushPlace: () => void): CheckCode =>
    new CheckCode(code, checks.place, options.pointerHigh, refuse, pushPlace);
  const range = addRangeFunctions(module, tracksStack(program, checks), (code) =>
    checkCode(code, () => void code.get(2)),
  );
  return (code, pushPlace) =>
    new AccessGuard(
      program,
      checks,
      checkCode(code, pushPlace),
      range,
      (register) => void code.get(REGISTER_LOCAL[register]!),
      options.guard !== undefined,
    );
}

function importCalled(program: CheckedProgram, frame: ModuleFrame, helpers: Helpers): Map<number, number> {
  const indices = new Map<number, number>();
  program.insns.forEach((insn, slot) => {
    const opcode = program.opcodes[slot];
    if (opcode?.form === "callKfunc") {
      throw new BpfkitError("The embedded kernel has no kernel functions to call by BTF id", {
        code: "vm/kfunc",
      });
    }
    if (opcode?.form !== "call" || insn.src !== CALL.HELPER || indices.has(insn.imm)) return;
    if (insn.imm === TAIL_CALL) return;
    const helper = helpers.get(insn.imm);
    if (!helper) {
      throw new BpfkitError(`The embedded kernel has no helper ${insn.imm}`, { code: "vm/helper" });
    }
    indices.set(insn.imm, importHelper(frame.module, insn.imm, helper));
  });
  return indices;
}

/** Runs main in a loop, as a test run with a repeat count does. */
function emitRepeat({ module }: ModuleFrame, main: number): number {
  const code = new Code();
  code.loop().get(1).get(2).i64(0).i64(0).i64(0).get(3).call(main).set(4);
  code.get(0).i32(1).op("i32.sub").tee(0).brIf(0).op("end").get(4);
  return module.function(module.type(["i32", "i64", "i64", "i64"], ["i64"]), ["i64"], code);
}

/** Functions whose address is taken go into the table, as (r1 … r5) -> r0. */
function emitAdapters(
  program: CheckedProgram,
  options: TranslateOptions,
  frame: ModuleFrame,
  indices: ReadonlyMap<number, number>,
): void {
  if (!takesAddresses(program)) return;
  const adapters = program.functions.map((start) => {
    const code = new Code();
    emitCallback(code, frame, () => {
      for (let parameter = 0; parameter < 5; parameter++) code.get(parameter);
      code.i32(options.stackTop).globalGet(frame.level).i32(STACK_SIZE).op("i32.mul").op("i32.sub");
      code.op("i64.extend_i32_u").i64(0, options.pointerHigh).op("i64.or").call(indices.get(start)!);
    });
    return frame.module.function(frame.helperType, [], code);
  });
  frame.module.elements(options.tableBase, adapters);
}

/** Whether a program hands out the addresses of its functions. */
export function takesAddresses(program: CheckedProgram): boolean {
  return program.insns.some((insn, slot) => isFunctionAddress(insn, program.opcodes[slot]));
}

function isFunctionAddress(insn: Insn, opcode: Opcode | undefined): boolean {
  return opcode?.form === "loadImmediate64" && insn.src === PSEUDO.FUNC;
}

/** Registers in locals; one object for all instructions, since most programs are translated once, by cold code. */
class RegisterOperands implements Operands {
  readonly code: Code;
  readonly scratch32: number = LOCAL.scratch32;
  readonly scratch64: number = LOCAL.scratch64;
  readonly #guard: LoadGuard | undefined;
  insn: Insn = { code: 0, dst: 0, src: 0, offset: 0, imm: 0 };

  constructor(code: Code, guard: LoadGuard | undefined) {
    this.code = code;
    this.#guard = guard;
  }

  /** A program's own stack is always there. */
  get guard(): LoadGuard | undefined {
    return this.insn.src === 10 ? undefined : this.#guard;
  }

  get knownImmediate(): number | undefined {
    return (this.insn.code & SOURCE.X) === 0 ? this.insn.imm : undefined;
  }

  read(field: "dst" | "src"): void {
    this.code.get(REGISTER_LOCAL[this.insn[field]]!);
  }

  readLow(field: "dst" | "src"): void {
    this.code.get(REGISTER_LOCAL[this.insn[field]]!).op("i32.wrap_i64");
  }

  readRegister(register: number): void {
    this.code.get(REGISTER_LOCAL[register]!);
  }

  write(field: "dst" | "src", value: () => void): void {
    value();
    this.code.set(REGISTER_LOCAL[this.insn[field]]!);
  }

  writeRegister(register: number, value: () => void): void {
    value();
    this.code.set(REGISTER_LOCAL[register]!);
  }

  immediate(): void {
    this.code.i64(this.insn.imm);
  }

  immediateLow(): void {
    this.code.i32(this.insn.imm);
  }

  address(field: "dst" | "src"): number {
    const { offset } = this.insn;
    this.code.get(REGISTER_LOCAL[this.insn[field]]!).op("i32.wrap_i64");
    // An access's own offset is unsigned and its sum has 33 bits.
    if (offset >= 0) return offset;
    this.code.i32(offset).op("i32.add");
    return 0;
  }
}

const CALLS: ReadonlySet<Opcode["form"]> = new Set(["call", "callLocal", "callRegister", "callKfunc"]);

class FunctionTranslator {
  readonly #program: CheckedProgram;
  readonly #options: TranslateOptions;
  readonly #frame: ModuleFrame;
  readonly #helpers: ReadonlyMap<number, number>;
  readonly #functions: ReadonlyMap<number, number>;
  readonly #code: Code;
  readonly #guard: AccessGuard | undefined;
  readonly #operands: RegisterOperands;
  #flow: ControlFlow | undefined;
  #facts = new PointerFacts();
  /** What is known at the end of blocks, by their numbers. */
  readonly #factsAfter: PointerFacts[] = [];
  #slot = 0;

  constructor(
    program: CheckedProgram,
    options: TranslateOptions,
    frame: ModuleFrame,
    helpers: ReadonlyMap<number, number>,
    functions: ReadonlyMap<number, number>,
    code: Code,
    guard: GuardMaker | undefined,
  ) {
    this.#guard = guard?.(code, () => void code.i32(this.#slot));
    this.#program = program;
    this.#options = options;
    this.#frame = frame;
    this.#helpers = helpers;
    this.#functions = functions;
    this.#code = code;
    this.#operands = new RegisterOperands(code, options.guard);
  }

  emit(start: number): void {
    const flow = analyze(this.#program, start);
    this.#flow = flow;
    this.#guard?.enter();
    if (this.#program.opcodes.some((opcode) => opcode?.form === "mayGoto")) {
      this.#code.i64(MAX_LOOPS).set(LOCAL.loops);
    }
    emitStructured(flow, {
      code: this.#code,
      blockLocal: LOCAL.block,
      straight: (block, index) => this.#emitStraight(block, index),
      condition: (block) => this.#emitCondition(block),
      leave: (block) => this.#emitLeave(block),
      loopEntry: () => {
        if (this.#options.fuel) emitFuel(this.#code, this.#frame.fuel);
      },
    });
    // Every path has returned; the function's end still wants its result typed.
    this.#code.op("unreachable");
  }

  #emitStraight(block: Block, index: number): void {
    this.#facts = this.#factsBefore(index);
    for (let slot = block.start; slot <= block.last; slot++) {
      const opcode = this.#program.opcodes[slot];
      if (!opcode) continue;
      const insn = this.#program.insns[slot]!;
      this.#slot = slot;
      this.#count(slot);
      this.#emitGuarded(opcode, insn, slot);
    }
    this.#factsAfter[index] = this.#facts;
  }

  #emitGuarded(opcode: Opcode, insn: Insn, slot: number): void {
    const facts = this.#facts;
    const map = opcode.form === "call" ? this.#guard?.mapIn(1, facts) : undefined;
    if (opcode.form === "call") this.#guard?.call(insn, facts);
    else this.#guard?.access(opcode, insn, facts);
    this.#emitInsn(opcode, insn, slot);
    facts.step(opcode, insn);
    if (CALLS.has(opcode.form)) this.#guard?.called(opcode, insn, map, facts);
  }

  /** A block that one edge leads to goes on with what its origin knows; others with what every way there knows. */
  #factsBefore(index: number): PointerFacts {
    const { dominators, children, merge, loopHeader, blocks } = this.#flow!;
    if (index === 0) return new PointerFacts();
    const dominator = dominators[index]!;
    const after = this.#factsAfter[dominator]!;
    const facts = children[dominator]!.length === 1 ? after : after.copy();
    if (merge[index] || loopHeader[index]) facts.forget();
    else {
      const { last, successors } = blocks[dominator]!;
      facts.takeEdge(this.#program.opcodes[last]!, this.#program.insns[last]!, successors[1] === index);
    }
    return facts;
  }

  #count(slot: number): void {
    const { counters } = this.#options;
    if (counters === undefined) return;
    const at = counters + 8 * slot;
    this.#code.i32(0).i32(0).memory("i64.load", at).i64(1).op("i64.add").memory("i64.store", at);
  }

  #emitInsn(opcode: Opcode, insn: Insn, slot: number): void {
    switch (opcode.form) {
      // The block's end is #emitCondition's and #emitLeave's.
      case "jump":
      case "jumpFar":
      case "branch":
      case "mayGoto":
      case "exit":
        return;
      case "jumpRegister":
        throw new BpfkitError("Jumps through a register are not translated yet", { code: "vm/gotox" });
      case "loadImmediate64":
        return this.#emitConstant(insn, slot);
      case "loadPacket":
        return this.#emitPacketLoad(opcode, insn);
      case "call":
        return this.#emitCall(insn);
      case "callRegister":
        return this.#emitCallRegister(insn);
      case "callLocal":
        return this.#emitCallLocal(slot + 1 + insn.imm);
      default:
        return emitOperation(opcode, this.#operandsOf(insn));
    }
  }

  #operandsOf(insn: Insn): Operands {
    this.#operands.insn = insn;
    return this.#operands;
  }

  #emitConstant(insn: Insn, slot: number): void {
    const high = this.#program.insns[slot + 1]!.imm;
    if (isFunctionAddress(insn, this.#program.opcodes[slot])) {
      const position = this.#program.functions.indexOf(slot + 1 + insn.imm);
      this.#code.i64(this.#options.tableBase + position);
    } else this.#code.i64(insn.imm, high);
    this.#code.set(REGISTER_LOCAL[insn.dst]!);
  }

  #emitPacketLoad(opcode: Opcode, insn: Insn): void {
    const code = this.#code;
    code.get(REGISTER_LOCAL[6]!).op("i32.wrap_i64");
    code.i32(insn.imm);
    if (opcode.operand === "register") code.get(REGISTER_LOCAL[insn.src]!).op("i32.wrap_i64").op("i32.add");
    code.i32(opcode.size!).call(this.#frame.packetLoad).tee(LOCAL.scratch64);
    // Beyond the packet's end the program is left with 0.
    code.i64(0).op("i64.lt_s").if().i64(0).op("return").op("end");
    code.get(LOCAL.scratch64).set(REGISTER_LOCAL[0]!);
  }

  #emitCall(insn: Insn): void {
    if (insn.imm === TAIL_CALL) return this.#emitTailCall();
    const map = insn.imm === LOOKUP ? this.#facts.addressIn(1) : undefined;
    const array = map === undefined ? undefined : this.#options.arrayAt?.(map);
    if (array) return this.#emitArrayLookup(array);
    const code = this.#code;
    emitHelperCall(code, this.#options.helpers.get(insn.imm)!, this.#helpers.get(insn.imm)!, (position) =>
      code.get(REGISTER_LOCAL[position + 1]!),
    );
    code.set(REGISTER_LOCAL[0]!);
  }

  /** array_map_lookup_elem without the call: the element's pointer, or 0 behind the array's end. */
  #emitArrayLookup({ data, stride, maxEntries, perCpu }: InlineArray): void {
    const code = this.#code;
    code.get(REGISTER_LOCAL[2]!).op("i32.wrap_i64").memory("i32.load").tee(LOCAL.scratch32);
    code.i32(maxEntries).op("i32.lt_u").if("i64");
    code.get(LOCAL.scratch32).i32(stride).op("i32.mul").i32(data).op("i32.add");
    if (perCpu) {
      code.i32(perCpu.cell).memory("i32.load").i32(perCpu.stride).op("i32.mul").op("i32.add");
    }
    code.op("i64.extend_i32_u").i64(0, this.#options.pointerHigh).op("i64.or");
    code.op("else").i64(0).op("end").set(REGISTER_LOCAL[0]!);
  }

  /** The other program runs in this frame and this function is done; without one, it goes on. */
  #emitTailCall(): void {
    const code = this.#code;
    for (const register of [2, 3]) code.get(REGISTER_LOCAL[register]!).op("i32.wrap_i64");
    code.call(this.#frame.tailTarget).tee(LOCAL.scratch32).i32(0).op("i32.ge_s").if();
    code.get(REGISTER_LOCAL[1]!).i64(0).i64(0).i64(0).i64(0).get(REGISTER_LOCAL[10]!);
    code.get(LOCAL.scratch32).callIndirect(this.#frame.module.type(PARAMETERS, ["i64"]));
    code.op("return").op("end");
  }

  #emitCallRegister(insn: Insn): void {
    const code = this.#code;
    // Only the interpreter's instructions have a place that is known by number.
    if (this.#guard) code.i32(0).globalSet(this.#frame.place);
    for (let register = 1; register <= 5; register++) code.get(REGISTER_LOCAL[register]!);
    code.get(REGISTER_LOCAL[insn.dst]!).op("i32.wrap_i64").callIndirect(this.#frame.helperType);
    code.set(REGISTER_LOCAL[0]!);
  }

  #emitCallLocal(target: number): void {
    const code = this.#code;
    for (let register = 1; register <= 5; register++) code.get(REGISTER_LOCAL[register]!);
    code.get(REGISTER_LOCAL[10]!).i64(FRAME_SIZE).op("i64.sub");
    code.call(this.#functions.get(target)!).set(REGISTER_LOCAL[0]!);
  }

  /** Pushes whether the second successor is taken. */
  #emitCondition(block: Block): void {
    const opcode = this.#program.opcodes[block.last]!;
    if (opcode.form === "mayGoto") {
      this.#code.get(LOCAL.loops).i64(1).op("i64.sub").tee(LOCAL.loops).op("i64.eqz");
    } else emitCondition(opcode, this.#operandsOf(this.#program.insns[block.last]!));
  }

  #emitLeave(block: Block): void {
    if (this.#program.opcodes[block.last]!.form === "exit") this.#code.get(REGISTER_LOCAL[0]!).op("return");
    else this.#code.op("unreachable");
  }
}
