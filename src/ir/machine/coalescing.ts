import type { InterferenceGraph } from "./interference.ts";
import { ALLOCATABLE, FIRST_VIRTUAL } from "./machine.ts";
import type { Register } from "./machine.ts";

/** Which registers have become one. */
export class Aliases {
  readonly #parent: Int32Array;

  constructor(count: number) {
    this.#parent = Int32Array.from({ length: count }, (_, index) => index);
  }

  find(register: Register): Register {
    let root = register;
    while (this.#parent[root] !== root) root = this.#parent[root]!;
    while (this.#parent[register] !== root) {
      const next = this.#parent[register]!;
      this.#parent[register] = root;
      register = next;
    }
    return root;
  }

  join(kept: Register, gone: Register): void {
    this.#parent[gone] = kept;
  }
}

export function availableCount(forbidden: number): number {
  let mask = ALLOCATABLE & ~forbidden;
  let count = 0;
  for (; mask !== 0; mask &= mask - 1) count++;
  return count;
}

/**
 * Joins the two ends of moves between virtual registers where that cannot make the graph harder to
 * colour (Briggs: few neighbours of the joint node have many neighbours; or George's test). Changes the graph in place.
 */
export function coalesce(graph: InterferenceGraph): Aliases {
  const { neighbours, forbidden, cost } = graph;
  const aliases = new Aliases(neighbours.length);
  const moves = graph.moves.filter((move) => move.dst >= FIRST_VIRTUAL && move.src >= FIRST_VIRTUAL);
  moves.sort((left, right) => right.weight - left.weight);

  const joinable = (a: Register, b: Register): boolean => {
    const [mine, others] = [neighbours[a]!, neighbours[b]!];
    if (mine.has(b)) return false;
    if (absorbs(a, b) || absorbs(b, a)) return true;
    const available = availableCount(forbidden[a]! | forbidden[b]!);
    let significant = 0;
    const count = (register: Register, shared: boolean): void => {
      const degree = neighbours[register]!.size - (shared ? 1 : 0);
      if (degree >= availableCount(forbidden[register]!)) significant++;
    };
    for (const register of mine) count(register, others.has(register));
    for (const register of others) if (!mine.has(register)) count(register, false);
    return significant < available;
  };

  /** George: every neighbour of the one is a neighbour of the other already, or easy to colour anyway. */
  function absorbs(kept: Register, gone: Register): boolean {
    if ((forbidden[gone]! & ~forbidden[kept]!) !== 0) return false;
    const mine = neighbours[kept]!;
    for (const register of neighbours[gone]!) {
      if (mine.has(register)) continue;
      if (neighbours[register]!.size >= availableCount(forbidden[register]!)) return false;
    }
    return true;
  }

  for (let changed = true, rounds = 0; changed && rounds < 4; rounds++) {
    changed = false;
    for (const move of moves) {
      let a = aliases.find(move.dst);
      let b = aliases.find(move.src);
      if (a === b || !joinable(a, b)) continue;
      if (neighbours[a]!.size < neighbours[b]!.size) [a, b] = [b, a];
      aliases.join(a, b);
      for (const register of neighbours[b]!) {
        neighbours[register]!.delete(b);
        neighbours[register]!.add(a);
        neighbours[a]!.add(register);
      }
      neighbours[b] = undefined;
      forbidden[a]! |= forbidden[b]!;
      cost[a]! += cost[b]!;
      changed = true;
    }
  }
  return aliases;
}
