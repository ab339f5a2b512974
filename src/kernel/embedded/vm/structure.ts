import type { Code } from "../../../wasm/index.ts";
import type { Block, ControlFlow } from "./control-flow.ts";

/** What a block's own code is; the structure around it is this file's. */
export interface BlockEmitter {
  readonly code: Code;
  /** An i32 local that the dispatch loop may use. */
  readonly blockLocal: number;
  /** All instructions but the one that leaves the block. */
  straight(block: Block, index: number): void;
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

/**
 * Structured control flow from the dominator tree, after N. Ramsey, "Beyond Relooper" (ICFP 2022): a block
 * is followed by the blocks it dominates, those where edges meet wrapped so that a forward jump is a branch out.
 * Work is kept on a list of our own, since functions nest thousands of blocks.
 */
class Structurer {
  readonly #flow: ControlFlow;
  readonly #emitter: BlockEmitter;
  readonly #work: (() => void)[] = [];
  /**
   * How many constructs are open inside the one that a branch to each block leaves or repeats. A loop that begins
   * where edges meet has one for those that come from before it, and then its own.
   */
  readonly #depths: Int32Array;

  constructor(flow: ControlFlow, emitter: BlockEmitter) {
    this.#flow = flow;
    this.#emitter = emitter;
    this.#depths = new Int32Array(flow.blocks.length);
  }

  emit(): void {
    this.#tree(0, 0);
    for (let next = this.#work.pop(); next; next = this.#work.pop()) next();
  }

  /** Queues steps so that they run in the given order, before what is queued already. */
  #then(...steps: (() => void)[]): void {
    this.#queue(steps);
  }

  /** The same for any number of steps. */
  #queue(steps: readonly (() => void)[]): void {
    for (let index = steps.length - 1; index >= 0; index--) this.#work.push(steps[index]!);
  }

  #tree(block: number, outer: number): void {
    const { code } = this.#emitter;
    const meeting = this.#flow.children[block]!.filter((child) => this.#flow.merge[child]);
    if (!this.#flow.loopHeader[block]) return this.#within(block, meeting, outer);
    code.loop();
    this.#emitter.loopEntry();
    this.#then(
      () => this.#within(block, meeting, this.#open(outer, block)),
      () => void code.op("end"),
    );
  }

  /** The block inside, and after it the blocks where edges from inside meet: the first of them innermost. */
  #within(block: number, meeting: readonly number[], outer: number): void {
    const { code } = this.#emitter;
    let depth = outer;
    const after: (() => void)[] = [];
    for (const target of meeting.toReversed()) {
      code.block();
      const surrounding = depth;
      depth = this.#open(depth, target);
      after.push(
        () => this.#tree(target, surrounding),
        () => void code.op("end"),
      );
    }
    const inner = depth;
    after.push(() => this.#body(block, inner));
    this.#queue(after.toReversed());
  }

  #body(index: number, depth: number): void {
    const { code } = this.#emitter;
    const block = this.#flow.blocks[index]!;
    this.#emitter.straight(block, index);
    const [next, taken] = block.successors;
    if (next === undefined) return this.#emitter.leave(block);
    if (taken === undefined || taken === next) return this.#goto(index, next, depth);
    this.#emitter.condition(block);
    if (this.#isBranch(index, taken)) {
      code.brIf(depth - this.#depths[taken]!);
      return this.#goto(index, next, depth);
    }
    if (this.#isBranch(index, next)) {
      code.op("i32.eqz").brIf(depth - this.#depths[next]!);
      return this.#goto(index, taken, depth);
    }
    code.if();
    this.#then(
      () => this.#goto(index, taken, depth + 1),
      () => void code.op("else"),
      () => this.#goto(index, next, depth + 1),
      () => void code.op("end"),
    );
  }

  #isBranch(from: number, to: number): boolean {
    return to <= from || this.#flow.merge[to]!;
  }

  #goto(from: number, to: number, depth: number): void {
    if (this.#isBranch(from, to)) this.#emitter.code.br(depth - this.#depths[to]!);
    else this.#tree(to, depth);
  }

  /** A construct inside of `outer` others, for branches to a block. */
  #open(outer: number, target: number): number {
    return (this.#depths[target] = outer + 1);
  }
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
    emitter.straight(block, index);
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
