import type { MapInfo } from "../inspect/index.ts";
import { mapInfo } from "../inspect/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import type { LoadedMap } from "../loader/index.ts";
import type { MapSchema } from "../schema/index.ts";
import type { DisposalStack } from "../util/index.ts";
import { LibraryError } from "./library-error.ts";

/** A map in the kernel and what closes it. */
export interface MapSource {
  readonly kernel: Kernel;
  readonly loaded: LoadedMap;
  readonly schema: MapSchema;
  /** Disposed with what the map belongs to. */
  readonly resources: DisposalStack;
  /** It belongs to no object: it closes itself. */
  readonly alone: boolean;
}

/** What maps of all kinds have. */
export abstract class MapHandle implements Disposable {
  readonly #source: MapSource;
  /** As in C. */
  readonly name: string;
  /** BPF_MAP_TYPE number. */
  readonly type: number;

  constructor(source: MapSource) {
    this.#source = source;
    this.name = source.schema.name;
    this.type = source.schema.type;
  }

  /** The kernel's descriptor, for calls of one's own; open as long as the map is. */
  get fd(): Fd {
    return this.source.loaded.fd;
  }

  /** Elements at most; bytes in rings. */
  get maxEntries(): number {
    return this.#source.loaded.spec.maxEntries;
  }

  /** What the kernel tells of the map. @throws SyscallError */
  info(): MapInfo {
    return mapInfo(this.source.kernel, this.fd);
  }

  /**
   * Keeps the map when all who have it open end, under a path below a bpf file system (/sys/fs/bpf). Removing
   * that file gives it up.
   * @throws SyscallError EEXIST if the path is there
   */
  pin(path: string): void {
    this.source.kernel.bpf("OBJ_PIN", { bpf_fd: this.fd, pathname: path });
  }

  /** Closes the map if it was opened alone; maps of an object close with the object. */
  [Symbol.dispose](): void {
    if (this.#source.alone) this.#source.resources[Symbol.dispose]();
  }

  /** @throws LibraryError `library/closed` */
  protected get source(): MapSource {
    if (this.#source.resources.disposed)
      throw new LibraryError("library/closed", `Map ${this.name} was used after it was closed`);
    return this.#source;
  }
}
