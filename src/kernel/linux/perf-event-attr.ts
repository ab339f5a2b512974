import { STRUCT } from "../../uapi/index.ts";
import type { FieldLayout } from "../../uapi/index.ts";
import type { PerfEventAttr } from "../index.ts";

/** PERF_ATTR_SIZE_VER5: sample_max_stack (Linux 4.8) is the last field in use, so every kernel takes it. */
const ATTR_SIZE = 112;

/** struct perf_event_attr; `pin` gives the address of a text and keeps it alive until the call returns. */
export function encodePerfEventAttr(attr: PerfEventAttr, pin: (text: Uint8Array) => bigint): Uint8Array {
  const bytes = new Uint8Array(ATTR_SIZE);
  const view = new DataView(bytes.buffer);
  const fields: Readonly<Record<string, FieldLayout>> = STRUCT.perf_event_attr.fields;
  for (const [name, value] of Object.entries({ ...attr, size: ATTR_SIZE })) {
    const number = typeof value === "string" ? pin(Buffer.from(`${value}\0`)) : BigInt(value ?? 0);
    writeNumber(view, fields[name]!, number);
  }
  return bytes;
}

function writeNumber(view: DataView, field: FieldLayout, value: bigint): void {
  if (field.kind === "bits") {
    const old = view.getBigUint64(field.offset, true);
    view.setBigUint64(field.offset, old | (BigInt.asUintN(field.width, value) << BigInt(field.bit)), true);
  } else if (field.size === 8) view.setBigUint64(field.offset, BigInt.asUintN(64, value), true);
  else if (field.size === 4) view.setUint32(field.offset, Number(BigInt.asUintN(32, value)), true);
  else view.setUint16(field.offset, Number(BigInt.asUintN(16, value)), true);
}
