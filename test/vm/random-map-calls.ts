import {
  alu,
  aluImmediate,
  atomic,
  branchImmediate,
  call,
  exit,
  load,
  loadFunction,
  loadMap,
  loadMapValue,
  loadSigned,
  move,
  moveImmediate,
  store,
  storeImmediate,
} from "../../src/isa/index.ts";
import type { Insn, Size } from "../../src/isa/index.ts";
import { BPF_F, BPF_FUNC } from "../../src/uapi/index.ts";
import { FUZZED_MAPS, TEXTS, TEXT_SIZE, mapOf } from "./fuzzed-maps.ts";
import type { FuzzedMap } from "./fuzzed-maps.ts";
import { DYNPTR, KEY, VALUE, at, contextIn, masked, slotOf } from "./frame.ts";
import type { CallMaker, Making } from "./frame.ts";
import { SCALARS, SLOTS } from "./random-program.ts";
import type { Random } from "./random.ts";

// Calls of helpers for maps, texts and callbacks, which programs of every type may make.

const ATOMICS = ["ADD", "OR", "AND", "XOR", "FETCH_ADD", "FETCH_XOR", "XCHG"] as const;

const r1Map = ({ maps, used }: Making, index: number): Insn[] => {
  used.add(index);
  return loadMap(1, maps[index]!);
};

/** Bytes of a value that programs may touch: behind a lock or timer. */
const plainFrom = (map: FuzzedMap): number => (map.special === "lock" ? 8 : map.special === "timer" ? 16 : 0);

export const tableCall: CallMaker = (making) => {
  const { random } = making;
  const index = random.pick(making.allowed.filter((at) => FUZZED_MAPS[at]!.use === "table"));
  const map = FUZZED_MAPS[index]!;
  switch (random.below(5)) {
    case 0:
      return [
        store(8, 10, VALUE, random.below(SCALARS)),
        storeImmediate(8, 10, VALUE + 8, random.imm()),
        ...keyOf(random, map.keys),
        ...r1Map(making, index),
        ...at(2, KEY),
        ...at(3, VALUE),
        moveImmediate(4, random.pick([0, 0, 1, 2, ...(map.special === "lock" ? [4, 5] : [8])])),
        call(BPF_FUNC.map_update_elem),
      ];
    case 1:
      return [
        ...keyOf(random, map.keys),
        ...r1Map(making, index),
        ...at(2, KEY),
        call(BPF_FUNC.map_delete_elem),
      ];
    default:
      return [
        ...keyOf(random, map.keys),
        ...r1Map(making, index),
        ...at(2, KEY),
        call(BPF_FUNC.map_lookup_elem),
        ...ifThere(useValue(making, index), random.imm()),
      ];
  }
};

/** What is done with the pointer in r0 unless it is null; r0 is a number then. */
function ifThere(use: readonly Insn[], result: number): Insn[] {
  return [branchImmediate("JEQ", 0, 0, use.length), ...use, moveImmediate(0, result)];
}

/** r0 points to a value: reads and writes of it, whose outcome is kept in a slot. */
function useValue(making: Making, index: number): Insn[] {
  const { random } = making;
  const map = FUZZED_MAPS[index]!;
  if (map.special === "timer" && random.below(2) === 0) return timerCall(making, index);
  const access = accessValue(random, plainFrom(map), map.attr.value_size);
  if (map.special !== "lock" || random.below(2) === 0) return access;
  return [
    move(6, 0),
    move(1, 0),
    call(BPF_FUNC.spin_lock),
    move(0, 6),
    ...access,
    move(1, 6),
    call(BPF_FUNC.spin_unlock),
    moveImmediate(6, random.imm()),
  ];
}

function accessValue(random: Random, first: number, end: number): Insn[] {
  const width = random.pick([1, 2, 4, 8] as const);
  const offset = place(random, first, end, width);
  const slot = slotOf(random);
  switch (random.below(7)) {
    case 0:
      return [load(width, 1, 0, offset), store(8, 10, slot, 1)];
    case 1:
      return [load(8, 1, 10, slot), store(width, 0, offset, 1)];
    case 2:
      return [storeImmediate(width, 0, offset, random.imm())];
    case 3:
      return width === 8
        ? [atomic("LOAD_ACQ", 8, 1, offset, 0), store(8, 10, slot, 1)]
        : [loadSigned(width, 1, 0, offset), store(8, 10, slot, 1)];
    case 4:
      return [load(8, 1, 10, slot), atomic("STORE_REL", width, 0, offset, 1)];
    case 5: {
      // An element at a distance that is not known as the program is loaded.
      const room = end - first - width;
      if (room < width) return [storeImmediate(width, 0, offset, random.imm())];
      const mask = room >= 8 ? 7 : room >= 4 ? 3 : 1;
      return [
        ...masked(random, 1, mask),
        alu("ADD", 0, 1),
        load(width, 1, 0, first),
        aluImmediate("ADD", 1, random.imm()),
        store(width, 0, first, 1),
        store(8, 10, slot, 1),
      ];
    }
    default: {
      const wide: Size = random.pick([4, 8] as const);
      const operation = random.pick(ATOMICS);
      const insns = [load(8, 1, 10, slot), atomic(operation, wide, 0, place(random, first, end, wide), 1)];
      return /FETCH|XCHG/.test(operation) ? [...insns, store(8, 10, slot, 1)] : insns;
    }
  }
}

function place(random: Random, first: number, end: number, width: number): number {
  return first + width * random.below(Math.floor((end - first) / width));
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

export const queueCall: CallMaker = (making) => {
  const { random } = making;
  const index = random.pick(FUZZED_MAPS.flatMap((map, at) => (map.use === "queue" ? [at] : [])));
  if (random.below(2) === 0)
    return [
      store(8, 10, VALUE, random.below(SCALARS)),
      ...r1Map(making, index),
      ...at(2, VALUE),
      moveImmediate(3, random.pick([0, 0, 2, 1])),
      call(BPF_FUNC.map_push_elem),
    ];
  return [
    ...r1Map(making, index),
    ...at(2, VALUE),
    call(random.pick([BPF_FUNC.map_pop_elem, BPF_FUNC.map_peek_elem])),
  ];
};

/** A map in a map, and an element of it. */
export const innerCall: CallMaker = (making) => {
  const { random } = making;
  const index = random.pick(FUZZED_MAPS.flatMap((map, at) => (map.use === "maps" ? [at] : [])));
  const inner = FUZZED_MAPS[FUZZED_MAPS[index]!.inner![0]!]!;
  const update = random.below(3) === 0;
  const element = update
    ? [...at(3, VALUE), moveImmediate(4, random.pick([0, 1, 2])), call(BPF_FUNC.map_update_elem)]
    : [
        call(BPF_FUNC.map_lookup_elem),
        ...ifThere(accessValue(random, 0, inner.attr.value_size), random.imm()),
      ];
  return [
    storeImmediate(8, 10, KEY, random.below(4)),
    ...r1Map(making, index),
    ...at(2, KEY),
    call(BPF_FUNC.map_lookup_elem),
    ...ifThere([move(1, 0), ...at(2, KEY), ...element], random.imm()),
  ];
};

/** Records that are sent whole, or filled in place, or thrown away. */
export const ringCall: CallMaker = (making) => {
  const { random } = making;
  const map = r1Map(making, mapOf("ring"));
  const wakeup = random.pick([0, 0, 1, 2]);
  switch (random.below(4)) {
    case 0:
      return [
        store(8, 10, VALUE, random.below(SCALARS)),
        ...map,
        ...at(2, VALUE),
        moveImmediate(3, random.pick([0, 1, 5, 8, 24, 32])),
        moveImmediate(4, random.pick([0, 0, 1, 2, 8])),
        call(BPF_FUNC.ringbuf_output),
      ];
    case 1:
      return [...map, moveImmediate(2, random.below(5)), call(BPF_FUNC.ringbuf_query)];
    case 2: {
      const size = random.pick([8, 16, 24, 700, 2000]);
      const use = [
        move(6, 0),
        // What was in the ring before is the kernel's own affair: readers look no further.
        ...[0, 8, 16].filter((word) => word < size).map((word) => storeImmediate(8, 0, word, random.imm())),
        ...accessValue(random, 0, Math.min(size, 24)),
        move(1, 6),
        moveImmediate(2, wakeup),
        call(random.pick([BPF_FUNC.ringbuf_submit, BPF_FUNC.ringbuf_submit, BPF_FUNC.ringbuf_discard])),
        moveImmediate(6, random.imm()),
      ];
      return [
        ...map,
        moveImmediate(2, size),
        moveImmediate(3, 0),
        call(BPF_FUNC.ringbuf_reserve),
        ...ifThere(use, random.imm()),
      ];
    }
    default: {
      // A record through a dynptr, which is given back whether it was to be had or not.
      const size = random.pick([8, 16, 24]);
      return [
        ...map,
        moveImmediate(2, size),
        moveImmediate(3, 0),
        ...at(4, DYNPTR),
        call(BPF_FUNC.ringbuf_reserve_dynptr),
        store(8, 10, slotOf(random), 0),
        ...at(1, DYNPTR),
        moveImmediate(2, 0),
        ...at(3, VALUE),
        moveImmediate(4, size),
        moveImmediate(5, 0),
        call(BPF_FUNC.dynptr_write),
        ...at(1, DYNPTR),
        moveImmediate(2, random.pick([0, 4, 20])),
        ...at(3, VALUE),
        moveImmediate(4, random.pick([1, 8, 16])),
        moveImmediate(5, 0),
        call(BPF_FUNC.dynptr_write),
        store(8, 10, slotOf(random), 0),
        ...at(1, DYNPTR),
        moveImmediate(2, wakeup),
        call(random.pick([BPF_FUNC.ringbuf_submit_dynptr, BPF_FUNC.ringbuf_discard_dynptr])),
        moveImmediate(0, random.imm()),
      ];
    }
  }
};

/** A dynptr over a map's value: written, read, and looked at in place. */
export const dynptrCall: CallMaker = (making) => {
  const { random } = making;
  const offset = random.pick([0, 1, 4, 8, 14, 16]);
  const size = random.pick([1, 4, 8]);
  const operation = random.pick([
    [
      ...at(1, DYNPTR),
      moveImmediate(2, offset),
      ...at(3, VALUE),
      moveImmediate(4, size),
      moveImmediate(5, 0),
      call(BPF_FUNC.dynptr_write),
    ],
    [
      ...at(1, VALUE),
      moveImmediate(2, size),
      ...at(3, DYNPTR),
      moveImmediate(4, offset),
      moveImmediate(5, 0),
      call(BPF_FUNC.dynptr_read),
    ],
    [
      ...at(1, DYNPTR),
      moveImmediate(2, offset),
      moveImmediate(3, 8),
      call(BPF_FUNC.dynptr_data),
      ...ifThere(accessValue(random, 0, 8), random.imm()),
    ],
  ]);
  const use = [
    move(1, 0),
    moveImmediate(2, 16),
    moveImmediate(3, random.pick([0, 0, 0, 1])),
    ...at(4, DYNPTR),
    call(BPF_FUNC.dynptr_from_mem),
    store(8, 10, slotOf(random), 0),
    ...operation,
    store(8, 10, slotOf(random), 0),
  ];
  return [
    storeImmediate(8, 10, KEY, random.below(4)),
    ...r1Map(making, 0),
    ...at(2, KEY),
    call(BPF_FUNC.map_lookup_elem),
    ...ifThere(use, random.imm()),
  ];
};

/** A timer in the value at r0. It is set to an hour at least: none fires. */
function timerCall(making: Making, index: number): Insn[] {
  const { random } = making;
  const slot = slotOf(random);
  const keep = [move(6, 0)];
  const back = [store(8, 10, slot, 0), moveImmediate(6, random.imm())];
  switch (random.below(4)) {
    case 0: {
      making.used.add(index);
      const [low, high] = loadMap(2, making.maps[index]!);
      return [
        ...keep,
        move(1, 6),
        low,
        high,
        moveImmediate(3, random.pick([0, 1, 7, 1])),
        call(BPF_FUNC.timer_init),
        ...back,
      ];
    }
    case 1: {
      const callback = making.functions.add([moveImmediate(0, 0), exit()]);
      return [...keep, move(1, 6), ...loadFunction(2, callback), call(BPF_FUNC.timer_set_callback), ...back];
    }
    case 2:
      return [
        ...keep,
        move(1, 6),
        moveImmediate(2, 1 << 30),
        aluImmediate("LSH", 2, 12),
        moveImmediate(3, random.pick([0, 0, BPF_F.TIMER_CPU_PIN, 4])),
        call(BPF_FUNC.timer_start),
        ...back,
      ];
    default:
      return [...keep, move(1, 6), call(BPF_FUNC.timer_cancel), ...back];
  }
}

/** Numbers in texts, comparison of texts, texts of numbers. */
export const textCall: CallMaker = (making) => {
  const { random, maps, used } = making;
  const constant = (register: number, index: number): Insn[] => {
    used.add(mapOf("text"));
    return loadMapValue(register, maps[mapOf("text")]!, index * TEXT_SIZE);
  };
  const text = storeImmediate(
    4,
    10,
    VALUE,
    random.pick([0x00333231, 0x35302d20, 0x66663078, 0x39390020, 0x37373730, 0x65742061, 0x2d2d3731]),
  );
  switch (random.below(4)) {
    case 0:
      return [
        text,
        ...at(1, VALUE),
        moveImmediate(2, random.pick([1, 2, 3, 4, 8])),
        moveImmediate(3, random.pick([0, 8, 10, 16, 0, 7])),
        ...at(4, VALUE + 16),
        call(random.pick([BPF_FUNC.strtol, BPF_FUNC.strtoul])),
      ];
    case 1:
      return [
        text,
        ...at(1, VALUE),
        moveImmediate(2, random.pick([1, 4, 8, 16])),
        ...constant(3, random.below(TEXTS.length)),
        call(BPF_FUNC.strncmp),
      ];
    case 2: {
      const index = random.below(5);
      const format = TEXTS[index]!;
      const count = format.split("%").length - 1;
      const values = format
        .split("%")
        .slice(1)
        .flatMap((piece, argument) =>
          piece.startsWith("s")
            ? [...constant(1, 5 + random.below(3)), store(8, 10, VALUE + 16 + 8 * argument, 1)]
            : [store(8, 10, VALUE + 16 + 8 * argument, random.below(SCALARS))],
        );
      // r1 is a register of the program, which values may name: it is written last.
      return [
        ...values,
        ...at(1, VALUE),
        moveImmediate(2, random.pick([1, 4, 16])),
        ...constant(3, index),
        ...at(4, VALUE + 16),
        moveImmediate(5, 8 * count),
        call(BPF_FUNC.snprintf),
        // Texts' addresses are a kernel's own.
        storeImmediate(8, 10, VALUE + 16, 0),
        storeImmediate(8, 10, VALUE + 24, 0),
      ];
    }
    default:
      return [
        store(8, 10, VALUE, random.below(SCALARS)),
        ...at(1, VALUE + 8),
        moveImmediate(2, random.pick([1, 4, 8, 12])),
        ...(random.below(3) === 0 ? [moveImmediate(3, random.pick([0, 1]))] : at(3, -8 * SLOTS)),
        call(
          random.pick([
            BPF_FUNC.probe_read_kernel,
            BPF_FUNC.probe_read_kernel,
            BPF_FUNC.probe_read_kernel_str,
          ]),
        ),
      ];
  }
};

/** A function called back some times, with a number that it changes on its caller's stack. */
export const loopCall: CallMaker = ({ random, functions }) => {
  const callback = functions.add([
    move(0, 2),
    load(8, 3, 0, 0),
    ...Array.from({ length: random.below(4) }, () =>
      aluImmediate(random.pick(["ADD", "XOR", "MUL", "OR"] as const), 3, random.imm()),
    ),
    alu(random.pick(["ADD", "XOR", "SUB"] as const), 3, 1),
    store(8, 0, 0, 3),
    moveImmediate(0, 0),
    branchImmediate("JSET", 3, random.pick([0, 0, 1, 0x80]), 1),
    exit(),
    moveImmediate(0, 1),
    exit(),
  ]);
  return [
    store(8, 10, VALUE, random.below(SCALARS)),
    ...(random.below(2) === 0 ? masked(random, 1, 15) : [moveImmediate(1, random.below(20))]),
    ...loadFunction(2, callback),
    ...at(3, VALUE),
    moveImmediate(4, random.pick([0, 0, 0, 0, 1])),
    call(BPF_FUNC.loop),
  ];
};

function isWalked({ use, keys, special }: FuzzedMap): boolean {
  return use === "table" && keys !== "prefix" && !special;
}

/** Each element of a map: the sum of what they hold, and a change of each. */
export const eachCall: CallMaker = (making) => {
  const { random, functions } = making;
  const index = random.pick(making.allowed.filter((at) => isWalked(FUZZED_MAPS[at]!)));
  const map = FUZZED_MAPS[index]!;
  // Where the order is a kernel's own, all elements are walked.
  const stops = !map.unordered && random.below(2) === 0;
  const callback = functions.add([
    load(4, 1, 3, 0),
    load(8, 2, 4, 0),
    alu(random.pick(["ADD", "XOR"] as const), 2, 1),
    store(8, 4, 0, 2),
    ...(random.below(2) === 0
      ? [aluImmediate(random.pick(["ADD", "XOR", "MUL"] as const), 1, random.imm(), 32), store(4, 3, 8, 1)]
      : []),
    moveImmediate(0, 0),
    ...(stops ? [branchImmediate("JSET", 1, 3, 1), exit(), moveImmediate(0, 1)] : []),
    exit(),
  ]);
  return [
    storeImmediate(8, 10, VALUE, random.imm()),
    ...r1Map(making, index),
    ...loadFunction(2, callback),
    ...at(3, VALUE),
    moveImmediate(4, random.pick([0, 0, 0, 0, 1])),
    call(BPF_FUNC.for_each_map_elem),
  ];
};

/** Another program goes on, if there is one. */
export const tailCall: CallMaker = (making) => {
  const { random } = making;
  const [low, high] = loadMap(2, making.maps[mapOf("programs")]!);
  return [
    contextIn(1),
    low,
    high,
    ...(random.below(2) === 0 ? [moveImmediate(3, random.below(6))] : masked(random, 3, 7)),
    call(BPF_FUNC.tail_call),
    moveImmediate(0, random.imm()),
  ];
};

/** There is no event to send to. */
export const eventCall: CallMaker = (making) => {
  const { random, maps } = making;
  const [low, high] = loadMap(2, maps[mapOf("events")]!);
  return [
    contextIn(1),
    low,
    high,
    moveImmediate(3, random.pick([0, 1, 3, 4, 9])),
    ...at(4, VALUE),
    moveImmediate(5, random.pick([1, 8, 32])),
    call(BPF_FUNC.perf_event_output),
  ];
};
