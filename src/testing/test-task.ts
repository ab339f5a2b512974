import type { Task } from "../kernel/embedded/index.ts";

/** A process for tests: what is not given is an ordinary one. */
export interface TestTask {
  readonly pid?: number;
  /** The process; the same as `pid` where it is not given. */
  readonly tgid?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly comm?: string;
  readonly cgroupId?: bigint;
  /** Its memory: bytes by their address. */
  readonly memory?: ReadonlyMap<bigint, Uint8Array>;
  /** Its call chain, innermost address first. */
  readonly stack?: readonly bigint[];
}

export function taskOf(test: TestTask): Task {
  const { pid = 4242, tgid = pid, uid = 1000, gid = 1000, comm = "test", cgroupId = 1n } = test;
  const { memory = new Map<bigint, Uint8Array>(), stack = [] } = test;
  const find = (address: bigint, size: number): Uint8Array | undefined => {
    for (const [start, bytes] of memory) {
      const at = address - start;
      if (at >= 0n && at + BigInt(size) <= BigInt(bytes.length))
        return bytes.subarray(Number(at), Number(at) + size);
    }
    return undefined;
  };
  return {
    pid,
    tgid,
    uid,
    gid,
    comm,
    cgroupId,
    address: 0,
    readUser(address, into) {
      const bytes = find(address, into.length);
      if (bytes) into.set(bytes);
      return bytes !== undefined;
    },
    writeUser(address, bytes) {
      const target = find(address, bytes.length);
      target?.set(bytes);
      return target !== undefined;
    },
    userStack: () => stack,
  };
}
