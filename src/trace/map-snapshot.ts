import type { LoadedMap } from "../loader/index.ts";
import type { MapValue, PlanMap } from "../object/index.ts";
import {
  compileDecoder,
  linearHistogram,
  logHistogram,
  memoryOf,
  narrow,
  type DecodeContext,
  type Histogram,
  type Integer,
  type MapSnapshot,
  type Memory,
  type Value,
} from "../report/index.ts";
import { compareValues, valueRank } from "./value-order.ts";

export interface SnapshotOptions {
  readonly context: DecodeContext;
  /** Only the last so many entries; 0: all. */
  readonly top?: number;
  /** Divides values; 0: not at all. */
  readonly divisor?: number;
  /** Show a scalar that was never assigned as zero, as print() does; histograms are left out even then. */
  readonly showUnset?: boolean;
  /** zero() was called: a scalar's zero is its value. */
  readonly zeroed?: boolean;
}

/** A key's (or a scalar's) folded value; `unset` when no CPU ever wrote it. */
interface Folded {
  readonly value: Value | Histogram;
  readonly rank: Integer | undefined;
  readonly unset: boolean;
}

interface Entry extends Folded {
  readonly key?: Value;
}

const SIZE = 8;

/** Reads a map and folds what the kernel keeps for each CPU, in the order it is to be shown. */
export function snapshotMap(plan: PlanMap, map: LoadedMap, options: SnapshotOptions): MapSnapshot {
  const entries = plan.key ? keyedEntries(plan, map, options) : scalarEntries(plan, map, options);
  entries.sort(
    (a, b) =>
      (a.rank !== undefined && b.rank !== undefined ? compareValues(a.rank, b.rank) : 0) ||
      compareValues(a.key ?? null, b.key ?? null),
  );
  const { top = 0 } = options;
  return {
    name: plan.name,
    type: snapshotType(plan.value),
    scalar: plan.key === undefined,
    entries: (top > 0 ? entries.slice(-top) : entries).map(shown),
  };
}

/** One element of a keyed map, as print(@map[key]) shows it; undefined when there is none. */
export function snapshotElement(
  plan: PlanMap,
  map: LoadedMap,
  key: Uint8Array,
  options: SnapshotOptions,
): { readonly map: MapSnapshot; readonly key?: Value; readonly value: Value | Histogram } | undefined {
  const whole = { name: plan.name, type: snapshotType(plan.value), scalar: false, entries: [] };
  if (plan.value.kind === "hist" || plan.value.kind === "lhist") {
    const wanted = Buffer.from(key);
    const entry = keyedEntries(plan, map, options, (other) =>
      wanted.equals(other.subarray(0, wanted.length)),
    )[0];
    return entry && { map: whole, ...shown(entry) };
  }
  // Behind a key that is no multiple of 8 bytes there are zeros.
  const padded = new Uint8Array(map.spec.keySize);
  padded.set(key.subarray(0, padded.length));
  const bytes = map.lookup(padded);
  return bytes && { map: whole, ...shown(fold(plan, cpuValues(map, bytes), options)) };
}

/** An entry without what it was sorted by. */
function shown({ key, value }: Entry): MapSnapshot["entries"][number] {
  return key === undefined ? { value } : { key, value };
}

function snapshotType({ kind }: MapValue): MapSnapshot["type"] {
  if (kind === "hist" || kind === "lhist") return "hist";
  return kind === "stats" || kind === "avg" ? "stats" : "map";
}

function scalarEntries(plan: PlanMap, map: LoadedMap, options: SnapshotOptions): Entry[] {
  if (plan.value.kind === "hist" || plan.value.kind === "lhist") {
    const counts = Array<bigint>(plan.value.buckets).fill(0n);
    for (const { key, value } of map.entries())
      addBucket(counts, memoryOf(key).view.getUint32(0, true), map, value);
    const histogram = histogramOf(plan.value, counts, options);
    return histogram.unset && !options.zeroed ? [] : [histogram];
  }
  const bytes = map.lookup(new Uint8Array(map.spec.keySize));
  if (!bytes) return [];
  const folded = fold(plan, cpuValues(map, bytes), options);
  return folded.unset && !options.showUnset && !options.zeroed ? [] : [folded];
}

function keyedEntries(
  plan: PlanMap,
  map: LoadedMap,
  options: SnapshotOptions,
  wanted: (key: Uint8Array) => boolean = () => true,
): Entry[] {
  const decodeKey = plan.key ? compileDecoder(plan.key, options.context) : undefined;
  const shownKey = (key: Uint8Array): Value => decodeKey?.(memoryOf(key), 0, key.length) ?? null;
  if (plan.value.kind === "hist" || plan.value.kind === "lhist") {
    const { value } = plan;
    const bucketOffset = plan.value.bucketOffset ?? map.spec.keySize - 4;
    const groups = new Map<string, { readonly key: Uint8Array; readonly counts: bigint[] }>();
    for (const entry of map.entries().filter(({ key }) => wanted(key))) {
      const name = Buffer.from(entry.key.subarray(0, bucketOffset)).toString("latin1");
      const group = groups.get(name) ?? {
        key: entry.key,
        counts: Array<bigint>(plan.value.buckets).fill(0n),
      };
      groups.set(name, group);
      addBucket(group.counts, memoryOf(entry.key).view.getUint32(bucketOffset, true), map, entry.value);
    }
    return [...groups.values()].map(({ key, counts }) => ({
      key: shownKey(key),
      ...histogramOf(value, counts, options),
    }));
  }
  return map
    .entries()
    .map(({ key, value }) => ({ key: shownKey(key), ...fold(plan, cpuValues(map, value), options) }));
}

/** One view for each CPU's value. */
function cpuValues(map: LoadedMap, bytes: Uint8Array): Memory[] {
  const stride = map.valueStride;
  return Array.from({ length: Math.max(1, Math.floor(bytes.length / stride)) }, (_, cpu) =>
    memoryOf(bytes.subarray(cpu * stride, (cpu + 1) * stride)),
  );
}

function addBucket(counts: bigint[], bucket: number, map: LoadedMap, bytes: Uint8Array): void {
  if (bucket >= counts.length) return;
  for (const { view } of cpuValues(map, bytes)) counts[bucket]! += view.getBigUint64(0, true);
}

function histogramOf(value: MapValue, counts: readonly bigint[], { divisor = 0 }: SnapshotOptions): Folded {
  const numbers = counts.map(narrow);
  const total = counts.reduce((sum, count) => sum + count, 0n);
  const histogram =
    value.kind === "lhist"
      ? linearHistogram(numbers, value)
      : logHistogram(numbers, value.kind === "hist" ? value.bits : 0, divisor);
  return { value: histogram, rank: narrow(total), unset: total === 0n };
}

function fold(plan: PlanMap, cpus: readonly Memory[], options: SnapshotOptions): Folded {
  const { value } = plan;
  const divisor = BigInt(options.divisor || 1);
  switch (value.kind) {
    case "count":
    case "sum": {
      const total = wrap(sumAt(cpus, 0), value.signed);
      const unset = isUnset(plan, cpus);
      return { value: narrow(total / divisor), rank: narrow(total), unset };
    }
    case "min":
    case "max": {
      const most = cpus.reduce((best, { view }) => maximum(best, view.getBigUint64(0, true)), 0n);
      const flipped = value.kind === "min" ? ~most : most;
      const plainBits = value.signed ? flipped ^ (1n << 63n) : flipped;
      const result = most === 0n ? 0n : wrap(plainBits, value.signed);
      return { value: narrow(result / divisor), rank: narrow(result), unset: isUnset(plan, cpus) };
    }
    case "avg":
    case "stats": {
      const total = wrap(sumAt(cpus, 0), value.signed);
      const count = sumAt(cpus, SIZE);
      const average = count === 0n ? 0n : total / count;
      const shown = narrow(average / divisor);
      const fields = [
        ["count", narrow(count)],
        ["average", shown],
        ["total", narrow(total)],
      ] as const;
      return {
        value: value.kind === "avg" ? shown : { kind: "record", fields },
        rank: narrow(average),
        unset: count === 0n,
      };
    }
    case "value": {
      const [first] = cpus;
      const decoded = compileDecoder(value.type, options.context)(first!, 0, first!.bytes.length);
      const divided = divide(decoded, divisor);
      return { value: divided, rank: valueRank(decoded, value.type), unset: isUnset(plan, cpus) };
    }
    case "hist":
    case "lhist":
      return { value: null, rank: undefined, unset: true };
  }
}

function isUnset({ setOffset }: PlanMap, cpus: readonly Memory[]): boolean {
  if (setOffset !== undefined) return cpus.every(({ view }) => view.getBigUint64(setOffset, true) === 0n);
  return cpus.every(({ bytes }) => bytes.every((byte) => byte === 0));
}

function divide(value: Value, divisor: bigint): Value {
  if (divisor === 1n || (typeof value !== "number" && typeof value !== "bigint")) return value;
  return narrow(BigInt(value) / divisor);
}

function sumAt(cpus: readonly Memory[], offset: number): bigint {
  return cpus.reduce((sum, { view }) => sum + view.getBigUint64(offset, true), 0n);
}

function wrap(value: bigint, signed: boolean): bigint {
  return signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
}

function maximum(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
