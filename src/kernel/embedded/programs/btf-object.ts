import { lazy } from "../../../util/index.ts";
import { parseBtf } from "../../../btf/index.ts";
import type { Btf } from "../../../btf/index.ts";
import { KernelObject } from "../kernel-object.ts";

/** BTF that a program or map came with, or the kernel's own. */
export class BtfObject extends KernelObject {
  readonly kind = "btf";
  readonly id: number;
  readonly bytes: Uint8Array;
  /** `vmlinux`, or empty for what was loaded. */
  readonly name: string;
  readonly types: () => Btf;
  readonly #forget: (object: BtfObject) => void;

  constructor(id: number, bytes: Uint8Array, name: string, forget: (object: BtfObject) => void) {
    super();
    this.id = id;
    this.bytes = bytes;
    this.name = name;
    this.types = lazy(() => parseBtf(bytes));
    this.#forget = forget;
  }

  override describe(): Readonly<Record<string, string | number>> {
    return { btf_id: this.id };
  }

  protected free(): void {
    this.#forget(this);
  }
}
