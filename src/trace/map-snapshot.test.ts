import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { loadObject, type LoadedMap } from "../loader/index.ts";
import type { MapSpec, MapValue, PlanMap, ValueType } from "../object/index.ts";
import { openKernel } from "../open-kernel.ts";
import { mapText, type DecodeContext } from "../report/index.ts";
import { BPF_MAP_TYPE } from "../uapi/index.ts";
import { snapshotElement, snapshotMap } from "./map-snapshot.ts";
import { SystemResolver } from "./resolver.ts";

const u64: ValueType = { kind: "int", size: 8, signed: false };
const canLoad = process.getuid?.() === 0 && existsSync("/sys/kernel/btf/vmlinux");

interface Given {
  readonly spec: Partial<MapSpec>;
  readonly plan: Partial<PlanMap> & { readonly value: MapValue };
  /** Key and the words of one CPU's value; other CPUs hold zeros. */
  readonly entries: readonly (readonly [key: Uint8Array, words: readonly bigint[]])[];
}

async function withMap<T>(
  given: Given,
  use: (plan: PlanMap, map: LoadedMap, context: DecodeContext) => T,
): Promise<T> {
  using kernel = await openKernel();
  const words = given.entries[0]?.[1].length ?? 1;
  const spec: MapSpec = {
    name: "m",
    type: BPF_MAP_TYPE.HASH,
    keySize: 8,
    valueSize: words * 8,
    maxEntries: 64,
    flags: 0,
    ...given.spec,
  };
  using object = loadObject({ license: "GPL", maps: [spec], programs: [] }, { kernel });
  const map = object.maps.get("m")!;
  for (const [key, values] of given.entries) {
    const bytes = new Uint8Array(
      map.perCpu ? map.valueStride * kernel.files.possibleCpus().length : spec.valueSize,
    );
    bytes.set(new Uint8Array(BigUint64Array.from(values).buffer));
    map.update(key, bytes);
  }
  const plan: PlanMap = { name: "@", map: "m", perCpu: map.perCpu, ...given.plan };
  return use(plan, map, { resolver: new SystemResolver(kernel, object.maps), encoding: "utf8" });
}

async function shown(
  given: Given,
  options: { top?: number; divisor?: number; showUnset?: boolean } = {},
): Promise<string> {
  return withMap(given, (plan, map, context) => mapText(snapshotMap(plan, map, { context, ...options })));
}

function key(...words: readonly number[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(words, BigInt).buffer);
}

function bucketKey(user: number, bucket: number): Uint8Array {
  return new Uint8Array([...key(user), ...new Uint8Array(Uint32Array.of(bucket).buffer)]);
}

function encoded(value: bigint, flips: bigint): bigint {
  return BigInt.asUintN(64, value) ^ flips;
}

describe.skipIf(!canLoad)("maps read from the kernel", () => {
  const percpu = { type: BPF_MAP_TYPE.PERCPU_HASH };

  it("orders integers by value, then by key; top and divisor apply", async () => {
    const given: Given = {
      spec: {},
      plan: { key: u64, value: { kind: "value", type: u64 } },
      entries: [
        [key(1), [30n]],
        [key(2), [10n]],
        [key(4), [20n]],
        [key(3), [20n]],
      ],
    };
    expect(await shown(given)).toBe("@[2]: 10\n@[3]: 20\n@[4]: 20\n@[1]: 30\n");
    expect(await shown(given, { top: 2, divisor: 7 })).toBe("@[4]: 2\n@[1]: 4\n");
  });

  it("folds what CPUs keep apart, signed or not", async () => {
    const entries = [[key(1), [BigInt.asUintN(64, -4n), 2n]]] as const;
    const plan = { key: u64 };
    expect(
      await shown({ spec: percpu, plan: { ...plan, value: { kind: "sum", signed: true } }, entries }),
    ).toBe("@[1]: -4\n");
    expect(
      await shown({ spec: percpu, plan: { ...plan, value: { kind: "avg", signed: true } }, entries }),
    ).toBe("@[1]: -2\n");
    expect(
      await shown({ spec: percpu, plan: { ...plan, value: { kind: "stats", signed: true } }, entries }),
    ).toBe("@[1]: { .count = 2, .average = -2, .total = -4 }\n");
  });

  it("undoes the encoding of min and max", async () => {
    const top = 1n << 63n;
    const min: Given = {
      spec: percpu,
      plan: { key: u64, value: { kind: "min", signed: true } },
      entries: [[key(1), [encoded(-2n, top ^ ((1n << 64n) - 1n))]]],
    };
    expect(await shown(min)).toBe("@[1]: -2\n");
    const max: Given = {
      spec: percpu,
      plan: { key: u64, value: { kind: "max", signed: true } },
      entries: [[key(1), [encoded(-5n, top)]]],
    };
    expect(await shown(max)).toBe("@[1]: -5\n");
  });

  it("gathers the buckets of each key, busiest key last, and finds one alone", async () => {
    const given: Given = {
      spec: { ...percpu, keySize: 12 },
      plan: { key: u64, value: { kind: "hist", bits: 0, buckets: 65, bucketOffset: 8 } },
      entries: [
        [bucketKey(1, 3), [5n]],
        [bucketKey(2, 1), [1n]],
        [bucketKey(2, 3), [1n]],
        // Not a bucket of this histogram: ignored, whoever wrote it.
        [bucketKey(2, 99), [7n]],
      ],
    };
    const text = await shown(given);
    expect(text.indexOf("@[2]:")).toBeLessThan(text.indexOf("@[1]:"));
    expect(text).toContain("[2, 4)                 5 |");
    const one = await withMap(given, (plan, map, context) => snapshotElement(plan, map, key(2), { context }));
    expect(one?.key).toBe(2);
  });

  it("shows a scalar that was never set only when it is asked for", async () => {
    const given: Given = {
      spec: { type: BPF_MAP_TYPE.ARRAY, keySize: 4, maxEntries: 1 },
      plan: { value: { kind: "value", type: u64 }, setOffset: 8 },
      entries: [[new Uint8Array(4), [0n, 0n]]],
    };
    expect(await shown(given)).toBe("");
    expect(await shown(given, { showUnset: true })).toBe("@: 0\n");
  });
});
