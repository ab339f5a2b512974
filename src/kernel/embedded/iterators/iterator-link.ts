import { Link } from "../events/link.ts";
import type { Attachment } from "../events/link.ts";
import { BPF_ATTACH_TYPE, BPF_LINK_TYPE } from "../../../uapi/index.ts";
import type { IteratorTargetName } from "./arguments.ts";
import { heldBy } from "./target.ts";
import type { IteratorScope } from "./target.ts";

/** A link that gives readers of an iterator. */
export class IteratorLink extends Link {
  readonly target: IteratorTargetName;
  readonly scope: IteratorScope;

  /** Takes over the scope's reference to its map. */
  constructor(
    id: number,
    attachment: Attachment,
    target: IteratorTargetName,
    scope: IteratorScope,
    forget: (link: Link) => void,
  ) {
    super(id, BPF_LINK_TYPE.ITER, BPF_ATTACH_TYPE.TRACE_ITER, attachment, forget);
    this.target = target;
    this.scope = scope;
  }

  override describe(): Readonly<Record<string, string | number>> {
    const { scope } = this;
    return {
      ...super.describe(),
      target_name: this.target,
      ...(scope.kind === "map" && { map_id: scope.map.id }),
      ...(scope.kind === "thread" && { tid: scope.pid }),
      ...(scope.kind === "process" && { pid: scope.pid }),
    };
  }

  protected override free(): void {
    super.free();
    heldBy(this.scope)?.release();
  }
}
