/** One machine instruction, worded as objdump words it. */
export interface MachineInsn {
  /** Bytes from the start of the function. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** With prefixes, as `lock xadd`. */
  readonly mnemonic: string;
  readonly operands: readonly string[];
  /** Where a jump or call with a fixed target goes. */
  readonly target?: bigint;
}

/** Turns a function's bytes into instructions that cover every one of them. */
export interface Disassembler extends Disposable {
  /** `address` is where the first byte lies; targets of jumps are absolute. */
  disassemble(bytes: Uint8Array, address: bigint): readonly MachineInsn[];
}

/** Machine code that can be read; process.arch's names. */
export type MachineArch = "x64" | "arm64";

/** What an instruction says, before it is worded: as the library that decodes gives it. */
export interface DecodedInsn {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly mnemonic: string;
  readonly operands: string;
}

/** Words an instruction as objdump does; one for each architecture. */
export type Wording = (insn: DecodedInsn) => Omit<MachineInsn, "offset" | "bytes">;
