import { BtfKind } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import { mapInfo, withObject } from "../inspect/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { BPF_MAP_TYPE, ERRNO } from "../uapi/index.ts";
import { objectBtf } from "./handle.ts";
import { formatJson, Members } from "./json.ts";
import type { Json } from "./json.ts";
import { typedValue } from "./typed-value.ts";

/** Variables that describe a program are constants with this in front of their names. */
const PREFIX = "bpf_metadata_";
const FIRST_KEY = new Uint8Array(4);

/** What a program says of itself in its read-only data. */
export interface Metadata {
  readonly btf: Btf;
  readonly variables: readonly {
    readonly name: string;
    readonly type: number;
    readonly bytes: Uint8Array;
  }[];
}

/** From the first map of read-only data among the program's maps; undefined where it says nothing. */
export function programMetadata(kernel: Kernel, mapIds: readonly number[]): Metadata | undefined {
  try {
    for (const id of mapIds) {
      const data = withObject(kernel, "map", id, (fd) => {
        const info = mapInfo(kernel, fd);
        if (info.type !== BPF_MAP_TYPE.ARRAY || info.maxEntries !== 1 || info.btfValueTypeId === 0)
          return undefined;
        if (!info.name.includes(".rodata")) return undefined;
        const value = new Uint8Array(info.valueSize);
        return kernel.bpf("MAP_LOOKUP_ELEM", { map_fd: fd, key: FIRST_KEY, value })
          ? { info, value }
          : undefined;
      });
      if (data)
        return readVariables(objectBtf(kernel, data.info.btfId), data.info.btfValueTypeId, data.value);
    }
    return undefined;
  } catch (error) {
    // The map went away with its program.
    if (error instanceof SyscallError && error.errno === ERRNO.ENOENT) return undefined;
    throw error;
  }
}

function readVariables(btf: Btf, section: number, value: Uint8Array): Metadata | undefined {
  if (btf.kind(section) !== BtfKind.Datasec) return undefined;
  const variables = btf.sectionVariables(section).flatMap(({ type, offset }) => {
    const name = btf.name(type);
    return name.startsWith(PREFIX)
      ? [{ name: name.slice(PREFIX.length), type: btf.target(type), bytes: value.subarray(offset) }]
      : [];
  });
  return variables.length === 0 ? undefined : { btf, variables };
}

export function metadataText(metadata: Metadata | undefined): string {
  if (!metadata) return "";
  const lines = metadata.variables.map(
    ({ name, type, bytes }) =>
      `\n\t\t${name} = ${formatJson(typedValue(metadata.btf, type, bytes, true), false)}`,
  );
  return `\tmetadata:${lines.join("")}\n`;
}

export function metadataJson(metadata: Metadata | undefined): Json | undefined {
  return (
    metadata &&
    new Members(
      metadata.variables.map(({ name, type, bytes }) => [name, typedValue(metadata.btf, type, bytes, false)]),
    )
  );
}
