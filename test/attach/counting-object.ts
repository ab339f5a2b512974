import {
  aluImmediate,
  atomic,
  branchImmediate,
  call,
  exit,
  loadMap,
  move,
  moveImmediate,
  storeImmediate,
  type Insn,
} from "../../src/isa/index.ts";
import { sectionKind, type ObjectSpec, type ProgramSpec } from "../../src/object/index.ts";
import { BPF_FUNC, BPF_MAP_TYPE } from "../../src/uapi/index.ts";

/** Programs that count their calls, one element of map `hits` each, in the order of `sections`. */
export function countingObject(sections: readonly { section: string; result?: number }[]): ObjectSpec {
  return {
    license: "GPL",
    maps: [
      {
        name: "hits",
        type: BPF_MAP_TYPE.ARRAY,
        keySize: 4,
        valueSize: 8,
        maxEntries: sections.length,
        flags: 0,
      },
    ],
    programs: sections.map(({ section, result = 0 }, index) => countingProgram(section, index, result)),
  };
}

function countingProgram(section: string, index: number, result: number): ProgramSpec {
  const kind = sectionKind(section);
  if (!kind) throw new Error(`No such section: ${section}`);
  const insns: Insn[] = [
    storeImmediate(4, 10, -4, index),
    move(2, 10),
    aluImmediate("ADD", 2, -4),
    ...loadMap(1, 0),
    call(BPF_FUNC.map_lookup_elem),
    branchImmediate("JEQ", 0, 0, 2),
    moveImmediate(1, 1),
    atomic("ADD", 8, 0, 0, 1),
    moveImmediate(0, result),
    exit(),
  ];
  return {
    name: `count_${index}`,
    section,
    type: kind.type,
    ...(kind.expectedAttachType !== undefined && { expectedAttachType: kind.expectedAttachType }),
    ...(kind.typed && kind.target !== undefined && { attachTarget: kind.target }),
    ...(kind.flags !== undefined && { flags: kind.flags }),
    insns,
    relocations: [{ kind: "map", insn: 3, map: "hits" }],
    functions: [],
    lines: [],
  };
}
