import { CALL_RECORD } from "./derived-events.ts";

// struct pt_regs of a thread in a system call, as far as the call's record tells: its number, arguments, result.

interface CallRegisters {
  /** 64-bit words. */
  readonly args: readonly number[];
  readonly number: number;
  readonly result: number;
}

const LAYOUTS: Readonly<Record<string, CallRegisters>> = {
  // arch/x86/include/asm/ptrace.h: di, si, dx, r10, r8, r9; orig_ax; ax
  x64: { args: [14, 13, 12, 7, 9, 8], number: 15, result: 10 },
  // arch/arm64/include/asm/ptrace.h: x0 to x5; syscallno; x0
  arm64: { args: [0, 1, 2, 3, 4, 5], number: 35, result: 0 },
};

/** Bytes; as many as any architecture's need. */
export const REGISTERS_SIZE = 336;

/** `record`: of raw_syscalls. */
export function callRegisters(arch: string, record: DataView, entry: boolean): Uint8Array {
  const registers = new Uint8Array(REGISTERS_SIZE);
  const layout = LAYOUTS[arch];
  if (!layout) return registers;
  const view = new DataView(registers.buffer);
  const copy = (from: number, word: number): void => {
    if (from + 8 <= record.byteLength) view.setBigUint64(word * 8, record.getBigUint64(from, true), true);
  };
  copy(CALL_RECORD.number, layout.number);
  if (entry) layout.args.forEach((word, index) => copy(CALL_RECORD.args + index * 8, word));
  else copy(CALL_RECORD.result, layout.result);
  return registers;
}
