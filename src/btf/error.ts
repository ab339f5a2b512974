import { BpfkitError } from "../errors.ts";

export type BtfErrorCode =
  | "btf/not-btf"
  | "btf/truncated"
  | "btf/bad-kind"
  | "btf/bad-type-id"
  | "btf/bad-string"
  | "btf/wrong-kind"
  | "btf/loop"
  | "btf/too-large"
  | "btf/no-size"
  | "btf/wrong-base"
  | "btf/bad-ext"
  | "btf/core";

/**
 * BTF bytes that do not hold together, or a question that a type cannot answer.
 *
 * @example
 * ```ts
 * import { BtfError, parseBtf } from "bpfkit";
 *
 * try {
 *   parseBtf(Uint8Array.of(1, 2, 3));
 * } catch (error) {
 *   console.log(error instanceof BtfError);
 * }
 * // prints true
 * ```
 */
export class BtfError extends BpfkitError {
  override readonly name = "BtfError";
  declare readonly code: BtfErrorCode;

  constructor(code: BtfErrorCode, message: string, hints: readonly string[] = []) {
    super(message, { code, hints });
  }
}
