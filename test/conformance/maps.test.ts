import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { SyscallError } from "../../src/kernel/index.ts";
import type { BpfAttr, Fd, Kernel } from "../../src/kernel/index.ts";
import { BPF_F, BPF_MAP_TYPE } from "../../src/uapi/index.ts";
import { openBothKernels } from "./test-kernel.ts";

// The same calls on both kernels: results, errors and contents must be the same.

const kernels = await openBothKernels();
const cpus = kernels?.linux.files.possibleCpus().length ?? 1;

interface MapKind {
  readonly attr: BpfAttr["MAP_CREATE"];
  /** Keys that calls use: few, so that they meet. */
  readonly keys: readonly Uint8Array[];
  readonly valueBytes: number;
  /** Walks see the same keys in the same order. */
  readonly ordered: boolean;
}

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const INDICES = [0, 1, 2, 3, 4, 0xffffffff].map(u32);

/** Prefixes of an IPv4 address, and their length in bits. */
function prefix(length: number, ...bytes: readonly number[]): Uint8Array {
  return new Uint8Array([length, 0, 0, 0, ...bytes]);
}
const PREFIXES = [
  prefix(0, 0, 0, 0, 0),
  prefix(8, 10, 0, 0, 0),
  prefix(8, 11, 0, 0, 0),
  prefix(16, 10, 1, 0, 0),
  prefix(24, 10, 1, 2, 0),
  prefix(24, 10, 1, 3, 0),
  prefix(32, 10, 1, 2, 3),
  prefix(31, 10, 1, 2, 2),
  prefix(33, 10, 1, 2, 3),
];

function kind(type: number, rest: Partial<MapKind & BpfAttr["MAP_CREATE"]> = {}): MapKind {
  const { keys = INDICES, valueBytes = 8, ordered = false, ...attr } = rest;
  return {
    keys,
    valueBytes,
    ordered,
    attr: { map_type: type, key_size: 4, value_size: 8, max_entries: 4, ...attr },
  };
}

const KINDS: Readonly<Record<string, MapKind>> = {
  array: kind(BPF_MAP_TYPE.ARRAY, { ordered: true }),
  "array of odd values": kind(BPF_MAP_TYPE.ARRAY, { value_size: 5, valueBytes: 5, ordered: true }),
  "array, mappable": kind(BPF_MAP_TYPE.ARRAY, { map_flags: BPF_F.MMAPABLE, ordered: true }),
  "per-CPU array": kind(BPF_MAP_TYPE.PERCPU_ARRAY, { valueBytes: 8 * cpus, ordered: true }),
  hash: kind(BPF_MAP_TYPE.HASH),
  "hash without preallocation": kind(BPF_MAP_TYPE.HASH, { map_flags: BPF_F.NO_PREALLOC }),
  "hash of odd keys and values": kind(BPF_MAP_TYPE.HASH, {
    key_size: 13,
    value_size: 3,
    valueBytes: 3,
    keys: [1, 2, 3, 4, 5, 6].map((byte) => new Uint8Array(13).fill(byte)),
  }),
  "per-CPU hash": kind(BPF_MAP_TYPE.PERCPU_HASH, { valueBytes: 8 * cpus }),
  "hash, read by system calls alone": kind(BPF_MAP_TYPE.HASH, { map_flags: BPF_F.RDONLY }),
  "hash, written by system calls alone": kind(BPF_MAP_TYPE.HASH, { map_flags: BPF_F.WRONLY }),
  // Large enough that nothing is evicted: which element goes is not said.
  "LRU hash": kind(BPF_MAP_TYPE.LRU_HASH, { max_entries: 512 }),
  "LRU per-CPU hash": kind(BPF_MAP_TYPE.LRU_PERCPU_HASH, { max_entries: 512, valueBytes: 8 * cpus }),
  "LPM trie": kind(BPF_MAP_TYPE.LPM_TRIE, {
    key_size: 8,
    map_flags: BPF_F.NO_PREALLOC,
    max_entries: 5,
    keys: PREFIXES,
    ordered: true,
  }),
  queue: kind(BPF_MAP_TYPE.QUEUE, { key_size: 0, keys: [new Uint8Array(0)] }),
  stack: kind(BPF_MAP_TYPE.STACK, { key_size: 0, keys: [new Uint8Array(0)] }),
  "program array": kind(BPF_MAP_TYPE.PROG_ARRAY, { value_size: 4, valueBytes: 4, ordered: true }),
  "perf event array": kind(BPF_MAP_TYPE.PERF_EVENT_ARRAY, { value_size: 4, valueBytes: 4, ordered: true }),
  devices: kind(BPF_MAP_TYPE.DEVMAP, { value_size: 4, valueBytes: 4, ordered: true }),
  "devices with programs": kind(BPF_MAP_TYPE.DEVMAP, { ordered: true }),
  "hash of devices": kind(BPF_MAP_TYPE.DEVMAP_HASH, { value_size: 4, valueBytes: 4 }),
  CPUs: kind(BPF_MAP_TYPE.CPUMAP, { value_size: 4, valueBytes: 4, ordered: true }),
  "CPUs with programs": kind(BPF_MAP_TYPE.CPUMAP, { ordered: true }),
  "XDP sockets": kind(BPF_MAP_TYPE.XSKMAP, { value_size: 4, valueBytes: 4, ordered: true }),
  sockets: kind(BPF_MAP_TYPE.SOCKMAP, { value_size: 4, valueBytes: 4, ordered: true }),
  "sockets and cookies": kind(BPF_MAP_TYPE.SOCKMAP, { ordered: true }),
  "hash of sockets": kind(BPF_MAP_TYPE.SOCKHASH, {
    key_size: 13,
    keys: [1, 2, 3].map((byte) => new Uint8Array(13).fill(byte)),
  }),
  "sockets of one port": kind(BPF_MAP_TYPE.REUSEPORT_SOCKARRAY, { ordered: true }),
  "stack traces": kind(BPF_MAP_TYPE.STACK_TRACE, { value_size: 16, valueBytes: 16 }),
  "ring buffer": kind(BPF_MAP_TYPE.RINGBUF, {
    key_size: 0,
    value_size: 0,
    max_entries: 4096,
    keys: [new Uint8Array(0)],
    valueBytes: 0,
  }),
};

type Step =
  | { readonly call: "update"; readonly key: number; readonly value: number; readonly flags: bigint }
  | { readonly call: "lookup" | "delete" | "next" | "take"; readonly key: number; readonly flags: bigint }
  | {
      readonly call: "updateAll" | "deleteAll";
      readonly key: number;
      readonly value: number;
      readonly flags: bigint;
    }
  | { readonly call: "first" | "walk" | "freeze" | "batch"; readonly key: number; readonly flags: bigint };

const steps = fc.array(
  fc.record({
    call: fc.constantFrom(
      "update",
      "update",
      "update",
      "lookup",
      "delete",
      "next",
      "take",
      "first",
      "walk",
      "batch",
      "updateAll",
      "deleteAll",
      "freeze",
    ),
    key: fc.nat(8),
    value: fc.nat(255),
    flags: fc.constantFrom(0n, 0n, 0n, 1n, 2n, 3n, 4n, 5n, 8n),
  }),
  { maxLength: 40 },
);

/** A call's outcome as text: the result, or the error's name. */
function outcome(run: () => unknown): string {
  try {
    return JSON.stringify(run());
  } catch (error) {
    if (error instanceof SyscallError) return error.errnoName;
    throw error;
  }
}

function play(kernel: Kernel, map: MapKind, sequence: readonly Step[]): string[] {
  const { attr, keys, valueBytes, ordered } = map;
  const fd = kernel.bpf("MAP_CREATE", attr);
  try {
    return sequence.map((step) => `${step.call}: ${outcome(() => playStep(kernel, fd, step))}`);
  } finally {
    kernel.close(fd);
  }

  function playStep(on: Kernel, map_fd: Fd, step: Step): unknown {
    const key = keys[step.key % keys.length]!;
    const value = new Uint8Array(valueBytes);
    const next_key = new Uint8Array(attr.key_size);
    const { flags } = step;
    switch (step.call) {
      case "update":
        // Descriptors that are none.
        return on.bpf("MAP_UPDATE_ELEM", { map_fd, key, value: value.fill(0xff - (step.value % 8)), flags });
      case "lookup":
        return [on.bpf("MAP_LOOKUP_ELEM", { map_fd, key, value, flags }), [...value]];
      case "take":
        return [on.bpf("MAP_LOOKUP_AND_DELETE_ELEM", { map_fd, key, value, flags }), [...value]];
      case "delete":
        return on.bpf("MAP_DELETE_ELEM", { map_fd, key });
      case "next": {
        const there = on.bpf("MAP_GET_NEXT_KEY", { map_fd, key, next_key });
        return ordered ? [there, [...next_key]] : true;
      }
      case "first": {
        const there = on.bpf("MAP_GET_NEXT_KEY", { map_fd, next_key });
        return ordered ? [there, [...next_key]] : there;
      }
      case "walk":
        return walk(on, map_fd);
      case "batch":
        return batch(on, map_fd);
      // What a batch does before an element fails is not told by the error.
      case "updateAll":
        return on.bpf("MAP_UPDATE_BATCH", {
          ...several(step.key),
          map_fd,
          values: filled(step.value),
          elem_flags: flags,
        });
      case "deleteAll":
        return on.bpf("MAP_DELETE_BATCH", { ...several(step.key), map_fd, elem_flags: flags });
      case "freeze":
        // Frozen maps take nothing any more: only at times.
        return step.key === 0 ? on.bpf("MAP_FREEZE", { map_fd }) : undefined;
    }
  }

  /** Up to three keys in a row. */
  function several(first: number): { readonly keys: Uint8Array; readonly count: number } {
    const chosen = keys.slice(first % keys.length).slice(0, 3);
    return { keys: new Uint8Array(Buffer.concat(chosen)), count: chosen.length };
  }

  function filled(value: number): Uint8Array {
    return new Uint8Array(3 * valueBytes).fill(0xff - (value % 8));
  }

  /** All entries by their keys; sorted, where the order is the kernel's own. */
  function walk(on: Kernel, map_fd: Fd): unknown {
    const entries: string[] = [];
    let key: Uint8Array | undefined;
    for (let count = 0; count < 600; count++) {
      const next_key = new Uint8Array(attr.key_size);
      if (!on.bpf("MAP_GET_NEXT_KEY", { map_fd, key, next_key })) break;
      const value = new Uint8Array(valueBytes);
      const there = outcome(() => on.bpf("MAP_LOOKUP_ELEM", { map_fd, key: next_key, value }));
      entries.push(`${next_key.join()}=${there},${value.join()}`);
      key = next_key;
    }
    return ordered ? entries : entries.sort();
  }

  function batch(on: Kernel, map_fd: Fd): unknown {
    const count = 600;
    const keyBytes = new Uint8Array(count * attr.key_size);
    const values = new Uint8Array(count * valueBytes);
    const answer = on.bpf("MAP_LOOKUP_BATCH", {
      map_fd,
      out_batch: new Uint8Array(Math.max(4, attr.key_size)),
      keys: keyBytes,
      values,
      count,
    });
    const entries = Array.from({ length: answer.count }, (_, index) =>
      [
        keyBytes.subarray(index * attr.key_size, (index + 1) * attr.key_size).join(),
        values.subarray(index * valueBytes, (index + 1) * valueBytes).join(),
      ].join("="),
    );
    return [answer, ordered ? entries : entries.sort()];
  }
}

/** Types of maps that both kernels have. */
const SAME_TYPES: ReadonlySet<number> = new Set(Object.values(KINDS).map(({ attr }) => attr.map_type));

/** Attributes around the edges of what each type takes. */
const attributes = fc.record({
  map_type: fc.constantFrom(
    ...Object.values(BPF_MAP_TYPE).filter((type) => SAME_TYPES.has(type) || type === BPF_MAP_TYPE.UNSPEC),
    99,
  ),
  key_size: fc.constantFrom(0, 1, 4, 8, 16, 260, 261, 512, 513),
  // Kept small in all: the real kernel's memory is this machine's.
  value_size: fc.constantFrom(0, 1, 3, 4, 7, 8, 16, 1016, 1024, 32_768, 32_769),
  max_entries: fc.constantFrom(0, 1, 2, 3, 100, 4096, 4097, 8192),
  map_flags: fc.constantFrom(0, 0, 0, 1, 2, 8, 16, 32, 64, 128, 256, 384, 1024, 2048, 4096, 1 << 20),
  map_extra: fc.constantFrom(undefined, undefined, undefined, 0n, 3n, 16n),
  map_name: fc.constantFrom(undefined, "ok_1.x", "not ok"),
});

describe.skipIf(kernels === undefined)("maps are the same on both kernels", () => {
  afterAll(() => {
    for (const kernel of Object.values(kernels!)) kernel[Symbol.dispose]();
  });

  test.each(Object.entries(KINDS))("%s", (_name, map) => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const { linux, embedded } = kernels!;
        const played = sequence as readonly Step[];
        expect(play(embedded, map, played)).toEqual(play(linux, map, played));
      }),
      { numRuns: 60 },
    );
  });

  test("creation takes and refuses the same attributes", () => {
    fc.assert(
      fc.property(attributes, (attr) => {
        fc.pre(attr.value_size * attr.max_entries < 1 << 24);
        // How many CPUs a kernel could have at most is a matter of its configuration.
        fc.pre(attr.map_type !== BPF_MAP_TYPE.CPUMAP || attr.max_entries <= cpus);
        const [linux, embedded] = [kernels!.linux, kernels!.embedded].map((kernel) =>
          outcome(() => kernel.close(kernel.bpf("MAP_CREATE", attr))),
        );
        expect(embedded).toBe(linux);
      }),
      { numRuns: 3000 },
    );
  });
});
