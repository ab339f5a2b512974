import { decodeFixedString } from "../util/index.ts";
import { STRUCT } from "../uapi/index.ts";
import type { FieldLayout, StructField, StructName } from "../uapi/index.ts";

/** Reads members of an ABI struct that the kernel filled in; what an older kernel does not know is zero. */
export class StructReader<S extends StructName> {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #fields: Readonly<Record<string, FieldLayout>>;

  constructor(name: S, bytes: Uint8Array = new Uint8Array(STRUCT[name].size)) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fields = STRUCT[name].fields;
  }

  number(field: StructField<S>): number {
    const { offset, kind } = this.#field(field);
    return kind === "s32" ? this.#view.getInt32(offset, true) : this.#view.getUint32(offset, true);
  }

  bigint(field: StructField<S>): bigint {
    return this.#view.getBigUint64(this.#field(field).offset, true);
  }

  flag(field: StructField<S>): boolean {
    const layout = this.#field(field);
    if (layout.kind !== "bits") return this.#view.getUint8(layout.offset) !== 0;
    return ((this.#view.getBigUint64(layout.offset, true) >> BigInt(layout.bit)) & 1n) === 1n;
  }

  /** A char array, up to its NUL. */
  text(field: StructField<S>): string {
    return decodeFixedString(this.data(field));
  }

  data(field: StructField<S>): Uint8Array {
    const { offset, size } = this.#field(field);
    return this.bytes.subarray(offset, offset + size);
  }

  offset(field: StructField<S>): number {
    return this.#field(field).offset;
  }

  /** The length of a buffer that the kernel is to fill. */
  setNumber(field: StructField<S>, value: number): void {
    this.#view.setUint32(this.#field(field).offset, value, true);
  }

  #field(field: StructField<S>): FieldLayout {
    return this.#fields[field]!;
  }
}

/** u32[] as the kernel writes it. */
export function readU32s(bytes: Uint8Array, count: number): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.min(count, bytes.byteLength >>> 2) }, (_, index) =>
    view.getUint32(index * 4, true),
  );
}

/** u64[]. */
export function readU64s(bytes: Uint8Array, count: number): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.min(count, bytes.byteLength >>> 3) }, (_, index) =>
    view.getBigUint64(index * 8, true),
  );
}
