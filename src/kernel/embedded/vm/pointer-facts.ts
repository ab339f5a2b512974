import { ALU, CLASS, JUMP, PSEUDO, SOURCE } from "../../../isa/index.ts";
import type { Insn, Opcode } from "../../../isa/index.ts";
import { FRAME_SIZE } from "./helper.ts";

/** What a register holds: a number that nothing is known of, or one that is known, plus what was added to it. */
export interface Held {
  readonly base: number;
  readonly delta: number;
}

/**
 * Bases that mean something: the top of the function's frame, address 0 of pointers that the loader resolved, and 0
 * itself, of numbers.
 */
export const FRAME = 0;
export const ABSOLUTE = 1;
export const NUMBER = 2;
const FIRST_UNKNOWN = 3;

/** Accesses whose pointer is this far from one that was looked at end in the gap around the shadow, or in it. */
const NEAR = 32_768;

/** What a lookup gives where it finds something. */
interface Offer {
  readonly size: number;
  readonly writable: boolean;
}

interface Range {
  readonly low: number;
  readonly high: number;
}

/**
 * What is known of a function's pointers as its code is written: which registers hold the frame's address or a map's,
 * which bytes behind which number were found to be live, which bytes of the frame were written. It only follows
 * straight code and branches; where edges meet, all but the frame's is forgotten.
 */
export class PointerFacts {
  #nextBase = FIRST_UNKNOWN;
  #registers: (Held | undefined)[] = [];
  /** What may be read, and what may be written too, of memory behind a number. */
  #readable = new Map<number, Range>();
  #writable = new Map<number, Range>();
  /** Results of lookups that, where they are not null, have so much behind them. */
  #offered = new Map<number, Offer>();
  /** Of numbers whose upper half is a pointer's: which delta that was seen at. */
  #pointers = new Map<number, number>();
  /** A bit for each byte of the frame. */
  #written = new Uint32Array(FRAME_SIZE / 32);

  constructor() {
    this.forget();
  }

  /** What holds at the start of a block that is entered by one edge: what held at that edge's origin. */
  copy(): PointerFacts {
    const copy = new PointerFacts();
    copy.#nextBase = this.#nextBase;
    copy.#registers = [...this.#registers];
    copy.#readable = new Map(this.#readable);
    copy.#writable = new Map(this.#writable);
    copy.#offered = new Map(this.#offered);
    copy.#pointers = new Map(this.#pointers);
    copy.#written = this.#written.slice();
    return copy;
  }

  /** Where edges meet: bytes of the frame stay written. */
  forget(): void {
    this.#registers = [];
    this.#registers[10] = { base: FRAME, delta: 0 };
    this.forgetLive();
    this.#offered.clear();
    this.#pointers.clear();
  }

  /** A call may have freed what was there. */
  forgetLive(): void {
    this.#readable.clear();
    this.#writable.clear();
  }

  held(register: number): Held {
    return (this.#registers[register] ??= { base: this.#nextBase++, delta: 0 });
  }

  /** The address of a map, or inside of a map's value, where the program names it. */
  addressIn(register: number): number | undefined {
    const held = this.#registers[register];
    return held?.base === ABSOLUTE ? held.delta : undefined;
  }

  isThere({ base, delta }: Held, offset: number, size: number, writes: boolean): boolean {
    const known = (writes ? this.#writable : this.#readable).get(base);
    return known !== undefined && known.low <= delta + offset && delta + offset + size <= known.high;
  }

  /** What may be written may be read as well. */
  add({ base, delta }: Held, offset: number, size: number, writable: boolean): void {
    const low = delta + offset;
    extend(this.#readable, base, low, low + size);
    if (writable) extend(this.#writable, base, low, low + size);
    this.#pointers.set(base, low);
  }

  /** Whether a number near this one was found to have a pointer's upper half. */
  isPointer({ base, delta }: Held, offset: number): boolean {
    const seen = this.#pointers.get(base);
    return seen !== undefined && Math.abs(delta + offset - seen) < NEAR;
  }

  numberIn(register: number): number | undefined {
    const held = this.#registers[register];
    return held?.base === NUMBER ? held.delta : undefined;
  }

  /** r0 is null or has so many bytes behind it. */
  offer(offer: Offer): void {
    this.#offered.set(this.held(0).base, offer);
  }

  /** Takes one way of a branch: what is compared with null may turn out to be a pointer. */
  takeEdge(opcode: Opcode, insn: Insn, taken: boolean): void {
    if (opcode.form !== "branch" || insn.imm !== 0 || (insn.code & SOURCE.X) !== 0) return;
    const operation = insn.code & 0xf0;
    const nonNull = (operation === JUMP.JNE && taken) || (operation === JUMP.JEQ && !taken);
    if (!nonNull || (insn.code & 7) !== CLASS.JMP) return;
    const held = this.held(insn.dst);
    const offer = this.#offered.get(held.base);
    if (offer && held.delta === 0) this.add(held, 0, offer.size, offer.writable);
  }

  /** Whether bytes of the frame, by their distance from its top, are known to be written. */
  isWritten(low: number, size: number): boolean {
    for (let at = FRAME_SIZE + low; at < FRAME_SIZE + low + size; at++)
      if ((this.#written[at >> 5]! & (1 << (at & 31))) === 0) return false;
    return true;
  }

  addWritten(low: number, size: number): void {
    for (let at = FRAME_SIZE + low; at < FRAME_SIZE + low + size; at++)
      this.#written[at >> 5]! |= 1 << (at & 31);
  }

  forgetWritten(): void {
    this.#written.fill(0);
  }

  /** What an instruction leaves; `next` is the second slot of a constant. */
  step(opcode: Opcode, insn: Insn): void {
    switch (opcode.form) {
      case "loadImmediate64":
        this.#registers[insn.dst] = ADDRESSES.has(insn.src)
          ? { base: ABSOLUTE, delta: insn.imm >>> 0 }
          : undefined;
        return;
      case "alu":
        this.#registers[insn.dst] = this.#result(insn);
        return;
      case "call":
      case "callLocal":
      case "callRegister":
      case "callKfunc":
        for (let register = 0; register <= 5; register++) this.#registers[register] = undefined;
        return;
      case "loadPacket":
        this.#registers[0] = undefined;
        return;
      case "atomic":
        // Those that fetch write their source, and an exchange r0.
        this.#registers[insn.src] = undefined;
        this.#registers[0] = undefined;
        return;
      case "store":
      case "storeImmediate":
      case "storeRelease":
      case "branch":
      case "jump":
      case "jumpFar":
      case "jumpRegister":
      case "mayGoto":
      case "exit":
        return;
      default:
        this.#registers[insn.dst] = undefined;
    }
  }

  /** Of 64-bit moves and sums with constants. */
  #result(insn: Insn): Held | undefined {
    switch (insn.code) {
      case CLASS.ALU64 | ALU.MOV | SOURCE.X:
        return insn.offset === 0 ? this.held(insn.src) : undefined;
      case CLASS.ALU64 | ALU.MOV | SOURCE.K:
        return { base: NUMBER, delta: insn.imm };
      case CLASS.ALU | ALU.MOV | SOURCE.K:
        return { base: NUMBER, delta: insn.imm >>> 0 };
      case CLASS.ALU64 | ALU.ADD | SOURCE.K:
        return moved(this.held(insn.dst), insn.imm);
      case CLASS.ALU64 | ALU.SUB | SOURCE.K:
        return moved(this.held(insn.dst), -insn.imm);
      default:
        return undefined;
    }
  }
}

function extend(ranges: Map<number, Range>, base: number, low: number, high: number): void {
  const known = ranges.get(base);
  const meets = known && known.low <= high && low <= known.high;
  ranges.set(
    base,
    meets ? { low: Math.min(known.low, low), high: Math.max(known.high, high) } : { low, high },
  );
}

/** Maps and their values, as the loader resolved them. */
const ADDRESSES: ReadonlySet<number> = new Set([
  PSEUDO.MAP_FD,
  PSEUDO.MAP_IDX,
  PSEUDO.MAP_VALUE,
  PSEUDO.MAP_IDX_VALUE,
]);

/** Sums that stay exact. */
const FAR = 2 ** 40;

function moved({ base, delta }: Held, by: number): Held | undefined {
  return Math.abs(delta + by) < FAR ? { base, delta: delta + by } : undefined;
}
