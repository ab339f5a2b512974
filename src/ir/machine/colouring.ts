import type { Aliases } from "./coalescing.ts";
import { availableCount } from "./coalescing.ts";
import type { InterferenceGraph } from "./interference.ts";
import { ALLOCATABLE, FIRST_VIRTUAL } from "./machine.ts";
import type { Register } from "./machine.ts";

export interface Colouring {
  /** Physical register by virtual one; -1 where there was none. */
  readonly colours: Int8Array;
  readonly spilled: readonly Register[];
}

/** Optimistic colouring; a node prefers the register that a move joins it with, so that the move goes. */
export function colour(
  graph: InterferenceGraph,
  aliases: Aliases,
  reluctance: (register: Register) => number,
): Colouring {
  const { neighbours, forbidden } = graph;
  const order = simplificationOrder(graph, reluctance);
  const partners = movePartners(graph, aliases);
  const fixedWishes = wishesFor(partners);
  const colours = new Int8Array(neighbours.length).fill(-1);
  const spilled: Register[] = [];
  for (let index = order.length - 1; index >= 0; index--) {
    const node = order[index]!;
    let free = ALLOCATABLE & ~forbidden[node]!;
    for (const other of neighbours[node]!) if (colours[other]! >= 0) free &= ~(1 << colours[other]!);
    if (free === 0) {
      spilled.push(node);
      continue;
    }
    colours[node] = choose(node, free);
  }
  return { colours, spilled };

  /** The register of a move's other end; else one that no neighbour wishes for. */
  function choose(node: Register, free: number): Register {
    const wishes = new Float64Array(PHYSICAL);
    for (const { other, weight } of partners[node] ?? []) {
      const colour = other < FIRST_VIRTUAL ? other : colours[other]!;
      if (colour >= 0) wishes[colour]! += weight;
      // The other end has no register yet: what it would like is good for both.
      else addWishes(wishes, fixedWishes[other], 1 / 2, forbidden[other]!);
    }
    for (const neighbour of neighbours[node]!) {
      if (colours[neighbour]! < 0) addWishes(wishes, fixedWishes[neighbour], -1 / 4, forbidden[neighbour]!);
    }
    let best = -1;
    for (const register of PREFERENCE) {
      if ((free & (1 << register)) === 0) continue;
      if (best < 0 || wishes[register]! > wishes[best]!) best = register;
    }
    return best;
  }
}

const PHYSICAL = 10;

function addWishes(
  wishes: Float64Array,
  others: Float64Array | undefined,
  factor: number,
  forbidden: number,
): void {
  if (others === undefined) return;
  for (let register = 0; register < PHYSICAL; register++) {
    if ((forbidden & (1 << register)) === 0) wishes[register]! += others[register]! * factor;
  }
}

/** How much each node would like each physical register, by the moves to and from it. */
function wishesFor(partners: readonly (readonly Partner[] | undefined)[]): (Float64Array | undefined)[] {
  return partners.map((list) => {
    const fixed = list?.filter(({ other }) => other < FIRST_VIRTUAL) ?? [];
    if (fixed.length === 0) return undefined;
    const wishes = new Float64Array(PHYSICAL);
    for (const { other, weight } of fixed) wishes[other]! += weight;
    return wishes;
  });
}

/** Registers that nobody wishes for, the least useful for arguments first. */
const PREFERENCE: readonly Register[] = [0, 5, 4, 3, 2, 1, 6, 7, 8, 9];

interface Partner {
  readonly other: Register;
  readonly weight: number;
}

function movePartners(graph: InterferenceGraph, aliases: Aliases): (Partner[] | undefined)[] {
  const partners: (Partner[] | undefined)[] = Array.from({ length: graph.neighbours.length });
  const root = (register: Register): Register =>
    register < FIRST_VIRTUAL ? register : aliases.find(register);
  for (const move of graph.moves) {
    const [dst, src] = [root(move.dst), root(move.src)];
    if (dst === src || dst === 10 || src === 10) continue;
    if (dst >= FIRST_VIRTUAL) (partners[dst] ??= []).push({ other: src, weight: move.weight });
    if (src >= FIRST_VIRTUAL) (partners[src] ??= []).push({ other: dst, weight: move.weight });
  }
  return partners;
}

/** The reverse of the order in which nodes are coloured: those that always find a register first. */
function simplificationOrder(
  graph: InterferenceGraph,
  reluctance: (register: Register) => number,
): Register[] {
  const { neighbours, forbidden, cost } = graph;
  const degrees = new Int32Array(neighbours.length);
  const available = new Int32Array(neighbours.length);
  const removed = new Uint8Array(neighbours.length);
  const easy: Register[] = [];
  let hard: Register[] = [];
  for (let node = FIRST_VIRTUAL; node < neighbours.length; node++) {
    const set = neighbours[node];
    if (set === undefined) continue;
    degrees[node] = set.size;
    available[node] = availableCount(forbidden[node]!);
    if (degrees[node]! < available[node]!) easy.push(node);
    else hard.push(node);
  }
  const order: Register[] = [];
  const remove = (node: Register): void => {
    removed[node] = 1;
    order.push(node);
    for (const other of neighbours[node]!) {
      if (degrees[other]!-- === available[other]! && removed[other] === 0) easy.push(other);
    }
  };
  for (;;) {
    for (let node = easy.pop(); node !== undefined; node = easy.pop()) if (removed[node] === 0) remove(node);
    hard = hard.filter((node) => removed[node] === 0);
    if (hard.length === 0) return order;
    let cheapest = hard[0]!;
    const price = (node: Register): number => (reluctance(node) * cost[node]!) / (degrees[node]! + 1);
    for (const node of hard) if (price(node) < price(cheapest)) cheapest = node;
    remove(cheapest);
  }
}
