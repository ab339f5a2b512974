import type { RecordField } from "./types.ts";

/** A struct or union that the script defines, with its computed layout. */
export interface ScriptRecord {
  readonly kind: "script";
  readonly name: string;
  readonly union: boolean;
  /** Bytes. */
  readonly size: number;
  readonly align: number;
  readonly fields: readonly RecordField[];
}

export interface ScriptEnum {
  readonly kind: "script";
  readonly name: string;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}
