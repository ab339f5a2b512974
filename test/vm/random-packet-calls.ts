import {
  aluImmediate,
  alu,
  branch,
  call,
  load,
  loadPacket,
  loadSigned,
  move,
  moveImmediate,
  store,
  storeImmediate,
} from "../../src/isa/index.ts";
import type { Insn } from "../../src/isa/index.ts";
import { BPF_FUNC, STRUCT } from "../../src/uapi/index.ts";
import { VALUE, at, contextIn, masked, slotOf } from "./frame.ts";
import type { CallMaker } from "./frame.ts";
import { SCALARS } from "./random-program.ts";
import type { Random } from "./random.ts";

// What programs do with packets and contexts.

/** Where a member of a context lies. */
interface Place {
  readonly offset: number;
  readonly size: number;
}

const SKB = STRUCT.__sk_buff.fields;
const XDP = STRUCT.xdp_md.fields;

const NARROW: readonly number[] = [SKB.tc_index.offset, SKB.tc_classid.offset];

/** Places in packets: headers, their middles, and around the ends of those that there are. */
const OFFSETS = [0, 4, 12, 13, 14, 16, 24, 34, 40, 60, 63, 64, 100, 126, 127, 128, 200] as const;
const offsetOf = (random: Random): Insn[] =>
  random.below(4) === 0 ? masked(random, 2, 127) : [moveImmediate(2, random.pick(OFFSETS))];

/** Some bytes of the packet through its pointers, where they are there. */
export function packetAccess(fields: "skb" | "xdp", writable: boolean): CallMaker {
  const { data, data_end } = fields === "skb" ? SKB : XDP;
  return ({ random }) => {
    const size = random.pick([1, 2, 4, 8] as const);
    const offset = random.pick([0, 6, 12, 14, 30, 41, 100]);
    const slot = slotOf(random);
    const uses: Insn[][] = [
      [load(size, 1, 2, offset), store(8, 10, slot, 1)],
      size === 8 ? [load(8, 1, 2, offset)] : [loadSigned(size, 1, 2, offset), store(8, 10, slot, 1)],
    ];
    if (writable)
      uses.push(
        [load(8, 1, 10, slot), store(size, 2, offset, 1)],
        [storeImmediate(size, 2, offset, random.imm())],
      );
    const use = random.pick(uses);
    const moved = random.below(2) === 0 ? [...masked(random, 4, 31), alu("ADD", 2, 4)] : [];
    return [
      contextIn(1),
      load(4, 2, 1, data.offset),
      load(4, 3, 1, data_end.offset),
      ...moved,
      move(5, 2),
      aluImmediate("ADD", 5, offset + size),
      branch("JGT", 5, 3, use.length),
      ...use,
    ];
  };
}

/** Fields of a context: read into a slot, or written from one. */
export function contextAccess(readable: readonly Place[], writable: readonly Place[]): CallMaker {
  return ({ random }) => {
    const slot = slotOf(random);
    const write = writable.length > 0 && random.below(2) === 0;
    const { offset, size } = random.pick(write ? writable : readable);
    const width = size === 8 ? 8 : 4;
    const word = offset + width * random.below(size / width);
    // The kernel's own field may have 16 bits, where a context as it lies in memory has 32.
    const narrow = NARROW.includes(offset) ? [aluImmediate("AND", 2, 0xffff)] : [];
    return write
      ? [contextIn(1), load(8, 2, 10, slot), ...narrow, store(width, 1, word, 2)]
      : [contextIn(1), load(width, 2, 1, word), store(8, 10, slot, 2)];
  };
}

export const loadBytes: CallMaker = ({ random }) => {
  const relative = random.below(3) === 0;
  return [
    ...offsetOf(random),
    contextIn(1),
    ...at(3, VALUE),
    moveImmediate(4, random.pick([1, 2, 4, 8, 16])),
    ...(relative
      ? [moveImmediate(5, random.pick([0, 0, 1, 2])), call(BPF_FUNC.skb_load_bytes_relative)]
      : [call(BPF_FUNC.skb_load_bytes)]),
  ];
};

/** LD_ABS and LD_IND: the program ends with 0 behind the packet's end. */
export const oldLoad: CallMaker = ({ random }) => {
  const size = random.pick([1, 2, 4] as const);
  const offset = random.pick([0, 1, 12, 20]);
  return [
    contextIn(6),
    ...(random.below(2) === 0
      ? [loadPacket(size, offset)]
      : [...masked(random, 2, 31), loadPacket(size, offset, 2)]),
    moveImmediate(6, random.imm()),
  ];
};

export const checksumCall: CallMaker = ({ random }) => [
  store(8, 10, VALUE, random.below(SCALARS)),
  ...at(1, VALUE),
  moveImmediate(2, random.pick([0, 4, 8, 16])),
  ...at(3, VALUE + 8),
  moveImmediate(4, random.pick([0, 4, 8, 20])),
  ...(random.below(2) === 0 ? [moveImmediate(5, random.imm())] : [load(8, 5, 10, slotOf(random))]),
  call(BPF_FUNC.csum_diff),
];

/** Helpers that change packets of tc. */
export const changeCall: CallMaker = ({ random }) => {
  const context = contextIn(1);
  const word = (register: number): Insn[] => [
    load(8, register, 10, slotOf(random)),
    aluImmediate("AND", register, 0xffff, 32),
  ];
  const flags = (...values: number[]): Insn => moveImmediate(5, random.pick(values));
  switch (random.below(12)) {
    case 0:
    case 1:
      return [
        store(8, 10, VALUE, random.below(SCALARS)),
        ...offsetOf(random),
        context,
        ...at(3, VALUE),
        moveImmediate(4, random.pick([1, 2, 4, 8, 16])),
        flags(0, 0, 1, 2, 3, 4),
        call(BPF_FUNC.skb_store_bytes),
      ];
    case 2:
      return [
        ...word(3),
        ...word(4),
        context,
        moveImmediate(2, random.pick([14, 20, 24, 25, 62, 126])),
        flags(2, 2, 0, 4, 3),
        call(BPF_FUNC.l3_csum_replace),
      ];
    case 3:
      return [
        ...word(3),
        ...word(4),
        context,
        moveImmediate(2, random.pick([14, 36, 50, 51, 126])),
        flags(2, 4, 0x12, 0x22, 0x14, 0x10, 1),
        call(BPF_FUNC.l4_csum_replace),
      ];
    case 4:
      return [
        context,
        ...(random.below(2) === 0
          ? masked(random, 2, 255)
          : [moveImmediate(2, random.pick([14, 20, 60, 400]))]),
        moveImmediate(3, random.pick([0, 0, 0, 1])),
        call(BPF_FUNC.skb_change_tail),
      ];
    case 5:
      return [
        context,
        moveImmediate(2, random.pick([0, 1, 4, 14, 40])),
        moveImmediate(3, random.pick([0, 0, 0, 1])),
        call(BPF_FUNC.skb_change_head),
      ];
    case 6:
      return [context, moveImmediate(2, random.pick([0, 1, 64, 128, 500])), call(BPF_FUNC.skb_pull_data)];
    case 7:
      return [
        context,
        moveImmediate(2, random.pick([0x0081, 0xa888, 0x0008])),
        ...word(3),
        call(BPF_FUNC.skb_vlan_push),
      ];
    case 8:
      return [context, call(BPF_FUNC.skb_vlan_pop)];
    case 9:
      return [context, moveImmediate(2, random.below(5)), call(BPF_FUNC.skb_change_type)];
    case 10:
      return [
        context,
        moveImmediate(2, random.pick([-20, -8, -4, 4, 8, 20])),
        moveImmediate(3, random.pick([0, 1, 0, 1, 2])),
        moveImmediate(4, random.pick([0, 0, 0, 1])),
        call(BPF_FUNC.skb_adjust_room),
      ];
    default:
      return [
        moveImmediate(1, random.pick([1, 1, 0])),
        moveImmediate(2, random.pick([0, 0, 1, 2])),
        call(BPF_FUNC.redirect),
      ];
  }
};

/** Helpers of XDP. */
export const xdpCall: CallMaker = ({ random }) => {
  const context = contextIn(1);
  const bytes = (helper: number): Insn[] => [
    store(8, 10, VALUE, random.below(SCALARS)),
    ...offsetOf(random),
    context,
    ...at(3, VALUE),
    moveImmediate(4, random.pick([1, 2, 4, 8, 16])),
    call(helper),
  ];
  const adjust = (helper: number, ...by: number[]): Insn[] => [
    context,
    ...(random.below(3) === 0 ? masked(random, 2, 31) : [moveImmediate(2, random.pick(by))]),
    call(helper),
  ];
  switch (random.below(7)) {
    case 0:
      return adjust(BPF_FUNC.xdp_adjust_head, -300, -216, -40, -14, -8, -1, 1, 4, 14, 50);
    case 1:
      return adjust(BPF_FUNC.xdp_adjust_tail, -200, -50, -8, -1, 1, 8, 40, 3000);
    case 2:
      return adjust(BPF_FUNC.xdp_adjust_meta, -256, -252, -32, -8, -4, -1, 0, 4);
    case 3:
      return bytes(BPF_FUNC.xdp_load_bytes);
    case 4:
      return bytes(BPF_FUNC.xdp_store_bytes);
    case 5:
      return [context, call(BPF_FUNC.xdp_get_buff_len)];
    default:
      return [
        moveImmediate(1, random.pick([1, 1, 0])),
        moveImmediate(2, random.pick([0, 0, 1, 2])),
        call(BPF_FUNC.redirect),
      ];
  }
};
