import { type Diagnostic, Lines, type SourceText, type Span } from "../../diagnostic.ts";
import type { SourcePosition } from "../../ir/index.ts";
import type { MapSpec, PlanFailure, PlanGlobals, PlanRecord, ValueType } from "../../object/index.ts";
import { BPF_F, BPF_MAP_TYPE, MAX_BPF_STACK } from "../../uapi/index.ts";
import type { CheckedConfig, CheckedMap } from "../typed.ts";
import type { Type } from "../types.ts";
import { LocalTypes } from "./local-types.ts";
import { planType } from "./plan-type.ts";
import { type MapStorage, storeMap } from "./storage.ts";
import type { CompileTarget } from "./target.ts";

/** Names of the maps that no script can name: its own start with `@` and lose it. */
export const RING = "bpfkit_ring";
export const GLOBALS = "bpfkit_globals";
export const SCRATCH = "bpfkit_scratch";

type GlobalName = Exclude<keyof PlanGlobals, "map" | "size" | "failures">;

/** Its place is the unit's choice. */
export type Failure = Omit<PlanFailure, "offset">;

export interface UnitOptions {
  readonly source: SourceText;
  readonly target: CompileTarget;
  readonly config: CheckedConfig;
  /** Traced process: a number, or `global` where it is known only when the program starts. */
  readonly pid?: number | "global";
  readonly pidNamespace?: PidNamespace;
  /** Reads of memory that fail are counted, and so all are made by helpers that tell. */
  readonly countFailedReads?: boolean;
}

/** The tracer's pid namespace where it is not the first one: process ids are those seen from there. */
export interface PidNamespace {
  /** stat(2) of /proc/self/ns/pid. */
  readonly device: bigint;
  readonly inode: bigint;
}

/** Places of one text, as line information has them. */
class Positions {
  readonly #source: SourceText;
  readonly #lines: Lines;
  readonly #known = new Map<number, SourcePosition>();

  constructor(source: SourceText) {
    this.#source = source;
    this.#lines = new Lines(source.text);
  }

  at(start: number): SourcePosition {
    let position = this.#known.get(start);
    if (position === undefined) {
      const { name, text } = this.#source;
      const { line, column } = this.#lines.locate(start);
      const from = start - (column - 1);
      const end = text.indexOf("\n", from);
      position = { file: name, line, column, text: text.slice(from, end < 0 ? undefined : end) };
      this.#known.set(start, position);
    }
    return position;
  }
}

/** What all programs of a script share while they are compiled. */
export class Unit {
  readonly source: SourceText;
  readonly target: CompileTarget;
  readonly config: CheckedConfig;
  readonly pid: number | "global" | undefined;
  readonly pidNamespace: PidNamespace | undefined;
  readonly countsFailedReads: boolean;
  readonly types: LocalTypes = new LocalTypes();
  readonly records: PlanRecord[] = [];
  readonly diagnostics: Diagnostic[] = [];
  readonly #storage = new Map<CheckedMap, MapStorage>();
  readonly #stackMaps = new Map<number, MapSpec>();
  readonly #globals = new Map<GlobalName, number>([["lost", 0]]);
  readonly #failures = new Map<string, PlanFailure>();
  #globalsSize = 8;
  readonly #positions = new Map<SourceText, Positions>();
  readonly #recordIndices = new Map<string, number>();
  #scratchSize = 0;

  constructor(options: UnitOptions) {
    this.source = options.source;
    this.target = options.target;
    this.config = options.config;
    this.pid = options.pid;
    this.countsFailedReads = options.countFailedReads ?? false;
    this.pidNamespace = options.pidNamespace;
  }

  storage(map: CheckedMap): MapStorage {
    let storage = this.#storage.get(map);
    if (storage === undefined) {
      const { types, stackMap } = this;
      const maxKeySize = this.target.features.largeKeys ? LARGE_KEY : MAX_BPF_STACK;
      const { maxMapKeys } = this.config;
      storage = storeMap(map, { maxMapKeys, maxKeySize, types, stackMap });
      this.#storage.set(map, storage);
    }
    return storage;
  }

  /** Name of the map that keeps stacks as deep as the type's. */
  readonly stackMap = (type: Type): string => {
    const depth = "depth" in type ? type.depth : 0;
    const name = `bpfkit_stack${depth}`;
    if (!this.#stackMaps.has(depth)) {
      this.#stackMaps.set(depth, {
        name,
        type: BPF_MAP_TYPE.STACK_TRACE,
        keySize: 4,
        valueSize: depth * 8,
        maxEntries: STACK_ENTRIES,
        flags: 0,
      });
    }
    return name;
  };

  planType(type: Type): ValueType {
    return planType(type, this.stackMap);
  }

  /** Byte offset of a number that programs and session share. */
  global(name: GlobalName): number {
    let offset = this.#globals.get(name);
    if (offset === undefined) {
      offset = this.#newGlobal();
      this.#globals.set(name, offset);
    }
    return offset;
  }

  /** Byte offset of the number that counts such failures, which the session reports. */
  failure(failure: Failure): number {
    const name = JSON.stringify(failure);
    let counted = this.#failures.get(name);
    if (counted === undefined) {
      counted = { ...failure, offset: this.#newGlobal() };
      this.#failures.set(name, counted);
    }
    return counted.offset;
  }

  #newGlobal(): number {
    const offset = this.#globalsSize;
    this.#globalsSize += 8;
    return offset;
  }

  addRecord(record: PlanRecord): number {
    const text = JSON.stringify(record);
    let index = this.#recordIndices.get(text);
    if (index === undefined) {
      index = this.records.push(record) - 1;
      this.#recordIndices.set(text, index);
    }
    return index;
  }

  needScratch(size: number): void {
    this.#scratchSize = Math.max(this.#scratchSize, size);
  }

  position({ source, start }: Span): SourcePosition {
    let positions = this.#positions.get(source);
    if (positions === undefined) {
      positions = new Positions(source);
      this.#positions.set(source, positions);
    }
    return positions.at(start);
  }

  error(code: string, message: string, span: Span, hints?: readonly string[]): void {
    this.diagnostics.push({
      code: `bpftrace/${code}`,
      severity: "error",
      message,
      span,
      ...(hints && { hints }),
    });
  }

  storages(): readonly MapStorage[] {
    return [...this.#storage.values()];
  }

  globals(): PlanGlobals {
    const failures = [...this.#failures.values()];
    return {
      map: GLOBALS,
      size: this.#globalsSize,
      lost: 0,
      ...Object.fromEntries(this.#globals),
      ...(failures.length > 0 && { failures }),
    };
  }

  /** Every map but the ring, in a fixed order. */
  maps(): MapSpec[] {
    const maps = [...this.storages().map((storage) => storage.spec), ...this.#stackMaps.values()];
    const key = { keySize: 4, maxEntries: 1, flags: 0 };
    // Mapped by the session: its calls of bpf(2) would keep programs on the same CPU from running.
    const globals = { ...key, flags: BPF_F.MMAPABLE };
    maps.push({ name: GLOBALS, type: BPF_MAP_TYPE.ARRAY, valueSize: this.#globalsSize, ...globals });
    if (this.#scratchSize > 0)
      maps.push({ name: SCRATCH, type: BPF_MAP_TYPE.PERCPU_ARRAY, valueSize: this.#scratchSize, ...key });
    return maps;
  }
}

/** More is not allocated per element. */
const LARGE_KEY = 1 << 15;

/** The kernel allocates them all at the start: 8 MiB for 127 frames. */
const STACK_ENTRIES = 8192;
