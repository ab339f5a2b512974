import type { ForkKind } from "../../index.ts";
import type { PtraceCalls } from "./ptrace-calls.ts";
import { readStatus } from "./refusal.ts";

/** include/uapi/linux/sched.h */
export const CLONE = { VM: 0x100n, VFORK: 0x4000n, THREAD: 0x1_0000n } as const;
/** The signal of the child's end, in clone(2)'s flags. */
const CSIGNAL = 0xffn;
const LOW = 0xffff_ffffn;

/** CLONE_* of the call that a thread stands in at the birth of its child, as the kernel's own functions get them. */
export function cloneFlags(calls: PtraceCalls, pid: number, how: ForkKind, child: number): bigint {
  return asked(calls, pid) ?? guessed(how, pid, child);
}

function asked(calls: PtraceCalls, pid: number): bigint | undefined {
  const { layout, numbers } = calls;
  const registers = calls.registers(pid);
  if (!registers) return undefined;
  const { enteredNumber, callNumber, callArguments } = layout;
  const argument = registers.words[callArguments[0]!]!;
  switch (
    Number(BigInt.asIntN(32, registers.words["word" in enteredNumber ? enteredNumber.word : callNumber]!))
  ) {
    case numbers.clone:
      return argument & LOW & ~CSIGNAL;
    case numbers.clone3: {
      const flags = calls.read(pid, argument, 8);
      return flags.length < 8
        ? undefined
        : new DataView(flags.buffer, flags.byteOffset).getBigUint64(0, true);
    }
    case numbers.fork:
      return 0n;
    case numbers.vfork:
      return CLONE.VM | CLONE.VFORK;
    default:
      return undefined;
  }
}

/** For 32-bit programs, and for who was killed just now. */
function guessed(how: ForkKind, pid: number, child: number): bigint {
  if (how === "vfork") return CLONE.VM | CLONE.VFORK;
  const group = /^Tgid:\s*(\d+)/m;
  const [mine, its] = [pid, child].map((each) => group.exec(readStatus(each))?.[1]);
  return how === "clone" && mine !== undefined && mine === its ? CLONE.VM | CLONE.THREAD : 0n;
}
