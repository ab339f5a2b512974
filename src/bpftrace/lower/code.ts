import {
  addIncoming,
  type Block,
  type Builder,
  type Phi,
  type Predicate,
  type Value,
} from "../../ir/index.ts";
import { callHelper, type HelperName } from "./helpers.ts";

/**
 * A {@link Builder} that also turns assignable variables into SSA form while the function is written, after
 * Braun et al., "Simple and Efficient Construction of Static Single Assignment Form" (2013). A block is
 * sealed when all its predecessors are known; only the head of a loop is written before that.
 *
 * `V` is what identifies a variable.
 */
export class Code<V extends object> {
  readonly builder: Builder;
  readonly #predecessors = new Map<Block, Block[]>();
  readonly #definitions = new Map<Block, Map<V, Value>>();
  readonly #loops = new Set<Block>();
  /** Phis of loop heads that wait for the way back. */
  readonly #open = new Map<Block, { variable: V; phi: Phi }[]>();
  readonly #zero: (variable: V) => Value;

  /** `zero` is what a variable holds that was never assigned. */
  constructor(builder: Builder, zero: (variable: V) => Value) {
    this.builder = builder;
    this.#zero = zero;
  }

  get ended(): boolean {
    return this.builder.ended;
  }

  helper(name: HelperName, ...args: readonly Value[]): Value {
    return callHelper(this.builder, name, args);
  }

  block(name: string): Block {
    return this.builder.block(name);
  }

  at(block: Block): void {
    this.builder.at(block);
  }

  /** Starts a loop's head; it stays open until {@link sealLoop}. */
  atLoop(head: Block): void {
    this.#loops.add(head);
    this.#open.set(head, []);
    this.builder.at(head);
  }

  jump(target: Block): void {
    if (this.builder.ended) return;
    this.#edge(target);
    this.builder.br(target);
  }

  branch(
    predicate: Predicate,
    left: Value,
    right: Value,
    whenTrue: Block,
    whenFalse: Block,
    options: { readonly likely?: boolean } = {},
  ): void {
    if (this.builder.ended) return;
    this.#edge(whenTrue);
    if (whenFalse !== whenTrue) this.#edge(whenFalse);
    this.builder.branchIf(predicate, left, right, whenTrue, whenFalse, options);
  }

  ret(value: Value): void {
    if (!this.builder.ended) this.builder.ret(value);
  }

  /** All ways into the loop's head are written now. */
  sealLoop(head: Block): void {
    const open = this.#open.get(head) ?? [];
    this.#open.delete(head);
    for (const { variable, phi } of open) this.#complete(variable, phi, head);
  }

  /** Whether anything jumps to the block. */
  isReached(block: Block): boolean {
    return (this.#predecessors.get(block)?.length ?? 0) > 0;
  }

  write(variable: V, value: Value): void {
    this.#define(variable, this.builder.current, value);
  }

  read(variable: V): Value {
    return this.#read(variable, this.builder.current);
  }

  /** A value that depends on the way into the current block, which must have at least one. */
  phi(incoming: readonly (readonly [Block, Value])[]): Value {
    const [first] = incoming;
    if (first === undefined) throw new RangeError("a phi needs a way in");
    if (incoming.every(([, value]) => value === first[1])) return first[1];
    const type = first[1].type === "i32" ? "i32" : "i64";
    return this.builder.phi(type, incoming);
  }

  #edge(target: Block): void {
    const from = this.builder.current;
    const list = this.#predecessors.get(target);
    if (list === undefined) this.#predecessors.set(target, [from]);
    else if (!list.includes(from)) list.push(from);
  }

  #define(variable: V, block: Block, value: Value): void {
    let map = this.#definitions.get(block);
    if (map === undefined) {
      map = new Map();
      this.#definitions.set(block, map);
    }
    map.set(variable, value);
  }

  #read(variable: V, block: Block): Value {
    const known = this.#definitions.get(block)?.get(variable);
    if (known !== undefined) return known;
    const value = this.#readThrough(variable, block);
    this.#define(variable, block, value);
    return value;
  }

  #readThrough(variable: V, block: Block): Value {
    const open = this.#open.get(block);
    if (open !== undefined) {
      const phi = this.#newPhi(variable, block);
      open.push({ variable, phi });
      return phi;
    }
    if (this.#loops.has(block)) {
      const phi = this.#newPhi(variable, block);
      this.#define(variable, block, phi);
      this.#complete(variable, phi, block);
      return phi;
    }
    const predecessors = this.#predecessors.get(block) ?? [];
    const values = predecessors.map((from) => [from, this.#read(variable, from)] as const);
    const [first] = values;
    if (first === undefined) return this.#zero(variable);
    if (values.every(([, value]) => value === first[1])) return first[1];
    const phi = this.#newPhi(variable, block);
    for (const [from, value] of values) addIncoming(phi, from, value);
    return phi;
  }

  #complete(variable: V, phi: Phi, block: Block): void {
    for (const from of this.#predecessors.get(block) ?? [])
      addIncoming(phi, from, this.#read(variable, from));
  }

  #newPhi(variable: V, block: Block): Phi {
    const type = this.#zero(variable).type === "i32" ? "i32" : "i64";
    const here = this.builder.current;
    this.builder.at(block);
    const phi = this.builder.phi(type);
    this.builder.at(here);
    return phi;
  }
}
