import { KernelObject } from "../kernel-object.ts";
import type { BpfProgram } from "../programs/program.ts";
import type { Hook } from "./hook.ts";

/** A program at a hook. */
export interface Attachment extends Disposable {
  readonly hook: Hook;
  readonly cookie: bigint;
  program: BpfProgram;
}

/** A link: it keeps a program attached as long as it lives. */
export class Link extends KernelObject {
  readonly kind = "link";
  readonly id: number;
  /** BPF_LINK_TYPE number. */
  readonly type: number;
  readonly attachType: number;
  readonly #forget: (link: Link) => void;
  #attachment: Attachment | undefined;

  constructor(
    id: number,
    type: number,
    attachType: number,
    attachment: Attachment,
    forget: (link: Link) => void,
  ) {
    super();
    this.id = id;
    this.type = type;
    this.attachType = attachType;
    this.#attachment = attachment;
    this.#forget = forget;
  }

  /** Undefined once it was detached. */
  get attachment(): Attachment | undefined {
    return this.#attachment;
  }

  detach(): void {
    this.#attachment?.[Symbol.dispose]();
    this.#attachment = undefined;
  }

  override describe(): Readonly<Record<string, string | number>> {
    return { link_id: this.id, prog_id: this.#attachment?.program.id ?? 0 };
  }

  protected free(): void {
    this.detach();
    this.#forget(this);
  }
}
