import { CALL } from "../../../isa/index.ts";
import type { Insn, Opcode, Size } from "../../../isa/index.ts";
import { CheckCode } from "./check-code.ts";
import type { PointerCode, RangeFunctions, Want } from "./check-code.ts";
import { FRAME_SIZE, LOOKUP, TAIL_CALL } from "./helper.ts";
import { ABSOLUTE, FRAME } from "./pointer-facts.ts";
import type { Held, PointerFacts } from "./pointer-facts.ts";
import type { CheckedProgram } from "./program.ts";
import { SHADOW } from "./shadow.ts";
import type { AccessChecks, ArgumentCheck } from "./shadow.ts";

/** Which register an access goes through. */
export const ACCESS: Readonly<Partial<Record<Opcode["form"], "src" | "dst">>> = {
  load: "src",
  loadSigned: "src",
  loadAcquire: "src",
  store: "dst",
  storeImmediate: "dst",
  storeRelease: "dst",
  atomic: "dst",
};

/** Whether a program's stack is told apart byte by byte: what is not written, and what a dynptr is. */
export function tracksStack(program: CheckedProgram, checks: AccessChecks): boolean {
  return checks.strict || usesDynptrs(program, checks);
}

function usesDynptrs(program: CheckedProgram, checks: AccessChecks): boolean {
  return program.insns.some(
    (insn, slot) =>
      program.opcodes[slot]?.form === "call" &&
      insn.src === CALL.HELPER &&
      checks.argumentsOf(insn.imm).some((check) => check?.is === "dynptr"),
  );
}

/** Writes the checks of one function of a translated program; what is known already is not checked again. */
export class AccessGuard {
  readonly #checks: AccessChecks;
  readonly #code: CheckCode;
  readonly #range: RangeFunctions;
  readonly #pushRegister: (register: number) => void;
  readonly #tracked: boolean;
  /** Helpers and functions may make dynptrs of what was written. */
  readonly #dynptrs: boolean;
  /** Loads that give 0 where nothing is need nothing there. */
  readonly #anyLoad: boolean;

  constructor(
    program: CheckedProgram,
    checks: AccessChecks,
    code: CheckCode,
    range: RangeFunctions,
    pushRegister: (register: number) => void,
    anyLoad: boolean,
  ) {
    this.#checks = checks;
    this.#code = code;
    this.#range = range;
    this.#pushRegister = pushRegister;
    this.#dynptrs = usesDynptrs(program, checks);
    this.#tracked = tracksStack(program, checks);
    this.#anyLoad = anyLoad;
  }

  /** A function begins: nothing in its frame was written yet. */
  enter(): void {
    if (!this.#tracked) return;
    const state = this.#checks.strict ? SHADOW.unwritten : SHADOW.live;
    this.#code.fillBelow(() => this.#pushLow(10), FRAME_SIZE, state);
  }

  /** Before an access. */
  access(opcode: Opcode, insn: Insn, facts: PointerFacts): void {
    const field = ACCESS[opcode.form];
    if (!field) return;
    const register = insn[field];
    const held = facts.held(register);
    const size = opcode.size!;
    const reads = field === "src" || opcode.form === "atomic";
    const pointer = this.#pointer(register, insn.offset);
    if (held.base === FRAME) this.#frameAccess(pointer, held.delta + insn.offset, size, reads, field, facts);
    else if (opcode.form === "atomic") this.#access(pointer, held, size, "live", facts);
    else if (field === "dst") this.#access(pointer, held, size, this.#tracked ? "written" : "live", facts);
    else if (!this.#anyLoad) this.#access(pointer, held, size, "readable", facts);
  }

  /** Before a helper is called. */
  call(insn: Insn, facts: PointerFacts): void {
    if (insn.src !== CALL.HELPER || insn.imm === TAIL_CALL) return;
    this.#checks.argumentsOf(insn.imm).forEach((check, index) => {
      if (check) this.#argument(index + 1, check, facts);
    });
  }

  /** Behind any call. */
  called(opcode: Opcode, insn: Insn, map: number | undefined, facts: PointerFacts): void {
    facts.forgetLive();
    if (this.#dynptrs) facts.forgetWritten();
    if (opcode.form !== "call" || insn.imm !== LOOKUP || map === undefined) return;
    const value = this.#checks.valueOf(map);
    if (value) facts.offer(value);
  }

  /** What a map's lookups are called with, where the program names it. */
  mapIn(register: number, facts: PointerFacts, writes = false): number | undefined {
    const address = facts.addressIn(register);
    return address !== undefined && this.#checks.isMap(address, writes) ? address : undefined;
  }

  #frameAccess(
    pointer: PointerCode,
    low: number,
    size: Size,
    reads: boolean,
    field: "src" | "dst",
    facts: PointerFacts,
  ): void {
    if (low < -FRAME_SIZE || low + size > 0)
      return this.#code.refuse(pointer, 0, () => this.#code.code.i32(size));
    if (!this.#tracked || facts.isWritten(low, size)) return;
    if (reads) this.#code.access(pointer, size, false, "live");
    else if (field === "dst") this.#code.markLive(pointer, size);
    facts.addWritten(low, size);
  }

  #access(pointer: PointerCode, held: Held, size: Size, want: Want, facts: PointerFacts): void {
    const { offset } = pointer;
    const writes = want !== "readable";
    if (held.base === ABSOLUTE && this.#checks.isThere(held.delta + offset, size, writes)) return;
    if (facts.isThere(held, offset, size, writes)) return;
    this.#code.access(pointer, size, !facts.isPointer(held, offset), want);
    if (want === "written") this.#code.markLive(pointer, size);
    facts.add(held, offset, size, writes);
  }

  #argument(register: number, check: ArgumentCheck, facts: PointerFacts): void {
    const held = facts.held(register);
    if (check.is === "map" && this.mapIn(register, facts, check.writes) !== undefined) return;
    const bytes = check.is === "memory" ? this.#knownSize(check, facts) : undefined;
    if (check.is === "memory" && bytes !== undefined && this.#isThere(held, bytes, check.writes, facts))
      return;
    this.#code.argument(
      this.#pointer(register, 0),
      register,
      check,
      (other) => this.#pushLow(other),
      this.#range,
    );
    if (check.is === "memory" && held.base === FRAME && bytes !== undefined) this.#wrote(held, bytes, facts);
  }

  /** Whether an argument needs no look as the program runs. */
  #isThere(held: Held, bytes: number, writes: boolean, facts: PointerFacts): boolean {
    const { base, delta } = held;
    if (base === ABSOLUTE) return this.#checks.isThere(delta, bytes, writes);
    if (base !== FRAME) return facts.isThere(held, 0, bytes, writes);
    if (delta < -FRAME_SIZE || delta + bytes > 0) return false;
    return !this.#tracked || facts.isWritten(delta, bytes);
  }

  #wrote({ delta }: Held, bytes: number, facts: PointerFacts): void {
    if (delta >= -FRAME_SIZE && delta + bytes <= 0) facts.addWritten(delta, bytes);
  }

  #knownSize(check: ArgumentCheck & { is: "memory" }, facts: PointerFacts): number | undefined {
    if (check.size.is === "fixed") return check.size.bytes;
    if (check.size.is === "argument") return facts.numberIn(check.size.register);
    const map = this.mapIn(check.size.register, facts);
    return map === undefined ? undefined : this.#checks.headerField(map, check.size.field);
  }

  #pointer(register: number, offset: number): PointerCode {
    return {
      push: () => {
        this.#pushRegister(register);
        if (offset !== 0) this.#code.code.i64(offset).op("i64.add");
      },
      pushLow: () => this.#pushLow(register),
      offset,
    };
  }

  #pushLow(register: number): void {
    this.#pushRegister(register);
    this.#code.code.op("i32.wrap_i64");
  }
}
