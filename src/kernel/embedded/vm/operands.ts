import type { Code } from "../../../wasm/index.ts";

/** What a pointer must be for a load to reach memory. */
export interface LoadGuard {
  readonly pointerHigh: number;
  /** Bytes of memory. */
  readonly end: number;
}

/**
 * How a machine reaches the operands of an instruction. The translator keeps registers in locals and knows
 * every field; the interpreter finds both in memory. What an operation does is written once, against this.
 */
export interface Operands {
  readonly code: Code;
  /** Locals that an operation may use between its reads and its write. */
  readonly scratch32: number;
  readonly scratch64: number;
  /** Where loads that fault give 0. */
  readonly guard: LoadGuard | undefined;
  /** imm, where it is known as the code is written. */
  readonly knownImmediate: number | undefined;

  /** Pushes the register that a field names: all 64 bits, or the low 32. */
  read(field: "dst" | "src"): void;
  readLow(field: "dst" | "src"): void;
  readRegister(register: number): void;
  /** Sets a register; `value` pushes an i64. */
  write(field: "dst" | "src", value: () => void): void;
  writeRegister(register: number, value: () => void): void;
  /** Pushes imm: sign-extended to i64, or as i32. */
  immediate(): void;
  immediateLow(): void;
  /** Pushes the address in a register plus offset as i32; gives the rest of the offset for the access. */
  address(field: "dst" | "src"): number;
}
