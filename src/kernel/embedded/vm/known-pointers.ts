import type { Insn, Opcode } from "../../../isa/index.ts";

/** Which registers hold an address that is known as a block's code is written: maps, mostly. */
export class KnownPointers {
  readonly #high: number;
  readonly #addresses = new Map<number, number>();

  /** `high`: the upper half of pointers. */
  constructor(high: number) {
    this.#high = high;
  }

  addressIn(register: number): number | undefined {
    return this.#addresses.get(register);
  }

  /** At a block's start nothing is known. */
  forgetAll(): void {
    this.#addresses.clear();
  }

  /** What an instruction leaves; `next` is the second slot of a constant. */
  step(opcode: Opcode, insn: Insn, next: Insn | undefined): void {
    switch (opcode.form) {
      case "loadImmediate64":
        this.#set(insn.dst, insn.src === 0 && next?.imm === this.#high ? insn.imm : undefined);
        return;
      case "alu":
        this.#set(insn.dst, isMove(opcode) ? this.#addresses.get(insn.src) : undefined);
        return;
      case "call":
      case "callLocal":
      case "callRegister":
      case "callKfunc":
        for (let register = 0; register <= 5; register++) this.#addresses.delete(register);
        return;
      case "loadPacket":
        this.#addresses.delete(0);
        return;
      case "atomic":
        // Those that fetch write their source, and an exchange r0.
        this.#addresses.delete(insn.src);
        this.#addresses.delete(0);
        return;
      case "store":
      case "storeImmediate":
      case "storeRelease":
        return;
      default:
        this.#addresses.delete(insn.dst);
    }
  }

  #set(register: number, address: number | undefined): void {
    if (address === undefined) this.#addresses.delete(register);
    else this.#addresses.set(register, address);
  }
}

/** A 64-bit move between registers, without sign extension. */
function isMove(opcode: Opcode): boolean {
  return (opcode.code & 0xff) === MOVE_REGISTER;
}

/** BPF_ALU64 | BPF_MOV | BPF_X. */
const MOVE_REGISTER = 0xbf;
