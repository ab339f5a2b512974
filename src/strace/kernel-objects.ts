import { readFileSync } from "node:fs";
import { parseBtf } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import { BpfkitError } from "../errors.ts";
import { btfData, mapInfo, withObject } from "../inspect/index.ts";
import type { MapInfo } from "../inspect/index.ts";
import type { Kernel } from "../kernel/index.ts";

/** A map as its user's descriptor shows it; what the kernel would not tell us is missing. */
export interface KnownMap {
  readonly id: number;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly info?: MapInfo;
  readonly btf?: Btf;
}

/**
 * What descriptors of other processes refer to. /proc tells ids and sizes to whoever may trace the process; names and
 * types come from the kernel, if it lets us ask.
 */
export class KernelObjects {
  readonly #kernel: Kernel | undefined;
  readonly #maps = new Map<number, KnownMap>();
  readonly #btfs = new Map<number, Btf | undefined>();

  constructor(kernel: Kernel | undefined) {
    this.#kernel = kernel;
  }

  map(pid: number, fd: number): KnownMap | undefined {
    const info = descriptorInfo(pid, fd);
    const id = info.get("map_id");
    if (id === undefined) return undefined;
    const known = this.#maps.get(id);
    if (known) return known;
    const kernelInfo = this.#ask((kernel) => withObject(kernel, "map", id, (own) => mapInfo(kernel, own)));
    const btf = kernelInfo && kernelInfo.btfId !== 0 ? this.btf(kernelInfo.btfId) : undefined;
    const map: KnownMap = {
      id,
      type: info.get("map_type") ?? 0,
      keySize: info.get("key_size") ?? 0,
      valueSize: info.get("value_size") ?? 0,
      ...(kernelInfo && { info: kernelInfo }),
      ...(btf && { btf }),
    };
    this.#maps.set(id, map);
    return map;
  }

  /** Types by a descriptor of them. */
  btfOf(pid: number, fd: number): Btf | undefined {
    const id = descriptorInfo(pid, fd).get("btf_id");
    return id === undefined ? undefined : this.btf(id);
  }

  btf(id: number): Btf | undefined {
    if (!this.#btfs.has(id))
      this.#btfs.set(
        id,
        this.#ask((kernel) => parseBtf(withObject(kernel, "btf", id, (own) => btfData(kernel, own)))),
      );
    return this.#btfs.get(id);
  }

  /** Undefined where the kernel refuses, or the object is gone: then there is less to tell. */
  #ask<T>(question: (kernel: Kernel) => T): T | undefined {
    if (!this.#kernel) return undefined;
    try {
      return question(this.#kernel);
    } catch (error) {
      if (error instanceof BpfkitError) return undefined;
      throw error;
    }
  }
}

function descriptorInfo(pid: number, fd: number): ReadonlyMap<string, number> {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1");
  } catch {
    return new Map();
  }
  return new Map(
    [...text.matchAll(/^(\w+):\s*(\d+)/gm)].map(([, name = "", value]) => [name, Number(value)]),
  );
}
