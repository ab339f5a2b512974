import { BPF_ATTR, BPF_ATTR_SIZE, BPF_OBJ_NAME_LEN } from "../../uapi/index.ts";
import type { FieldLayout } from "../../uapi/index.ts";
import { bpfCommands } from "../index.ts";
import type { AttrFieldKind, BpfCommand, BpfCommandRow } from "../index.ts";
import type { Native } from "./native.ts";

type AttrValue = number | bigint | string | readonly string[] | Uint8Array | undefined;
type AttrRecord = Readonly<Record<string, AttrValue>>;

interface FieldPlan {
  readonly offset: number;
  /** The caller's field: the value itself, or the buffer whose length is written. */
  readonly source: string;
  /** Of a length field: bytes of one element. */
  readonly elementSize?: number | undefined;
  /** Text that lies in the union itself. */
  readonly inline: boolean;
}

interface CommandPlan {
  readonly size: number;
  readonly fields: readonly FieldPlan[];
}

/**
 * Writes one command's argument into a reused union bpf_attr. Buffers and texts that it points to are kept
 * alive until the next command is written.
 */
export class AttrMarshaller {
  readonly #native: Native;
  readonly #bytes = new Uint8Array(BPF_ATTR_SIZE);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #plans = new Map<BpfCommand, CommandPlan>();
  readonly #pinned: Uint8Array[] = [];
  readonly address: bigint;

  constructor(native: Native) {
    this.#native = native;
    this.address = native.address(this.#bytes);
  }

  /** Returns the size to pass beside {@link address}. */
  write(command: BpfCommand, attr: AttrRecord): number {
    const plan = this.#plan(command);
    this.#bytes.fill(0, 0, plan.size);
    this.#pinned.length = 0;
    for (const field of plan.fields) {
      const value = attr[field.source];
      if (value !== undefined) this.#writeField(field, value);
    }
    return plan.size;
  }

  /** Reads a field that the kernel wrote back. */
  read(command: BpfCommand, field: string): number | bigint {
    const { offset, kind } = layoutOf(command, field);
    return kind === "u64" ? this.#view.getBigUint64(offset, true) : this.#view.getUint32(offset, true);
  }

  #writeField({ offset, elementSize, inline }: FieldPlan, value: Exclude<AttrValue, undefined>): void {
    if (typeof value === "number") this.#view.setUint32(offset, value, true);
    else if (typeof value === "bigint") this.#view.setBigUint64(offset, value, true);
    else if (typeof value === "string" && inline) this.#writeName(offset, value);
    else if (typeof value === "string") this.#writePointer(offset, encodeString(value));
    else if (!(value instanceof Uint8Array)) this.#writePointer(offset, this.#encodeStrings(value));
    else if (elementSize === undefined) this.#writePointer(offset, value);
    else this.#view.setUint32(offset, value.byteLength / elementSize, true);
  }

  /** char[16]: longer names are cut, as the kernel's own are. */
  #writeName(offset: number, name: string): void {
    new TextEncoder().encodeInto(name, this.#bytes.subarray(offset, offset + BPF_OBJ_NAME_LEN - 1));
  }

  #writePointer(offset: number, buffer: Uint8Array): void {
    this.#pinned.push(buffer);
    this.#view.setBigUint64(offset, this.#native.address(buffer), true);
  }

  /** char *[]: pointers into one block of text. */
  #encodeStrings(texts: readonly string[]): Uint8Array {
    const block = encodeString(texts.join("\0"));
    this.#pinned.push(block);
    const pointers = new BigUint64Array(texts.length);
    let address = this.#native.address(block);
    for (const [index, text] of texts.entries()) {
      pointers[index] = address;
      address += BigInt(Buffer.byteLength(text) + 1);
    }
    return new Uint8Array(pointers.buffer);
  }

  #plan(command: BpfCommand): CommandPlan {
    let plan = this.#plans.get(command);
    if (!plan) {
      const row: BpfCommandRow = bpfCommands[command];
      plan = {
        size: BPF_ATTR[command].size,
        fields: Object.entries(row.fields)
          .filter(([, kind]) => kind !== "out")
          .map(([name, kind]) => planField(command, name, kind)),
      };
      this.#plans.set(command, plan);
    }
    return plan;
  }
}

function planField(command: BpfCommand, name: string, kind: AttrFieldKind): FieldPlan {
  const { offset } = layoutOf(command, name);
  const inline = kind === "name" || kind === "name!";
  return typeof kind === "string"
    ? { offset, source: name, inline }
    : { offset, source: kind[0], elementSize: kind[1], inline };
}

function layoutOf(command: BpfCommand, field: string): FieldLayout {
  const fields: Readonly<Record<string, FieldLayout>> = BPF_ATTR[command].fields;
  // The type of bpfCommands checks that every row's fields exist.
  return fields[field]!;
}

function encodeString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`);
}
