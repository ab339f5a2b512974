import { afterAll, describe, expect, it } from "vitest";
import { runProgram } from "../../src/attach/index.ts";
import { generate } from "../../src/bpftrace/lower/index.ts";
import {
  aggregate,
  argument,
  argv,
  arithmetic,
  assign,
  begin,
  call,
  comm,
  comparison,
  effect,
  element,
  filename,
  increment,
  integer,
  loop,
  map,
  NATIVE,
  pid,
  printf,
  program,
  read,
  setElement,
  text,
  tracepoint,
  variable,
  when,
} from "../../src/bpftrace/lower/typed-tree.test-util.ts";
import type { CheckedMap, CheckedProgram } from "../../src/bpftrace/typed.ts";
import { bool, int64, none, stringOf, type Type } from "../../src/bpftrace/types.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import { loadObject, type LoadedObject } from "../../src/loader/index.ts";
import { openKernel } from "../../src/open-kernel.ts";

// What lowered programs do, in the kernel itself.

const kernel = await tryKernel();
afterAll(() => kernel?.[Symbol.dispose]());

async function tryKernel(): Promise<Kernel | undefined> {
  try {
    const opened = await openKernel();
    using loaded = load(opened, program([], begin([printf("x")])));
    expect(loaded.programs.size).toBe(1);
    return opened;
  } catch (error) {
    console.log(`skipped: programs cannot be run in this kernel (${String(error)})`);
    return undefined;
  }
}

function load(port: Kernel, checked: CheckedProgram, logLevel = 0): LoadedObject {
  // Nothing that only newer kernels have, but the offsets of this one.
  const target = { ...NATIVE, features: { ...NATIVE.features, rdonlyCast: false, currentTaskBtf: false } };
  const { object, diagnostics } = generate(checked, { target });
  expect(diagnostics).toEqual([]);
  return loadObject(object, { kernel: port, logLevel });
}

/** Runs the script's BEGIN and yields the values of its maps' elements, CPUs added up, by their keys as hex. */
function run(port: Kernel, checked: CheckedProgram): Record<string, Record<string, bigint[]>> {
  using loaded = load(port, checked);
  for (const one of loaded.programs.values()) runProgram(port, one);
  const values: Record<string, Record<string, bigint[]>> = {};
  for (const { name } of checked.maps) {
    const loadedMap = loaded.maps.get(name === "@" ? "AT_" : name.slice(1))!;
    const words = Math.ceil(loadedMap.spec.valueSize / 8);
    const folded: Record<string, bigint[]> = {};
    for (const { key, value } of loadedMap.entries()) {
      const all = new BigUint64Array(value.slice().buffer);
      const sums = Array.from({ length: words }, (_, word) =>
        all.reduce((sum, each, index) => (index % words === word ? sum + each : sum), 0n),
      );
      if (sums.some((sum) => sum !== 0n)) folded[Buffer.from(key).toString("hex")] = sums;
    }
    values[name] = folded;
  }
  return values;
}

function scalarOf(values: ReturnType<typeof run>, name: string): bigint | undefined {
  return values[name]?.["00000000"]?.[0];
}

/** Tests whether the condition holds when the program runs. */
function holds(port: Kernel, condition: Parameters<typeof when>[0], maps: CheckedMap[] = []): boolean {
  const answer = map("@answer", int64);
  const body = [when(condition, [setElement(answer, undefined, integer(1))])];
  return scalarOf(run(port, program([...maps, answer], begin(body))), "@answer") === 1n;
}

describe.skipIf(kernel === undefined)("programs in the kernel", () => {
  const port = kernel!;
  const numbers = [-5n, -1n, 0n, 1n, 2n, 3n, 4n, 7n, 8n, 15n, 16n, 17n, 31n, 33n, 255n, 256n, 1000n, 65_535n];
  const large = [65_536n, 4_294_967_295n, 4_294_967_296n, 1n << 40n, (1n << 62n) + 12_345n];

  it.each([0, 1, 3, 5])("hist with 2^%d buckets a power of two", (bits) => {
    const histogram = map("@", { kind: "hist", bits });
    const values = [...numbers, ...large];
    const body = values.map((value) => aggregate(histogram, undefined, integer(Number(value))));
    const expected: Record<string, bigint[]> = {};
    for (const value of values) {
      const index = logBucket(BigInt(Number(value)), bits);
      const key = Buffer.from(new Uint32Array([index]).buffer).toString("hex");
      expected[key] = [(expected[key]?.[0] ?? 0n) + 1n];
    }
    expect(run(port, program([histogram], begin(body)))["@"]).toEqual(expected);
  });

  it("lhist, with a last step that is cut", () => {
    const histogram = map("@", { kind: "lhist", min: -10, max: 30, step: 7 });
    const body = Array.from({ length: 60 }, (_, index) =>
      aggregate(histogram, undefined, integer(index - 20)),
    );
    const buckets = run(port, program([histogram], begin(body)))["@"]!;
    const counts = Object.entries(buckets).map(([key, [count]]) => [
      Buffer.from(key, "hex").readUInt32LE(0),
      Number(count),
    ]);
    expect(Object.fromEntries(counts)).toEqual({ 0: 10, 1: 7, 2: 7, 3: 7, 4: 7, 5: 7, 6: 5, 7: 10 });
  });

  it("count, sum, min, max, avg, stats by key and without", () => {
    const kinds = ["count", "sum", "min", "max", "avg", "stats"] as const;
    const scalars = kinds.map((kind) => map(`@${kind}`, { kind, signed: true }));
    const keyed = kinds.map((kind) => map(`@k${kind}`, { kind, signed: true }, int64));
    const values = [5, -3, 4];
    const body = values.flatMap((value) =>
      [...scalars, ...keyed].map((one) =>
        aggregate(one, one.key && integer(1), one.value.kind === "count" ? undefined : integer(value)),
      ),
    );
    const result = run(port, program([...scalars, ...keyed], begin(body)));
    const top = 1n << 63n;
    const expected: Record<string, bigint[]> = {
      count: [3n],
      sum: [6n],
      min: [BigInt.asUintN(64, ~(-3n ^ top))],
      max: [BigInt.asUintN(64, 5n ^ top)],
      avg: [6n, 3n],
      stats: [6n, 3n],
    };
    for (const kind of kinds) {
      const [value] = Object.values(result[`@k${kind}`]!);
      expect(
        value?.map((word) => BigInt.asUintN(64, word)),
        kind,
      ).toEqual(expected[kind]);
      const [scalar] = Object.values(result[`@${kind}`]!);
      // The sum of a scalar map has a flag that it was set.
      expect(scalar?.slice(0, expected[kind]!.length), kind).toEqual(expected[kind]);
    }
  });

  it("map elements: assign, add, delete, look for", () => {
    const one = map("@one", int64, int64);
    const total = map("@total", int64);
    const has = (key: number): Parameters<typeof when>[0] =>
      call("has_key", bool, { ...element(one), kind: "mapReference", map: one, type: none }, integer(key));
    const body = [
      setElement(one, integer(1), integer(10)),
      effect(increment(element(one, integer(1)))),
      effect(increment(element(one, integer(2)))),
      effect(
        call("delete", bool, { ...element(one), kind: "mapReference", map: one, type: none }, integer(2)),
      ),
      when(has(1), [setElement(total, undefined, element(one, integer(1)))]),
      when(has(2), [setElement(total, undefined, integer(-1))]),
    ];
    const result = run(port, program([one, total], begin(body)));
    expect(result["@one"]).toEqual({ "0100000000000000": [11n] });
    expect(scalarOf(result, "@total")).toBe(11n);
  });

  it("strings: equal, different, by their start, inside, in maps and variables", () => {
    const names = map("@names", stringOf(64), int64);
    const local = variable("$s", stringOf(64));
    const set = setElement(names, integer(1), text("hello world"));
    const stored = element(names, integer(1));
    const answer = map("@answer", int64);
    const conditions = [
      comparison(stored, "==", text("hello world")),
      comparison(stored, "!=", text("hello worlds")),
      comparison(stored, "!=", text("hello worl")),
      comparison(read(local), "==", stored),
      comparison(call("strncmp", int64, stored, text("help"), integer(3)), "==", integer(0)),
      comparison(call("strncmp", int64, stored, text("help"), integer(4)), "!=", integer(0)),
      call("strcontains", bool, stored, text("o w")),
      comparison(call("strlen", int64, stored), "==", integer(11)),
    ];
    const body = [
      set,
      assign(local, stored),
      ...conditions.map((condition) => when(condition, [effect(increment(element(answer)))])),
      when(call("strcontains", bool, stored, text("o  w")), [setElement(answer, undefined, integer(100))]),
    ];
    const result = run(port, program([names, answer], begin(body, { variables: [local] })));
    expect(scalarOf(result, "@answer")).toBe(BigInt(conditions.length));
  });

  it("keys made of a pid and a name are the same key each time", () => {
    const seen = map("@", { kind: "count", signed: false }, {
      kind: "tuple",
      fields: [{ type: pid.type }, { type: comm.type }, { type: int64 }],
    } satisfies Type);
    const key = {
      kind: "tuple",
      elements: [pid, comm, integer(7)],
      type: seen.key!,
      span: pid.span,
    } as const;
    const i = variable("$i", int64);
    const body = [
      assign(i, integer(0)),
      loop(comparison(read(i), "<", integer(50)), [
        aggregate(seen, key),
        assign(i, arithmetic(read(i), "+", integer(1))),
      ]),
    ];
    const result = run(port, program([seen], begin(body, { variables: [i] })))["@"]!;
    expect(Object.values(result)).toEqual([[50n]]);
  });

  it("division, remainder and shifts follow C", () => {
    const minus7 = variable("$n", int64);
    const cases = [
      [arithmetic(read(minus7), "/", integer(2)), -3],
      [arithmetic(read(minus7), "%", integer(3)), -1],
      [arithmetic(read(minus7), ">>", integer(1)), -4],
      [arithmetic(read(minus7), "/", read(minus7)), 1],
    ] as const;
    const results = map("@", int64, int64);
    const body = [
      assign(minus7, integer(-7)),
      ...cases.map(([value], index) => setElement(results, integer(index), value)),
    ];
    const values = run(port, program([results], begin(body, { variables: [minus7] })))["@"]!;
    const sorted = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
    expect(sorted.map(([, [value]]) => BigInt.asIntN(64, value!))).toEqual(
      cases.map(([, expected]) => BigInt(expected)),
    );
  });

  it("a condition that reads memory which is not there is false, not an end", () => {
    const path = call("str", stringOf(64), { ...integer(8), type: filename.type });
    expect(holds(port, comparison(path, "==", text("x")))).toBe(false);
    expect(holds(port, comparison(path, "==", text("")))).toBe(true);
  });

  it("the verifier follows join in few steps", () => {
    const body = [printf("%d %s", pid, comm), effect(call("join", none, argument(argv)))];
    using loaded = load(port, program([], tracepoint(body)), 4);
    const [one] = loaded.programs.values();
    const steps = Number(/processed (\d+) insns/.exec(one!.log)?.[1]);
    expect(steps).toBeGreaterThan(0);
    expect(steps).toBeLessThan(20_000);
  });
});

/** The bucket of MapValue in src/object/plan.ts. */
function logBucket(value: bigint, bits: number): number {
  if (value < 0n) return 0;
  if (value < 1n << BigInt(bits)) return 1 + Number(value);
  const top = value.toString(2).length - 1;
  const below = Number((value >> BigInt(top - bits)) & ((1n << BigInt(bits)) - 1n));
  return 1 + ((top - bits + 1) << bits) + below;
}
