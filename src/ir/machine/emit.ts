import { BpfkitError } from "../../errors.ts";
import type { Insn } from "../../isa/index.ts";
import type { SourcePosition } from "../node.ts";
import type { CodeLine, CodeRelocation, CpuVersion, ProgramCode } from "../program-code.ts";
import { invertJump } from "./layout.ts";
import { isConditionalJump, JA, JA32, LDIMM64, machineInsn, signed16 } from "./machine.ts";
import type { MachineBlock, MachineFunction, MachineInsn } from "./machine.ts";

/** Numbers the instructions of all functions, one behind the other, and writes them out. */
export function emitFunctions(
  functions: readonly MachineFunction[],
  options: { readonly cpu: CpuVersion; readonly stackSize: number },
): ProgramCode {
  const placed = functions.map((fn) => ({ fn, insns: placeJumps(fn, options.cpu) }));
  const starts = new Map<string, number>();
  let size = 0;
  for (const { fn, insns } of placed) {
    starts.set(fn.name, size);
    for (const { insn } of insns) size += slotsOf(insn);
  }
  const out: Insn[] = [];
  const relocations: CodeRelocation[] = [];
  const infos: { insn: number; typeId: number }[] = [];
  const lines: CodeLine[] = [];
  for (const { fn, insns } of placed) {
    if (fn.typeId !== undefined) infos.push({ insn: out.length, typeId: fn.typeId });
    const first = insns.find(({ insn }) => insn.position !== undefined)?.insn.position;
    let position: SourcePosition | undefined;
    for (const { insn, offset } of insns) {
      const at = out.length;
      const here = insn.position ?? (position === undefined ? (fn.position ?? first) : undefined);
      if (here !== undefined && !samePosition(here, position)) {
        position = here;
        const { file, text, line, column } = here;
        lines.push({ insn: at, file, text, line, column });
      }
      if (insn.reloc !== undefined) relocations.push({ ...insn.reloc, insn: at });
      let { imm } = insn;
      if (insn.target !== undefined) {
        const target = starts.get(insn.target);
        if (target === undefined) throw new TypeError(`${insn.target} is called but not defined`);
        imm = target - at - 1;
        relocations.push({ kind: "function", insn: at, target });
      }
      out.push({ code: insn.code, dst: insn.dst, src: insn.src, offset, imm });
      if (insn.code === LDIMM64) out.push({ code: 0, dst: 0, src: 0, offset: 0, imm: insn.high });
    }
  }
  return { insns: out, relocations, functions: infos, lines, stackSize: options.stackSize };
}

function samePosition(left: SourcePosition, right: SourcePosition | undefined): boolean {
  return (
    left === right || (left.line === right?.line && left.column === right.column && left.file === right.file)
  );
}

function slotsOf(insn: MachineInsn): number {
  return insn.code === LDIMM64 ? 2 : 1;
}

interface PlacedInsn {
  readonly insn: MachineInsn;
  readonly offset: number;
}

/** One of two ways must be jumped to: the one that does not follow; if neither does, the usual one. */
function orientForks(fn: MachineFunction, cpu: CpuVersion): void {
  fn.blocks.forEach((block, index) => {
    const [first, second] = block.next;
    const following = fn.blocks[index + 1];
    if (second === undefined) return;
    if (first === following || (block.likely === false && second !== following)) {
      invertJump(block, cpu === "v1");
    }
  });
}

/** Lets forks whose jump would go too far jump over a block that goes there: only that jump can be long. */
function addIslands(fn: MachineFunction): void {
  for (let changed = true; changed;) {
    changed = false;
    const starts = new Map<MachineBlock, number>();
    let position = 0;
    for (const block of fn.blocks) {
      starts.set(block, position);
      for (const insn of block.insns) position += slotsOf(insn);
      // A jump that may be needed at its end.
      position++;
    }
    if (position <= FARTHEST) return;
    const out: MachineBlock[] = [];
    for (const block of fn.blocks) {
      out.push(block);
      const [target] = block.next;
      if (block.next.length < 2 || target === undefined) continue;
      const end = starts.get(block)! + block.insns.length;
      if (Math.abs(starts.get(target)! - end) <= FARTHEST - block.insns.length) continue;
      const island: MachineBlock = { ...block, insns: [], next: [target], likely: undefined };
      block.next = [island, block.next[1]!];
      invertJump(block, false);
      out.push(island);
      changed = true;
    }
    fn.blocks = out;
  }
}

const FARTHEST = 0x7fff;

/** Adds the jumps that the order of blocks asks for, and computes how far each goes. */
function placeJumps(fn: MachineFunction, cpu: CpuVersion): PlacedInsn[] {
  orientForks(fn, cpu);
  if (cpu === "v4") addIslands(fn);
  const insns: MachineInsn[] = [];
  const jumps = new Map<MachineInsn, MachineBlock>();
  const starts = new Map<MachineBlock, number>();
  const positions: number[] = [];
  let position = 0;
  const push = (insn: MachineInsn): void => {
    insns.push(insn);
    positions.push(position);
    position += slotsOf(insn);
  };
  fn.blocks.forEach((block, index) => {
    starts.set(block, position);
    const following = fn.blocks[index + 1];
    block.insns.forEach(push);
    const [first, second] = block.next;
    const last = block.insns.at(-1);
    if (second !== undefined) {
      if (last === undefined || !isConditionalJump(last)) throw new TypeError("a fork without a jump");
      jumps.set(last, first!);
    }
    const fall = second ?? first;
    if (fall !== undefined && fall !== following) {
      const jump = machineInsn(JA, { position: last?.position });
      jumps.set(jump, fall);
      push(jump);
    }
  });
  return insns.map((insn, index) => {
    const target = jumps.get(insn);
    if (target === undefined) return { insn, offset: insn.offset };
    const distance = starts.get(target)! - positions[index]! - 1;
    if (distance === signed16(distance)) return { insn, offset: distance };
    if (insn.code !== JA || cpu !== "v4") throw new JumpRangeError(fn.name);
    insn.code = JA32;
    insn.imm = distance;
    return { insn, offset: 0 };
  });
}

/** A jump would have to go farther than its 16-bit offset can. */
export class JumpRangeError extends BpfkitError {
  override readonly name = "JumpRangeError";

  constructor(functionName: string) {
    super(`${functionName} is too large: a branch goes farther than 32767 instructions`, {
      code: "ir/jump-range",
      hints: ["Split it into several probes."],
    });
  }
}
