import { BpfkitError } from "../errors.ts";
import {
  BPF_ATTACH_TYPE,
  BPF_ATTR,
  BPF_CMD,
  BPF_MAP_TYPE,
  BPF_PROG_FLAG,
  BPF_PROG_TYPE,
  BPF_STATS,
  flagNames,
  nameOf,
} from "../uapi/index.ts";
import type { BpfCommandName, FieldLayout } from "../uapi/index.ts";
import { decodeFixedString } from "../util/index.ts";

/** A member of a bpf_attr that was given. */
export interface AttrField {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  /** As a number, an address in hexadecimal, a text or bytes. */
  readonly value: string;
  /** What the number stands for. */
  readonly meaning?: string;
}

export interface AttrExplanation {
  readonly command: string;
  readonly size: number;
  readonly fields: readonly AttrField[];
  /** Bytes behind the members that this program knows, if any is not 0. */
  readonly unknownTail?: string;
}

const NAMES: Readonly<
  Record<string, { readonly prefix: string; readonly table: Readonly<Record<string, number>> }>
> = {
  map_type: { prefix: "BPF_MAP_TYPE_", table: BPF_MAP_TYPE },
  prog_type: { prefix: "BPF_PROG_TYPE_", table: BPF_PROG_TYPE },
  expected_attach_type: { prefix: "BPF_", table: BPF_ATTACH_TYPE },
  attach_type: { prefix: "BPF_", table: BPF_ATTACH_TYPE },
  type: { prefix: "BPF_STATS_", table: BPF_STATS },
};

const FLAGS: Readonly<Record<string, Readonly<Record<string, number>>>> = { prog_flags: BPF_PROG_FLAG };

/** @throws BpfkitError `explain/command` for a command that there is none of */
export function explainAttr(command: string, bytes: Uint8Array): AttrExplanation {
  const name = command.toUpperCase().replace(/^BPF_/, "");
  const known = isCommand(name)
    ? name
    : Number.isInteger(Number(command))
      ? nameOf(BPF_CMD, Number(command))
      : undefined;
  if (known === undefined || !isCommand(known)) {
    throw new BpfkitError(`There is no command ${command} of bpf(2)`, {
      code: "explain/command",
      hints: [`These are known: ${Object.keys(BPF_ATTR).join(", ")}`],
    });
  }
  const { size, fields } = BPF_ATTR[known];
  const rows: readonly (readonly [string, FieldLayout])[] = Object.entries(fields);
  const given = rows.filter(([, { offset, size: width }]) => offset + width <= bytes.length);
  const tail = bytes.subarray(size);
  return {
    command: `BPF_${known}`,
    size: bytes.length,
    fields: given.map(([field, layout]) => explainField(field, layout, bytes)),
    ...(tail.some((byte) => byte !== 0) && { unknownTail: Buffer.from(tail).toString("hex") }),
  };
}

function isCommand(name: string): name is BpfCommandName {
  return Object.hasOwn(BPF_ATTR, name);
}

function explainField(name: string, layout: FieldLayout, bytes: Uint8Array): AttrField {
  const own = bytes.subarray(layout.offset, layout.offset + layout.size);
  const base = { name, offset: layout.offset, size: layout.size };
  if (layout.kind === "bytes") {
    const text = decodeFixedString(own);
    const printable = /^[ -~]*$/.test(text) && (name.endsWith("_name") || text !== "");
    return { ...base, value: printable ? JSON.stringify(text) : Buffer.from(own).toString("hex") };
  }
  const value = numberOf(layout, own);
  if (layout.kind === "pointer") return { ...base, value: value === 0n ? "NULL" : `0x${value.toString(16)}` };
  const meaning = meaningOf(name, value);
  return { ...base, value: String(value), ...(meaning !== undefined && { meaning }) };
}

function numberOf(layout: FieldLayout, bytes: Uint8Array): bigint {
  let value = 0n;
  for (let at = bytes.length - 1; at >= 0; at--) value = (value << 8n) | BigInt(bytes[at]!);
  if (layout.kind === "bits") return (value >> BigInt(layout.bit)) & ((1n << BigInt(layout.width)) - 1n);
  return layout.kind.startsWith("s") ? BigInt.asIntN(layout.size * 8, value) : value;
}

function meaningOf(field: string, value: bigint): string | undefined {
  const last = field.split(".").at(-1)!;
  const row = Object.hasOwn(NAMES, last) ? NAMES[last] : undefined;
  if (row) {
    const name = nameOf(row.table, value);
    return name === undefined ? "of no known name" : `${row.prefix}${name}`;
  }
  const flags = Object.hasOwn(FLAGS, last) ? FLAGS[last] : undefined;
  if (flags && value !== 0n) return flagNames(flags, Number(value)).join("|");
  if (last.endsWith("_fd") || last === "fd") return "a file descriptor";
  if (last.endsWith("flags") && value > 9n) return `0x${value.toString(16)}`;
  return undefined;
}
