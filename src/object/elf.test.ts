import { array, assert, nat, property, tuple } from "fast-check";
import { expect, test } from "vitest";
import { BtfBuilder, BtfLinkage } from "../btf/index.ts";
import { BpfkitError } from "../errors.ts";
import type { Insn } from "../isa/index.ts";
import { callLocal, exit, load, loadMap, loadMapValue, moveImmediate } from "../isa/index.ts";
import { BPF_MAP_TYPE, BPF_PROG_TYPE } from "../uapi/index.ts";
import { fromElf, relocate, toElf } from "./index.ts";
import type { ObjectSpec, ProgramSpec, TracePlan } from "./index.ts";

const types = new BtfBuilder();
const int = types.signedInt("int", 4);
const long = types.int("unsigned long", 8);
const task = types.struct("task_struct", 8, [{ name: "pid", type: int, bitOffset: 0, bitSize: 0 }]);
const proto = types.prototype(int, [{ name: "ctx", type: types.pointer(0) }]);
const mainFunction = types.func("on_open", proto, BtfLinkage.Global);
const helperFunction = types.func("helper", proto, BtfLinkage.Static);

const insns: readonly Insn[] = [
  ...loadMap(1, 0),
  ...loadMapValue(2, 0, 0),
  load(4, 3, 1, 0),
  load(4, 4, 1, 16),
  callLocal(1),
  exit(),
  moveImmediate(0, 0),
  exit(),
];

const program: ProgramSpec = {
  name: "on_open",
  section: "tracepoint/syscalls/sys_enter_openat",
  type: BPF_PROG_TYPE.TRACEPOINT,
  insns,
  relocations: [
    { kind: "core", insn: 4, typeId: task, access: "0:0", coreKind: 0 },
    { kind: "map", insn: 0, map: "counts" },
    { kind: "map", insn: 2, map: "globals", offset: 8 },
    { kind: "tracepoint", insn: 5, tracepoint: "syscalls:sys_enter_openat", field: "filename" },
    { kind: "function", insn: 6, target: 8 },
  ],
  functions: [
    { insn: 0, typeId: mainFunction },
    { insn: 8, typeId: helperFunction },
  ],
  lines: [
    { insn: 0, file: "a.bt", text: "tracepoint:syscalls:sys_enter_openat", line: 1, column: 1 },
    { insn: 8, file: "a.bt", text: "{ helper() }", line: 2, column: 3 },
  ],
};

const spec: ObjectSpec = {
  license: "GPL",
  maps: [
    {
      name: "counts",
      type: BPF_MAP_TYPE.HASH,
      keySize: 4,
      valueSize: 8,
      maxEntries: 16,
      flags: 1,
      btfKeyTypeId: int,
      btfValueTypeId: long,
    },
    { name: "globals", type: BPF_MAP_TYPE.ARRAY, keySize: 4, valueSize: 64, maxEntries: 1, flags: 0 },
    { name: "ring", type: BPF_MAP_TYPE.RINGBUF, keySize: 0, valueSize: 0, maxEntries: 4096, flags: 0 },
  ],
  programs: [program, { ...program, name: "other" }],
  btf: types.encode(),
};

const plan: TracePlan = {
  version: 1,
  source: { name: "a.bt", text: "" },
  probes: [],
  maps: [],
  records: [],
  config: {
    ring: { kind: "ringbuf", map: "ring" },
    globals: { map: "globals", size: 64, lost: 0 },
    maxMapKeys: 16,
    maxStringLength: 64,
    printMapsOnExit: true,
    unsafe: false,
  },
};

/** Instructions as they are before relocation differ (immediates that relocation overwrites), so after it. */
function relocated(object: ObjectSpec): (readonly Insn[])[] {
  return object.programs.map(({ relocations, ...rest }) =>
    relocate(
      { ...rest, relocations: relocations.filter(({ kind }) => kind !== "core") },
      {
        mapFd: (name) => object.maps.findIndex((map) => map.name === name) + 10,
        tracepointField: () => ({
          name: "filename",
          type: "",
          offset: 24,
          size: 8,
          signed: false,
          array: false,
        }),
      },
    ),
  );
}

test("an object is read back as it was written", () => {
  const { spec: read, plan: readPlan } = fromElf(toElf(spec, plan));
  expect(readPlan).toEqual(plan);
  expect(read.license).toBe("GPL");
  expect(read.maps).toEqual(spec.maps);
  expect(relocated(read)).toEqual(relocated(spec));
  read.programs.forEach((program, index) => {
    const { insns: _insns, relocations, ...rest } = program;
    const { insns: _expected, relocations: wanted, ...expected } = spec.programs[index]!;
    expect(rest).toEqual(expected);
    expect(new Set(relocations)).toEqual(new Set(wanted));
  });
});

test("writing what was read gives an object that reads the same", () => {
  const once = fromElf(toElf(spec, plan));
  const twice = fromElf(toElf(once.spec, once.plan));
  expect(twice.spec.maps).toEqual(once.spec.maps);
  expect(twice.spec.programs).toEqual(once.spec.programs);
});

test("the same object gives the same bytes", () => {
  expect(toElf(spec, plan)).toEqual(toElf(spec, plan));
});

test("mutated objects give typed errors only", () => {
  const bytes = toElf(spec, plan);
  assert(
    property(
      array(tuple(nat(bytes.length - 1), nat(255)), { minLength: 1, maxLength: 6 }),
      nat(bytes.length),
      (changes, length) => {
        const mutated = bytes.slice();
        for (const [at, value] of changes) mutated[at] = value;
        for (const file of [mutated, mutated.subarray(0, length)]) {
          try {
            fromElf(file);
          } catch (error) {
            if (!(error instanceof BpfkitError)) throw error;
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});
