/** One 8-byte slot of struct bpf_insn. A 64-bit immediate load (ldimm64) takes two of them. */
export interface Insn {
  /** Opcode byte. */
  readonly code: number;
  /** 0 to 15; r0 to r10 are registers. */
  readonly dst: number;
  readonly src: number;
  /** Signed 16 bits. */
  readonly offset: number;
  /** Signed 32 bits. */
  readonly imm: number;
}
