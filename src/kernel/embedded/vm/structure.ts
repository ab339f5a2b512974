import type { Code } from "../../../wasm/index.ts";
import type { Block, ControlFlow } from "./control-flow.ts";

/** What a block's own code is; the structure around it is this file's. */
export interface BlockEmitter {
  readonly code: Code;
  /** An i32 local that the dispatch loop may use. */
  readonly blockLocal: number;
  /** All instructions but the one that leaves the block. */
  straight(block: Block): void;
  /** Pushes whether the second successor is taken, as i32. */
  condition(block: Block): void;
  /** The end of a block without successors. */
  leave(block: Block): void;
  /** Runs at every start of a loop's iteration. */
  loopEntry(): void;
}

/** Writes a function's blocks; control leaves it by return only. */
export function emitStructured(flow: ControlFlow, emitter: BlockEmitter): void {
  if (flow.reducible) new Structurer(flow, emitter).emit();
  else emitDispatch(flow, emitter);
}

/** An open construct of WebAssembly, from the inside out. */
interface Label {
  readonly outer: Label | undefined;
  readonly depth: number;
  /** Where a branch to it goes: a loop's header, or the block after a block's end. */
  readonly target: number;
}

/**
 * Structured control flow from the dominator tree, after N. Ramsey, "Beyond Relooper" (ICFP 2022): a block
 * is followed by the blocks it dominates, those where edges meet wrapped so that a forward jump is a branch out.
 * Work is kept on a list of our own, since functions nest thousands of blocks.
 */
class Structurer {
  readonly #flow: ControlFlow;
  readonly #emitter: BlockEmitter;
  readonly #work: (() => void)[] = [];

  constructor(flow: ControlFlow, emitter: BlockEmitter) {
    this.#flow = flow;
    this.#emitter = emitter;
  }

  emit(): void {
    this.#tree(0, undefined);
    for (let next = this.#work.pop(); next; next = this.#work.pop()) next();
  }

  /** Queues steps so that they run in the given order, before what is queued already. */
  #then(...steps: (() => void)[]): void {
    for (const step of steps.toReversed()) this.#work.push(step);
  }

  #tree(block: number, outer: Label | undefined): void {
    const { code } = this.#emitter;
    const meeting = this.#flow.children[block]!.filter((child) => this.#flow.merge[child]);
    if (!this.#flow.loopHeader[block]) return this.#within(block, meeting, outer);
    code.loop();
    this.#emitter.loopEntry();
    this.#then(
      () => this.#within(block, meeting, open(outer, block)),
      () => void code.op("end"),
    );
  }

  /** The block inside, and after it the blocks where edges from inside meet: the first of them innermost. */
  #within(block: number, meeting: readonly number[], outer: Label | undefined): void {
    const { code } = this.#emitter;
    let label = outer;
    const after: (() => void)[] = [];
    for (const target of meeting.toReversed()) {
      code.block();
      const surrounding = label;
      label = open(label, target);
      after.unshift(
        () => void code.op("end"),
        () => this.#tree(target, surrounding),
      );
    }
    const inner = label;
    this.#then(() => this.#body(block, inner), ...after);
  }

  #body(index: number, label: Label | undefined): void {
    const { code } = this.#emitter;
    const block = this.#flow.blocks[index]!;
    this.#emitter.straight(block);
    const [next, taken] = block.successors;
    if (next === undefined) return this.#emitter.leave(block);
    if (taken === undefined || taken === next) return this.#goto(index, next, label);
    this.#emitter.condition(block);
    if (this.#isBranch(index, taken)) {
      code.brIf(depthOf(label, taken));
      return this.#goto(index, next, label);
    }
    if (this.#isBranch(index, next)) {
      code.op("i32.eqz").brIf(depthOf(label, next));
      return this.#goto(index, taken, label);
    }
    code.if();
    const inside = open(label, -1);
    this.#then(
      () => this.#goto(index, taken, inside),
      () => void code.op("else"),
      () => this.#goto(index, next, inside),
      () => void code.op("end"),
    );
  }

  #isBranch(from: number, to: number): boolean {
    return to <= from || this.#flow.merge[to]!;
  }

  #goto(from: number, to: number, label: Label | undefined): void {
    if (this.#isBranch(from, to)) this.#emitter.code.br(depthOf(label, to));
    else this.#tree(to, label);
  }
}

function open(outer: Label | undefined, target: number): Label {
  return { outer, target, depth: (outer?.depth ?? 0) + 1 };
}

/** How many constructs lie between here and the one that a branch to `target` leaves or repeats. */
function depthOf(from: Label | undefined, target: number): number {
  let label = from;
  while (label && label.target !== target) label = label.outer;
  if (!label || !from) throw new Error(`no way to block ${target}`);
  return from.depth - label.depth;
}

/** Irreducible functions: a loop that jumps to the block whose number a local holds. */
function emitDispatch(flow: ControlFlow, emitter: BlockEmitter): void {
  const { code, blockLocal } = emitter;
  const count = flow.blocks.length;
  code.loop();
  emitter.loopEntry();
  flow.blocks.forEach(() => code.block());
  code.get(blockLocal).brTable(
    flow.blocks.map((_, index) => index),
    0,
  );
  flow.blocks.forEach((block, index) => {
    code.op("end");
    emitter.straight(block);
    const [next, taken] = block.successors;
    if (next === undefined) return emitter.leave(block);
    if (taken === undefined) code.i32(next);
    else {
      code.i32(taken).i32(next);
      emitter.condition(block);
      code.op("select");
    }
    code.set(blockLocal).br(count - 1 - index);
  });
  code.op("end");
}
