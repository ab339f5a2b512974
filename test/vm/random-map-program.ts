import {
  alu,
  aluImmediate,
  atomic,
  branch,
  branchImmediate,
  call,
  exit,
  load,
  loadMap,
  move,
  moveImmediate,
  store,
  storeImmediate,
} from "../../src/isa/index.ts";
import type { Insn, Size } from "../../src/isa/index.ts";
import type { BpfAttr } from "../../src/kernel/index.ts";
import { BPF_F, BPF_FUNC, BPF_MAP_TYPE, STRUCT } from "../../src/uapi/index.ts";
import { Random, SCALARS, SLOTS, randomBody } from "./random-program.ts";

/** A map that programs use, the same in every kernel. */
interface FuzzedMap {
  readonly attr: BpfAttr["MAP_CREATE"];
  /** Programs put a key of this map on the stack. */
  readonly keys: "index" | "number" | "prefix" | "none";
  readonly perCpu?: boolean;
}

const define = (
  map_type: number,
  keys: FuzzedMap["keys"],
  rest: Partial<BpfAttr["MAP_CREATE"]>,
): FuzzedMap => ({
  keys,
  attr: { map_type, key_size: 4, value_size: 16, max_entries: 4, ...rest },
});

export const FUZZED_MAPS: readonly FuzzedMap[] = [
  define(BPF_MAP_TYPE.ARRAY, "index", {}),
  define(BPF_MAP_TYPE.ARRAY, "index", { value_size: 12, max_entries: 3 }),
  define(BPF_MAP_TYPE.HASH, "number", { key_size: 8 }),
  define(BPF_MAP_TYPE.HASH, "number", { key_size: 3, max_entries: 6, map_flags: BPF_F.NO_PREALLOC }),
  define(BPF_MAP_TYPE.LRU_HASH, "number", { max_entries: 512 }),
  { ...define(BPF_MAP_TYPE.PERCPU_ARRAY, "index", {}), perCpu: true },
  { ...define(BPF_MAP_TYPE.PERCPU_HASH, "number", {}), perCpu: true },
  define(BPF_MAP_TYPE.LPM_TRIE, "prefix", { key_size: 8, map_flags: BPF_F.NO_PREALLOC }),
  define(BPF_MAP_TYPE.QUEUE, "none", { key_size: 0 }),
  define(BPF_MAP_TYPE.STACK, "none", { key_size: 0 }),
];

/** Bytes of the packet: an Ethernet header, what registers and stack slots begin with, and some more. */
export const PACKET_SIZE: number = 14 + (SCALARS + SLOTS) * 8 + 32;
const STATE = 14;

// Below the slots that all programs use: the context, a key, a value, and what registers end with.
const CONTEXT = -8 * (SLOTS + 1);
const KEY: number = CONTEXT - 16;
const VALUE: number = KEY - 32;
const SAVED: number = VALUE - 8 * SCALARS;
const { data, data_end } = STRUCT.__sk_buff.fields;

/**
 * A program of type sched_cls: state comes from the packet and goes back into it; between random instructions
 * it calls helpers of maps and packets. `maps` are descriptors, in the order of {@link FUZZED_MAPS}.
 */
export function randomMapProgram(seed: number, length: number, maps: readonly number[]): Insn[] {
  const random = new Random(seed);
  const body = randomBody(random, length, () =>
    random.below(4) === 0 ? [...randomCall(random, maps), ...setRegisters(random)] : undefined,
  );
  return [...prologue(), ...body, ...epilogue(random)];
}

function prologue(): Insn[] {
  const insns = [store(8, 10, CONTEXT, 1), ...packetIn(7, 2)];
  for (let slot = 0; slot < SLOTS; slot++)
    insns.push(load(8, 2, 7, STATE + (SCALARS + slot) * 8), store(8, 10, -8 * (slot + 1), 2));
  for (const at of [KEY, KEY + 8, VALUE, VALUE + 8, VALUE + 16, VALUE + 24])
    insns.push(storeImmediate(8, 10, at, 0));
  for (let register = 0; register < SCALARS - 1; register++)
    insns.push(load(8, register, 7, STATE + register * 8));
  return [...insns, load(8, 7, 7, STATE + 7 * 8)];
}

/** The packet's start in `to`, all its bytes checked; leaves with 0 where it became shorter. */
function packetIn(to: number, scratch: number): Insn[] {
  return [
    load(8, scratch, 10, CONTEXT),
    load(4, to, scratch, data.offset),
    load(4, scratch, scratch, data_end.offset),
    aluImmediate("ADD", to, PACKET_SIZE),
    branch("JLE", to, scratch, 2),
    moveImmediate(0, 0),
    exit(),
    aluImmediate("SUB", to, PACKET_SIZE),
  ];
}

function epilogue(random: Random): Insn[] {
  const insns: Insn[] = [];
  for (let register = 0; register < SCALARS; register++)
    insns.push(store(8, 10, SAVED + 8 * register, register));
  insns.push(...packetIn(7, 2));
  for (let register = 0; register < SCALARS; register++)
    insns.push(load(8, 2, 10, SAVED + 8 * register), store(8, 7, STATE + 8 * register, 2));
  for (let slot = 0; slot < SLOTS; slot++)
    insns.push(load(8, 2, 10, -8 * (slot + 1)), store(8, 7, STATE + (SCALARS + slot) * 8, 2));
  insns.push(load(8, 2, 10, VALUE), store(8, 7, STATE + (SCALARS + SLOTS) * 8, 2));
  return [...insns, moveImmediate(0, random.below(8)), exit()];
}

/** A call leaves r1 to r5 unreadable, so they are given values again. */
function setRegisters(random: Random): Insn[] {
  return [1, 2, 3, 4, 5].map((register) => load(8, register, 10, -8 * (1 + random.below(SLOTS))));
}

function randomCall(random: Random, maps: readonly number[]): Insn[] {
  switch (random.below(5)) {
    case 0:
      return packetCall(random);
    case 1:
      return textCall(random);
    default:
      return mapCall(random, maps);
  }
}

function mapCall(random: Random, maps: readonly number[]): Insn[] {
  const index = random.below(maps.length);
  const { keys, attr } = FUZZED_MAPS[index]!;
  const map = loadMap(1, maps[index]!);
  const value = [store(8, 10, VALUE, random.below(SCALARS)), storeImmediate(8, 10, VALUE + 8, random.imm())];
  if (keys === "none") {
    const [push, ...take] = [BPF_FUNC.map_push_elem, BPF_FUNC.map_pop_elem, BPF_FUNC.map_peek_elem];
    return random.below(2) === 0
      ? [...value, ...map, ...at(2, VALUE), moveImmediate(3, random.pick([0, 0, 2])), call(push)]
      : [...map, ...at(2, VALUE), call(random.pick(take))];
  }
  const key = keyOf(random, keys);
  switch (random.below(4)) {
    case 0:
      return [
        ...value,
        ...key,
        ...map,
        ...at(2, KEY),
        ...at(3, VALUE),
        moveImmediate(4, random.pick([0, 0, 1, 2])),
        call(BPF_FUNC.map_update_elem),
      ];
    case 1:
      return [...key, ...map, ...at(2, KEY), call(BPF_FUNC.map_delete_elem)];
    default: {
      const use = useValue(random, attr.value_size);
      return [
        ...key,
        ...map,
        ...at(2, KEY),
        call(BPF_FUNC.map_lookup_elem),
        branchImmediate("JEQ", 0, 0, use.length),
        ...use,
        moveImmediate(0, random.imm()),
      ];
    }
  }
}

/** r0 points to a value: reads and writes of it, whose outcome is kept in a slot. */
function useValue(random: Random, size: number): Insn[] {
  const width = random.pick([1, 2, 4, 8] as const);
  const offset = width * random.below(Math.floor(size / width));
  const slot = -8 * (1 + random.below(SLOTS));
  switch (random.below(4)) {
    case 0:
      return [load(width, 1, 0, offset), store(8, 10, slot, 1)];
    case 1:
      return [load(8, 1, 10, slot), store(width, 0, offset, 1)];
    case 2:
      return [storeImmediate(width, 0, offset, random.imm())];
    default: {
      const wide: Size = random.pick([4, 8] as const);
      return [
        load(8, 1, 10, slot),
        atomic(
          random.pick(["ADD", "OR", "AND", "XOR"] as const),
          wide,
          0,
          wide * random.below(Math.floor(size / wide)),
          1,
        ),
      ];
    }
  }
}

/** Few keys, so that programs meet them again. */
function keyOf(random: Random, keys: FuzzedMap["keys"]): Insn[] {
  if (keys === "prefix")
    return [
      storeImmediate(4, 10, KEY, random.pick([0, 8, 15, 16, 24, 32, 33])),
      storeImmediate(4, 10, KEY + 4, random.pick([0x0000000a, 0x0000010a, 0x0300010a, 0x0000000b])),
    ];
  const register = random.below(SCALARS);
  return random.below(2) === 0
    ? [storeImmediate(8, 10, KEY, random.below(6))]
    : [move(1, register), aluImmediate("AND", 1, 7), store(8, 10, KEY, 1)];
}

function packetCall(random: Random): Insn[] {
  const offset = random.pick([0, 4, 13, 14, 40, 100, PACKET_SIZE - 8, PACKET_SIZE - 4, PACKET_SIZE]);
  const context = load(8, 1, 10, CONTEXT);
  switch (random.below(4)) {
    case 0:
      return [
        context,
        moveImmediate(2, offset),
        ...at(3, VALUE),
        moveImmediate(4, random.pick([1, 2, 4, 8, 16])),
        call(BPF_FUNC.skb_load_bytes),
      ];
    case 1:
      return [
        store(8, 10, VALUE, random.below(SCALARS)),
        context,
        moveImmediate(2, Math.max(STATE, offset)),
        ...at(3, VALUE),
        moveImmediate(4, random.pick([1, 2, 4, 8])),
        moveImmediate(5, 0),
        call(BPF_FUNC.skb_store_bytes),
      ];
    case 2:
      return [
        store(8, 10, VALUE, random.below(SCALARS)),
        ...at(1, VALUE),
        moveImmediate(2, random.pick([0, 4, 8])),
        ...at(3, VALUE + 8),
        moveImmediate(4, random.pick([0, 4, 8])),
        moveImmediate(5, random.imm()),
        call(BPF_FUNC.csum_diff),
      ];
    default:
      return [
        context,
        moveImmediate(2, random.pick([14, 20, 24, PACKET_SIZE - 2])),
        load(8, 3, 10, -8),
        aluImmediate("AND", 3, 0xffff, 32),
        load(8, 4, 10, -16),
        aluImmediate("AND", 4, 0xffff, 32),
        moveImmediate(5, 2),
        call(BPF_FUNC.l3_csum_replace),
      ];
  }
}

/** Numbers in texts, and comparison of texts. */
function textCall(random: Random): Insn[] {
  const text = (): Insn =>
    storeImmediate(4, 10, VALUE, random.pick([0x00333231, 0x35302d20, 0x66663078, 0x39390020, 0x37373730]));
  if (random.below(2) === 0)
    return [
      text(),
      ...at(1, VALUE),
      moveImmediate(2, random.pick([1, 2, 3, 4])),
      moveImmediate(3, random.pick([0, 8, 10, 16])),
      ...at(4, VALUE + 16),
      call(random.pick([BPF_FUNC.strtol, BPF_FUNC.strtoul])),
    ];
  return [moveImmediate(0, random.imm()), alu("ADD", 0, 6)];
}

/** A pointer into the stack. */
function at(register: number, offset: number): Insn[] {
  return [move(register, 10), aluImmediate("ADD", register, offset)];
}
