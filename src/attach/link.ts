import type { Fd, Kernel } from "../kernel/index.ts";
import { DisposalStack } from "../util/index.ts";
import { AttachError } from "./attach-error.ts";

/** A hook that is on; disposal takes it off, unless it is pinned. */
export interface Link extends Disposable {
  /** BPF links behind it, for `inspect`'s linkInfo: none where the kernel hooks programs in by other means. */
  readonly fds: readonly Fd[];
  /**
   * Keeps the hook on when this process ends, under a path below a bpf file system.
   * @throws AttachError `attach/unsupported` for hooks without a BPF link, or with several
   */
  pin(path: string): void;
  /**
   * Puts another program in place of this one, without a gap; `replaces` makes sure which one that is.
   * @throws AttachError `attach/unsupported` for hooks without a BPF link; SyscallError where the kernel
   *   cannot update links of this kind
   */
  update(program: { readonly fd: Fd }, replaces?: { readonly fd: Fd }): void;
  /** Takes the hook off for good, though pins may keep the link itself. */
  detach(): void;
}

/** BPF_F_REPLACE of LINK_UPDATE. */
const REPLACE = 4;

/** A BPF link: its descriptor holds the hook. */
export class BpfLink implements Link {
  readonly fd: Fd;
  readonly #kernel: Kernel;
  #open = true;

  constructor(kernel: Kernel, fd: Fd) {
    this.#kernel = kernel;
    this.fd = fd;
  }

  get fds(): readonly Fd[] {
    return this.#open ? [this.fd] : [];
  }

  pin(path: string): void {
    this.#kernel.bpf("OBJ_PIN", { bpf_fd: this.fd, pathname: path });
  }

  update(program: { readonly fd: Fd }, replaces?: { readonly fd: Fd }): void {
    this.#kernel.bpf("LINK_UPDATE", {
      link_fd: this.fd,
      new_prog_fd: program.fd,
      ...(replaces && { old_prog_fd: replaces.fd, flags: REPLACE }),
    });
  }

  detach(): void {
    this.#kernel.bpf("LINK_DETACH", { link_fd: this.fd });
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#kernel.close(this.fd);
  }
}

/** A hook that is no BPF link: `off` takes it off. */
export class PlainHook implements Link {
  readonly fds: readonly Fd[] = [];
  readonly #what: string;
  readonly #off: () => void;
  #on = true;

  /** `what`: how messages name it. */
  constructor(what: string, off: () => void) {
    this.#what = what;
    this.#off = off;
  }

  pin(): void {
    throw this.#unsupported("pinned");
  }

  update(): void {
    throw this.#unsupported("updated");
  }

  detach(): void {
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    if (!this.#on) return;
    this.#on = false;
    this.#off();
  }

  #unsupported(done: string): AttachError {
    return new AttachError(this.#what, `this hook is no BPF link and cannot be ${done}`, {
      code: "unsupported",
      hints: ["Perf events became links in Linux 5.15, interfaces (tcx, netkit) in 6.6 and 6.7"],
    });
  }
}

/** A hook with something beside it that goes when it goes, unless a pin keeps the hook. */
export function withCleanup(link: Link, cleanup: () => void): Link {
  let kept = false;
  return {
    fds: link.fds,
    pin(path) {
      link.pin(path);
      kept = true;
    },
    update: (program, replaces) => link.update(program, replaces),
    detach: () => link.detach(),
    [Symbol.dispose]() {
      link[Symbol.dispose]();
      if (!kept) cleanup();
      kept = true;
    },
  };
}

/** Several hooks as one, taken off in reverse order. */
class LinkGroup implements Link {
  readonly #links: Link[] = [];

  add(link: Link): void {
    this.#links.push(link);
  }

  get fds(): readonly Fd[] {
    return this.#links.flatMap(({ fds }) => fds);
  }

  pin(path: string): void {
    const [only] = this.#links;
    if (this.#links.length === 1 && only) return only.pin(path);
    throw new AttachError(path, `${this.#links.length} links cannot be pinned under one path`, {
      code: "unsupported",
    });
  }

  update(program: { readonly fd: Fd }, replaces?: { readonly fd: Fd }): void {
    for (const link of this.#links) link.update(program, replaces);
  }

  detach(): void {
    for (const link of this.#links.toReversed()) link.detach();
  }

  /** All are taken off, also behind one that fails. */
  [Symbol.dispose](): void {
    using stack = new DisposalStack();
    for (const link of this.#links.splice(0)) stack.use(link);
  }
}

/** One link of several; what was attached is taken off when a later one fails. */
export function linkAll(makers: Iterable<() => Link>): Link {
  const group = new LinkGroup();
  try {
    for (const make of makers) group.add(make());
  } catch (error) {
    group[Symbol.dispose]();
    throw error;
  }
  return group;
}
