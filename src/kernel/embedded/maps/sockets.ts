import { BPF_EXIST, ERRNO } from "../../../uapi/index.ts";
import { nextIndex } from "./array.ts";
import { BpfMap } from "./map.ts";
import type { MapDefinition, MapHost } from "./map.ts";

// Maps of sockets (net/core/sock_map.c, kernel/bpf/reuseport_array.c, net/xdp/xskmap.c). The embedded kernel has no
// sockets, so nothing can be put into them: they answer as an empty one does.

const S32_MAX = 0x7fff_ffffn;

/** The error for a descriptor that is no socket. */
function noSocket(host: MapHost, fd: bigint): number {
  if (fd > S32_MAX) return -ERRNO.EINVAL;
  const object = host.openMap(Number(fd));
  if (typeof object !== "number") object.release();
  return object === -ERRNO.EBADF ? -ERRNO.EBADF : -ERRNO.ENOTSOCK;
}

function descriptorOf(value: Uint8Array): bigint {
  const view = new DataView(value.buffer, value.byteOffset);
  return value.length === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true));
}

/** Sockets in a row. */
abstract class SocketArray extends BpfMap {
  readonly #next: number;

  constructor(host: MapHost, id: number, definition: MapDefinition) {
    super(host, id, definition);
    this.#next = this.memory.allocate(4);
  }

  protected outside(key: number): boolean {
    return this.memory.u32(key) >= this.definition.maxEntries;
  }

  /** Their cookies take 8 bytes. */
  override read(_key: number, _out: Uint8Array): number {
    return this.definition.valueSize === 8 ? -ERRNO.ENOENT : -ERRNO.ENOSPC;
  }

  override next(key: number | undefined): number {
    return nextIndex(this, this.#next, this.memory, key);
  }

  protected override dispose(): void {
    this.memory.free(this.#next);
  }
}

export class SocketMap extends SocketArray {
  override write(_key: number, value: Uint8Array): number {
    return noSocket(this.host, descriptorOf(value));
  }

  override remove(): number {
    return -ERRNO.EINVAL;
  }
}

export class ReuseportArray extends SocketArray {
  override write(key: number, value: Uint8Array, flags: number): number {
    if (flags > BPF_EXIST) return -ERRNO.EINVAL;
    if (this.outside(key)) return -ERRNO.E2BIG;
    const fd = descriptorOf(value);
    // An int, where it has four bytes.
    return value.length === 4 && fd > S32_MAX ? -ERRNO.EBADF : noSocket(this.host, fd);
  }

  override remove(key: number): number {
    return this.outside(key) ? -ERRNO.E2BIG : -ERRNO.ENOENT;
  }
}

export class XskMap extends SocketArray {
  override read(): number {
    return -ERRNO.EOPNOTSUPP;
  }

  override write(key: number, value: Uint8Array, flags: number): number {
    if (flags > BPF_EXIST) return -ERRNO.EINVAL;
    if (this.outside(key)) return -ERRNO.E2BIG;
    const fd = descriptorOf(value);
    return fd > S32_MAX ? -ERRNO.EBADF : noSocket(this.host, fd);
  }

  override remove(key: number): number {
    return this.outside(key) ? -ERRNO.EINVAL : 0;
  }
}

/** Sockets by key. */
export class SocketHash extends BpfMap {
  override read(_key: number, _out: Uint8Array): number {
    return this.definition.valueSize === 8 ? -ERRNO.ENOENT : -ERRNO.ENOSPC;
  }

  override write(_key: number, value: Uint8Array): number {
    return noSocket(this.host, descriptorOf(value));
  }

  override remove(): number {
    return -ERRNO.ENOENT;
  }

  override next(): number {
    return 0;
  }
}
