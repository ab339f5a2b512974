import type { Size } from "../../../isa/index.ts";
import type { Code, MemoryName } from "../../../wasm/index.ts";
import { SHADOW } from "./shadow.ts";
import type { ArgumentCheck, ArgumentSize, ShadowPlace } from "./shadow.ts";

/** A pointer as code reaches it. */
export interface PointerCode {
  /** Pushes all of it, with what an access adds, as i64. */
  push(): void;
  /** Pushes its lower half as i32; an access adds `offset`. */
  pushLow(): void;
  readonly offset: number;
}

/** Pushes the size of an access, or part of it. */
type Push = () => void;

const LOAD: Readonly<Record<Size, MemoryName>> = {
  1: "i32.load8_u",
  2: "i32.load16_u",
  4: "i32.load",
  8: "i64.load",
};
const STORE: Readonly<Record<Size, MemoryName>> = {
  1: "i32.store8",
  2: "i32.store16",
  4: "i32.store",
  8: "i64.store",
};
/** Bits that say of a byte that a program may write it, and read it. */
const WRITABLE = SHADOW.unwritten;
const READABLE = SHADOW.readonly;

/** Bytes that may be read; that may be read and written; that may be written, and then are live. */
export type Want = "readable" | "live" | "written";

/** Writes what compares accesses with the shadow: a few instructions where all is well, and a call that never returns. */
export class CheckCode {
  readonly code: Code;
  readonly #place: ShadowPlace;
  readonly #pointerHigh: number;
  /** (pointer, place, argument, size): does not return. */
  readonly #refuse: number;
  readonly #pushPlace: Push;

  constructor(code: Code, place: ShadowPlace, pointerHigh: number, refuse: number, pushPlace: Push) {
    this.code = code;
    this.#place = place;
    this.#pointerHigh = pointerHigh;
    this.#refuse = refuse;
    this.#pushPlace = pushPlace;
  }

  refuse(pointer: PointerCode, argument: number, size: Push): void {
    pointer.push();
    this.#pushPlace();
    this.code.i32(argument);
    size();
    this.code.call(this.#refuse).op("unreachable");
  }

  /** Goes on where all bytes of an access are as `want` says. `upper`: the pointer's upper half is not known to be right. */
  access(pointer: PointerCode, size: Size, upper: boolean, want: Want): void {
    const { code } = this;
    code.block();
    if (upper) {
      code.block();
      this.#upperHalf(pointer);
      code.brIf(0);
    }
    const goesOn = upper ? 1 : 0;
    // Most bytes are live, which one comparison tells.
    const masks =
      want === "written" ? [WRITABLE] : want === "readable" ? [SHADOW.live, READABLE] : [SHADOW.live];
    for (const mask of masks) {
      this.#shadow(pointer, LOAD[size]);
      if (mask !== SHADOW.live) this.#all(mask, size, "and");
      this.#all(mask, size, "eq");
      code.brIf(goesOn);
    }
    if (upper) code.op("end");
    this.refuse(pointer, 0, () => code.i32(size));
    code.op("end");
  }

  /** These bytes are live from now on. */
  markLive(pointer: PointerCode, size: Size): void {
    const { code } = this;
    pointer.pushLow();
    if (size === 8) code.i64(-1);
    else code.i32(-1);
    code.memory(STORE[size], this.#place.base + pointer.offset);
  }

  /** Marks bytes below an address that is pushed as i32, all alike. */
  fillBelow(top: Push, bytes: number, state: number): void {
    const { code } = this;
    top();
    code
      .i32(this.#place.base - bytes)
      .op("i32.add")
      .i32(state)
      .i32(bytes)
      .bulk("memory.fill");
  }

  /** An argument of a helper, where `range` is {@link writeRange}'s functions. */
  argument(
    pointer: PointerCode,
    register: number,
    check: ArgumentCheck,
    pushLow: (register: number) => void,
    range: RangeFunctions,
  ): void {
    if (check.is === "memory") {
      pointer.push();
      this.#pushSize(check.size, pushLow);
      this.#pushPlace();
      this.code.i32(check.nullable ? -register : register);
      this.code.call(check.writes ? range.write : range.read);
      return;
    }
    // A map's first byte, the one in front of a record, all of a dynptr.
    if (check.is === "dynptr") for (const at of [0, 8]) this.#state(pointer, at, 8, SHADOW.dynptr, register);
    if (check.is === "record") this.#state(pointer, RECORD_HEADER, 1, SHADOW.record, register);
    if (check.is !== "map") return;
    if (check.writes) this.#state(pointer, 0, 1, SHADOW.map, register);
    else this.#state(pointer, 0, 1, SHADOW.readonlyMap, register, SHADOW.map ^ SHADOW.readonlyMap);
  }

  /** A function (pointer, size, place, argument): every byte of a range; a negative argument allows NULL. Locals: {@link RANGE_LOCALS}. */
  writeRange(writes: boolean, tracked: boolean): void {
    const { code } = this;
    const [pointer, size, place, argument, at, left] = [0, 1, 2, 3, 4, 5] as const;
    code.get(size).i32(0).op("i32.le_s").if().op("return").op("end");
    code.get(pointer).op("i64.eqz").get(argument).i32(0).op("i32.lt_s").op("i32.and");
    code.if().op("return").op("end");
    code.block().block();
    code
      .get(pointer)
      .i64(...this.#foreign())
      .op("i64.and")
      .i64(0)
      .op("i64.ne")
      .brIf(0);
    code.get(size).i32(this.#place.span).op("i32.gt_u").brIf(0);
    code.get(pointer).op("i32.wrap_i64").tee(at).get(size).op("i32.add");
    code.i32(this.#place.span).op("i32.gt_u").brIf(0);
    code.get(at).i32(this.#place.base).op("i32.add").set(at).get(size).set(left);
    const marks = writes && tracked;
    for (const step of [8, 1] as const) {
      code.loop();
      code.get(left).i32(step).op("i32.ge_u").if();
      code.get(at).memory(LOAD[step]);
      const mask = marks ? WRITABLE : writes ? SHADOW.live : READABLE;
      this.#all(mask, step, "and");
      this.#all(mask, step, "ne");
      code.brIf(2);
      if (marks) {
        code.get(at);
        if (step === 8) code.i64(-1);
        else code.i32(-1);
        code.memory(STORE[step]);
      }
      code.get(at).i32(step).op("i32.add").set(at);
      code.get(left).i32(step).op("i32.sub").set(left);
      code.br(1).op("end").op("end");
    }
    code.br(1).op("end");
    code.get(pointer).get(place);
    // The argument's register, whatever its sign.
    code.get(argument).i32(0).get(argument).op("i32.sub").get(argument).i32(0).op("i32.gt_s").op("select");
    code.get(size).call(this.#refuse).op("unreachable").op("end");
  }

  /** `ignored`: bits that do not matter. */
  #state(pointer: PointerCode, at: number, size: Size, state: number, register: number, ignored = 0): void {
    const { code } = this;
    code.block().block();
    this.#upperHalf(pointer);
    code.brIf(0);
    pointer.pushLow();
    code.memory(LOAD[size], this.#place.base + pointer.offset + at);
    if (ignored !== 0) this.#all(0xff ^ ignored, size, "and");
    this.#all(state, size, "eq");
    code.brIf(1).op("end");
    this.refuse(pointer, register, () => code.i32(0));
    code.op("end");
  }

  #pushSize(size: ArgumentSize, pushLow: (register: number) => void): void {
    const { code } = this;
    switch (size.is) {
      case "fixed":
        code.i32(size.bytes);
        return;
      case "argument":
        pushLow(size.register);
        return;
      case "map":
        pushLow(size.register);
        code.memory("i32.load", size.field);
    }
  }

  #upperHalf(pointer: PointerCode): void {
    pointer.push();
    this.code
      .i64(...this.#foreign())
      .op("i64.and")
      .i64(0)
      .op("i64.ne");
  }

  /** Bits that no pointer has: those of no address, and in the upper half those that are not a pointer's there. */
  #foreign(): [low: number, high: number] {
    return [~(this.#place.span - 1), ~this.#pointerHigh];
  }

  #shadow(pointer: PointerCode, load: MemoryName): void {
    pointer.pushLow();
    this.code.memory(load, this.#place.base + pointer.offset);
  }

  /** Compares or masks each byte of what was loaded. */
  #all(state: number, size: Size, what: "eq" | "ne" | "and"): void {
    const word = Math.imul(state, 0x01010101);
    if (size === 8) this.code.i64(word, word).op(`i64.${what}`);
    else this.code.i32(size === 4 ? word : word & (size === 2 ? 0xffff : 0xff)).op(`i32.${what}`);
  }
}

/** Indices of the functions that check ranges. */
export interface RangeFunctions {
  readonly read: number;
  readonly write: number;
}

export const RANGE_PARAMETERS = ["i64", "i32", "i32", "i32"] as const;
export const RANGE_LOCALS = ["i32", "i32"] as const;

/** BPF_RINGBUF_HDR_SZ in front of a record. */
const RECORD_HEADER = -8;
