import type { Registers } from "../../index.ts";
import { planX64Step } from "./x64-step.ts";
import type { Step } from "./x64-step.ts";

/** Where an architecture's registers lie in NT_PRSTATUS, in 64-bit words. */
export interface RegisterLayout {
  readonly words: number;
  readonly instructionPointer: number;
  readonly stackPointer: number;
  readonly result: number;
  /** Of function calls. */
  readonly functionArguments: readonly number[];
  readonly callArguments: readonly number[];
  /** The number of a call that is about to be made again. */
  readonly callNumber: number;
  /** The number of a call at its entry, where it can be changed in NT_PRSTATUS; else the register set for it. */
  readonly enteredNumber: { readonly word: number } | { readonly set: number };
  /** Bytes of the instruction that enters the kernel, and of a breakpoint. */
  readonly callSize: number;
  readonly breakpoint: readonly number[];
  /** How far behind the breakpoint's address the thread stops. */
  readonly breakpointAdvance: number;
  /** Frame pointers link a frame with its caller's: the word that holds the innermost. */
  readonly framePointer: number;
  /** How the instruction at the start of some code is made away from its place; absent: by putting it back. */
  readonly planStep?: (code: Uint8Array) => Step | undefined;
  /** AUDIT_ARCH_* of the architecture itself. */
  readonly audit: number;
}

const NT_ARM_SYSTEM_CALL = 0x404;

export const REGISTERS: Readonly<Record<string, RegisterLayout>> = {
  // struct user_regs_struct, arch/x86/include/asm/user_64.h
  x64: {
    words: 27,
    instructionPointer: 16,
    stackPointer: 19,
    result: 10,
    functionArguments: [14, 13, 12, 11, 9, 8],
    callArguments: [14, 13, 12, 7, 9, 8],
    callNumber: 10,
    enteredNumber: { word: 15 },
    callSize: 2,
    breakpoint: [0xcc],
    breakpointAdvance: 1,
    framePointer: 4,
    planStep: planX64Step,
    audit: 0xc000_003e,
  },
  // struct user_pt_regs, arch/arm64/include/uapi/asm/ptrace.h
  arm64: {
    words: 34,
    instructionPointer: 32,
    stackPointer: 31,
    result: 0,
    functionArguments: [0, 1, 2, 3, 4, 5, 6, 7],
    callArguments: [0, 1, 2, 3, 4, 5],
    callNumber: 8,
    enteredNumber: { set: NT_ARM_SYSTEM_CALL },
    callSize: 4,
    breakpoint: [0x00, 0x00, 0x20, 0xd4],
    breakpointAdvance: 0,
    framePointer: 29,
    audit: 0xc000_00b7,
  },
};

export class RegisterFile implements Registers {
  readonly layout: RegisterLayout;
  readonly words: BigUint64Array;
  readonly bytes: Uint8Array;

  constructor(layout: RegisterLayout) {
    this.layout = layout;
    this.words = new BigUint64Array(layout.words);
    this.bytes = new Uint8Array(this.words.buffer);
  }

  copy(): RegisterFile {
    const copy = new RegisterFile(this.layout);
    copy.words.set(this.words);
    return copy;
  }

  get instructionPointer(): bigint {
    return this.words[this.layout.instructionPointer]!;
  }

  set instructionPointer(value: bigint) {
    this.words[this.layout.instructionPointer] = value;
  }

  get stackPointer(): bigint {
    return this.words[this.layout.stackPointer]!;
  }

  set stackPointer(value: bigint) {
    this.words[this.layout.stackPointer] = value;
  }

  get result(): bigint {
    return this.words[this.layout.result]!;
  }

  set result(value: bigint) {
    this.words[this.layout.result] = value;
  }

  get framePointer(): bigint {
    return this.words[this.layout.framePointer]!;
  }

  argument(index: number): bigint {
    const word = this.layout.functionArguments[index];
    return word === undefined ? 0n : this.words[word]!;
  }

  /** Sets up a system call, which is made when the instruction pointer is at an instruction that enters the kernel. */
  setCall(number: number, args: readonly bigint[]): void {
    this.words[this.layout.callNumber] = BigInt(number);
    for (const [index, word] of this.layout.callArguments.entries()) this.words[word] = args[index] ?? 0n;
  }
}
