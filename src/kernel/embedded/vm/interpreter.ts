import { OPCODES, LDIMM64, PSEUDO } from "../../../isa/index.ts";
import type { Insn, Opcode } from "../../../isa/index.ts";
import { BpfkitError } from "../../../errors.ts";
import { Code } from "../../../wasm/index.ts";
import { FRAME_SIZE, IMPORT, MAX_LOOPS, SAVED_SIZE, STACK_SIZE, TAIL_CALL } from "./helper.ts";
import { ACCESS } from "./access-guard.ts";
import { CheckCode } from "./check-code.ts";
import { SHADOW } from "./shadow.ts";
import type { AccessChecks } from "./shadow.ts";
import { emitCallback, emitFuel, importRefuse, startModule } from "./module-frame.ts";
import type { ModuleFrame } from "./module-frame.ts";
import type { LoadGuard, Operands } from "./operands.ts";
import { emitCondition, emitOperation } from "./operations.ts";
import type { CheckedProgram } from "./program.ts";

/**
 * The interpreter is a WebAssembly module of its own: 64-bit registers without bigints, and the same
 * operations that the translator writes. It runs decoded instructions, one record a slot:
 *
 *   u16 row of the opcode table · u8 dst * 8 · u8 src * 8 · i32 offset · i64 immediate
 *
 * The offset of a jump is the byte distance to the record it goes to.
 */
export const RECORD_SIZE = 16;
const FIELD = { opcode: 0, dst: 2, src: 3, offset: 4, immediate: 8 } as const;

/** Where in memory the interpreter keeps its state. */
export interface InterpreterPlaces {
  /** r0 to r10. */
  readonly registers: number;
  /** Return addresses and r6 to r10 of callers, a SAVED_SIZE for each level of callbacks. */
  readonly frames: number;
  /** Top of the main program's stack; callbacks have theirs below, a STACK_SIZE apart. */
  readonly stackTop: number;
  /** Upper half of every pointer. */
  readonly pointerHigh: number;
}

/** Bytes of both, at most. */
export const REGISTERS_SIZE = 128;
const SAVED: readonly number[] = [6, 7, 8, 9, 10];
const FRAME_RECORD: number = 8 + SAVED.length * 8;
const REGISTERS = 11;
/** Locals of a callback's adapter: its five parameters, the registers, r0. */
const FIRST_SAVED = 5;

const LOCAL = { pc: 0, frame: 1, scratch32: 2, bottom: 3, scratch64: 4, loops: 5 } as const;

/** The records of a program; addresses of its functions are table positions from `tableBase` on. */
export function decodeForInterpreter(
  program: CheckedProgram,
  tableBase: number,
  guarded = false,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(program.insns.length * RECORD_SIZE);
  const view = new DataView(bytes.buffer);
  program.insns.forEach((insn, slot) => {
    const opcode = program.opcodes[slot];
    if (!opcode) return;
    if (opcode.form === "jumpRegister" || opcode.form === "callKfunc") {
      throw new BpfkitError(`The interpreter has no ${opcode.name}`, { code: "vm/unsupported" });
    }
    const at = slot * RECORD_SIZE;
    const tailCall = opcode.form === "call" && insn.imm === TAIL_CALL;
    const row = tailCall
      ? TAIL_CALL_ROW
      : ROW.get(opcode)! + (guarded && isGuarded(opcode, insn) ? GUARDED : 0);
    view.setUint16(at + FIELD.opcode, row, true);
    view.setUint8(at + FIELD.dst, insn.dst * 8);
    view.setUint8(at + FIELD.src, insn.src * 8);
    const distance = DISTANCE[opcode.form];
    view.setInt32(at + FIELD.offset, distance ? (insn[distance] + 1) * RECORD_SIZE : insn.offset, true);
    view.setInt32(at + FIELD.immediate, insn.imm, true);
    view.setInt32(at + FIELD.immediate + 4, insn.imm >> 31, true);
    if (insn.code !== LDIMM64) return;
    if (insn.src === PSEUDO.FUNC) {
      const position = program.functions.indexOf(slot + 1 + insn.imm);
      view.setInt32(at + FIELD.immediate, tableBase + position, true);
    } else view.setInt32(at + FIELD.immediate + 4, program.insns[slot + 1]!.imm, true);
  });
  return bytes;
}

const ROW: ReadonlyMap<Opcode, number> = new Map(OPCODES.map((opcode, row) => [opcode, row]));
/** Behind the rows of the opcode table: one for tail calls, and all of them again with loads that give 0. */
const TAIL_CALL_ROW = OPCODES.length;
const GUARDED = OPCODES.length + 1;

function isGuarded({ form }: Opcode, { src }: Insn): boolean {
  return (form === "load" || form === "loadAcquire" || form === "loadSigned") && src !== 10;
}

/** Which field holds the distance of those that go elsewhere. */
const DISTANCE: Readonly<Partial<Record<Opcode["form"], "offset" | "imm">>> = {
  jump: "offset",
  branch: "offset",
  mayGoto: "offset",
  jumpFar: "imm",
  callLocal: "imm",
};

const NO_STACK: Insn = { code: 0, dst: 0, src: 0, offset: 0, imm: 0 };

/** Writes the interpreter: it exports `run` (address of the first record) -> r0. */
export function writeInterpreter(
  places: InterpreterPlaces,
  fuel: boolean,
  guard: LoadGuard,
  checks: AccessChecks | undefined,
): Uint8Array<ArrayBuffer> {
  const frame = startModule();
  const code = new Code();
  const refuse = checks && importRefuse(frame.module);
  const check = checks && {
    strict: checks.strict,
    code: new CheckCode(code, checks.place, places.pointerHigh, refuse!, () => code.get(LOCAL.pc)),
  };
  code.globalGet(frame.level).i32(SAVED_SIZE).op("i32.mul").i32(places.frames).op("i32.add");
  code.tee(LOCAL.frame).set(LOCAL.bottom).i64(MAX_LOOPS).set(LOCAL.loops);
  const plain = new RowEmitter(code, frame, places.registers, fuel, undefined, check);
  const guarded = new RowEmitter(code, frame, places.registers, fuel, guard, check);
  plain.enter();
  code.loop();
  const rows: ((again: number) => void)[] = [];
  for (const opcode of OPCODES) rows.push((again) => plain.emit(opcode, again));
  rows.push((again) => plain.tailCall(again));
  for (const opcode of OPCODES) {
    if (isGuarded(opcode, NO_STACK)) rows.push((again) => guarded.emit(opcode, again));
    else rows.push(() => void code.op("unreachable"));
  }
  for (let row = 0; row <= rows.length; row++) code.block();
  code.get(LOCAL.pc).memory("i32.load16_u", FIELD.opcode);
  code.brTable([...rows.keys()], rows.length);
  rows.forEach((emit, row) => {
    code.op("end");
    emit(rows.length - row);
  });
  code.op("end").op("unreachable").op("end").op("unreachable");
  const { module } = frame;
  const run = module.function(module.type(["i32"], ["i64"]), ["i32", "i32", "i32", "i64", "i64"], code);
  module.exportFunction("run", run);
  return module.finish();
}

/**
 * A module that puts a program's functions into the table, as (r1 … r5) -> r0. A callback runs in the
 * middle of its program, whose registers are kept meanwhile. It imports the interpreter's `run`.
 */
export function writeCallbacks(
  program: CheckedProgram,
  places: InterpreterPlaces,
  address: number,
  tableBase: number,
): Uint8Array<ArrayBuffer> {
  const frame = startModule();
  const { module } = frame;
  const run = module.importFunction(IMPORT.machine, IMPORT.run, module.type(["i32"], ["i64"]));
  const at = (register: number): number => places.registers + 8 * register;
  const adapters = program.functions.map((start) => {
    const code = new Code();
    emitCallback(code, frame, () => {
      for (let register = 0; register < REGISTERS; register++) {
        code
          .i32(0)
          .memory("i64.load", at(register))
          .set(FIRST_SAVED + register);
      }
      for (let register = 1; register <= 5; register++) {
        code
          .i32(0)
          .get(register - 1)
          .memory("i64.store", at(register));
      }
      code.i32(0).i32(places.stackTop).globalGet(frame.level).i32(STACK_SIZE).op("i32.mul").op("i32.sub");
      code.op("i64.extend_i32_u").i64(0, places.pointerHigh).op("i64.or").memory("i64.store", at(10));
      code
        .i32(address + start * RECORD_SIZE)
        .call(run)
        .set(FIRST_SAVED + REGISTERS);
      for (let register = 0; register < REGISTERS; register++) {
        code
          .i32(0)
          .get(FIRST_SAVED + register)
          .memory("i64.store", at(register));
      }
      code.get(FIRST_SAVED + REGISTERS);
    });
    const locals = Array.from({ length: REGISTERS + 1 }, () => "i64" as const);
    return module.function(frame.helperType, locals, code);
  });
  module.elements(tableBase, adapters);
  return module.finish();
}

/** The interpreter checks all accesses alike, and keeps the shadow of every byte of the stack. */
interface InterpreterChecks {
  readonly strict: boolean;
  readonly code: CheckCode;
}

class RowEmitter {
  readonly #code: Code;
  readonly #frame: ModuleFrame;
  readonly #fuel: boolean;
  readonly #operands: Operands;
  readonly #checks: InterpreterChecks | undefined;

  constructor(
    code: Code,
    frame: ModuleFrame,
    registers: number,
    fuel: boolean,
    guard: LoadGuard | undefined,
    checks: InterpreterChecks | undefined,
  ) {
    this.#checks = checks;
    this.#code = code;
    this.#frame = frame;
    this.#fuel = fuel;
    this.#operands = operandsInMemory(code, registers, guard);
  }

  /** One row; `again` is how far out the loop over instructions is. */
  emit(opcode: Opcode, again: number): void {
    const code = this.#code;
    switch (opcode.form) {
      case "jump":
      case "jumpFar":
        this.#jump();
        break;
      case "branch":
        emitCondition(opcode, this.#operands);
        this.#branch();
        break;
      case "mayGoto":
        code.get(LOCAL.loops).i64(1).op("i64.sub").tee(LOCAL.loops).op("i64.eqz");
        this.#branch();
        break;
      case "loadImmediate64":
        this.#operands.write("dst", () => void code.get(LOCAL.pc).memory("i64.load", FIELD.immediate));
        this.#step(2);
        break;
      case "loadPacket":
        this.#packetLoad(opcode);
        break;
      case "call":
        this.#callTable(() => this.#operands.immediateLow());
        break;
      case "callRegister":
        this.#callTable(() => this.#operands.readLow("dst"));
        break;
      case "callLocal":
        this.#callLocal();
        break;
      case "exit":
        this.#exit();
        break;
      // Refused when the program was decoded.
      case "jumpRegister":
      case "callKfunc":
        code.op("unreachable");
        return;
      default:
        this.#check(opcode);
        emitOperation(opcode, this.#operands);
        this.#step(1);
    }
    code.br(again);
  }

  /** A function begins with a frame of its own. */
  enter(): void {
    const state = this.#checks?.strict ? SHADOW.unwritten : SHADOW.live;
    this.#checks?.code.fillBelow(() => this.#readLow(10), FRAME_SIZE, state);
  }

  #check(opcode: Opcode): void {
    const check = this.#checks?.code;
    const field = ACCESS[opcode.form];
    if (!check || !field || (field === "src" && this.#operands.guard)) return;
    const code = this.#code;
    this.#operands.read(field);
    code.get(LOCAL.pc).memory("i64.load32_s", FIELD.offset).op("i64.add").set(LOCAL.scratch64);
    const pointer = {
      push: () => void code.get(LOCAL.scratch64),
      pushLow: () => void code.get(LOCAL.scratch64).op("i32.wrap_i64"),
      offset: 0,
    };
    const reads = field === "src" || opcode.form === "atomic";
    check.access(
      pointer,
      opcode.size!,
      true,
      opcode.form === "atomic" ? "live" : reads ? "readable" : "written",
    );
    if (!reads) check.markLive(pointer, opcode.size!);
  }

  #readLow(register: number): void {
    this.#operands.readRegister(register);
    this.#code.op("i32.wrap_i64");
  }

  /** The other program's first record is next, in the same frame. */
  tailCall(again: number): void {
    const code = this.#code;
    for (const register of [2, 3]) {
      this.#operands.readRegister(register);
      code.op("i32.wrap_i64");
    }
    code.call(this.#frame.tailTarget).tee(LOCAL.scratch32).i32(0).op("i32.ge_s").if();
    code.get(LOCAL.scratch32).set(LOCAL.pc);
    this.enter();
    code.op("else");
    this.#step(1);
    code.op("end").br(again);
  }

  #step(records: number): void {
    this.#code
      .get(LOCAL.pc)
      .i32(records * RECORD_SIZE)
      .op("i32.add")
      .set(LOCAL.pc);
  }

  #jump(): void {
    this.#code.get(LOCAL.pc).get(LOCAL.pc).memory("i32.load", FIELD.offset).op("i32.add").set(LOCAL.pc);
    if (this.#fuel) emitFuel(this.#code, this.#frame.fuel);
  }

  /** Takes the condition on the stack. */
  #branch(): void {
    const code = this.#code;
    code.if();
    this.#jump();
    code.op("else");
    this.#step(1);
    code.op("end");
  }

  #packetLoad(opcode: Opcode): void {
    const code = this.#code;
    this.#operands.readRegister(6);
    code.op("i32.wrap_i64");
    this.#operands.immediateLow();
    if (opcode.operand === "register") {
      this.#operands.readLow("src");
      code.op("i32.add");
    }
    code.i32(opcode.size!).call(this.#frame.packetLoad).tee(LOCAL.scratch64);
    code.i64(0).op("i64.lt_s").if().i64(0).op("return").op("end");
    this.#operands.writeRegister(0, () => void code.get(LOCAL.scratch64));
    this.#step(1);
  }

  #callTable(position: () => void): void {
    const code = this.#code;
    if (this.#checks) code.get(LOCAL.pc).globalSet(this.#frame.place);
    this.#operands.writeRegister(0, () => {
      for (let register = 1; register <= 5; register++) this.#operands.readRegister(register);
      position();
      code.callIndirect(this.#frame.helperType);
    });
    this.#step(1);
  }

  #callLocal(): void {
    const code = this.#code;
    code.get(LOCAL.frame).get(LOCAL.pc).memory("i32.store");
    SAVED.forEach((register, index) => {
      code.get(LOCAL.frame);
      this.#operands.readRegister(register);
      code.memory("i64.store", 8 + 8 * index);
    });
    code.get(LOCAL.frame).i32(FRAME_RECORD).op("i32.add").set(LOCAL.frame);
    this.#operands.writeRegister(10, () => {
      this.#operands.readRegister(10);
      code.i64(FRAME_SIZE).op("i64.sub");
    });
    this.enter();
    this.#jump();
  }

  #exit(): void {
    const code = this.#code;
    code.get(LOCAL.frame).get(LOCAL.bottom).op("i32.eq").if();
    this.#operands.readRegister(0);
    code.op("return").op("end");
    code.get(LOCAL.frame).i32(FRAME_RECORD).op("i32.sub").tee(LOCAL.frame);
    code.memory("i32.load").set(LOCAL.pc);
    SAVED.forEach((register, index) => {
      this.#operands.writeRegister(register, () => {
        code.get(LOCAL.frame).memory("i64.load", 8 + 8 * index);
      });
    });
    this.#step(1);
  }
}

function operandsInMemory(code: Code, registers: number, guard: LoadGuard | undefined): Operands {
  const offsetOf = (field: "dst" | "src"): void => {
    code.get(LOCAL.pc).memory("i32.load8_u", FIELD[field]);
  };
  return {
    code,
    scratch32: LOCAL.scratch32,
    scratch64: LOCAL.scratch64,
    guard,
    knownImmediate: undefined,
    read: (field) => {
      offsetOf(field);
      code.memory("i64.load", registers);
    },
    readLow: (field) => {
      offsetOf(field);
      code.memory("i32.load", registers);
    },
    readRegister: (register) => void code.i32(0).memory("i64.load", registers + 8 * register),
    write: (field, value) => {
      offsetOf(field);
      value();
      code.memory("i64.store", registers);
    },
    writeRegister: (register, value) => {
      code.i32(0);
      value();
      code.memory("i64.store", registers + 8 * register);
    },
    immediate: () => void code.get(LOCAL.pc).memory("i64.load", FIELD.immediate),
    immediateLow: () => void code.get(LOCAL.pc).memory("i32.load", FIELD.immediate),
    address: (field) => {
      offsetOf(field);
      code.memory("i32.load", registers);
      code.get(LOCAL.pc).memory("i32.load", FIELD.offset).op("i32.add");
      return 0;
    },
  };
}
