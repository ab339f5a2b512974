/** A process or thread, as the helpers of programs see it: who runs while a program does. */
export interface Task {
  /** The thread's id. */
  readonly pid: number;
  /** The process's. */
  readonly tgid: number;
  readonly uid: number;
  readonly gid: number;
  /** At most 15 bytes are seen. */
  readonly comm: string;
  readonly cgroupId: bigint;
  /** Of its task_struct in the embedded kernel's memory; 0 where there is none. */
  readonly address: number;
  /** Fills `into` from the process's memory; false, with `into` untouched, where not all of it is there. */
  readUser(address: bigint, into: Uint8Array): boolean;
  /**
   * Fills `into` with a text up to the NUL that ends it, or to its own end where there is none; gives the bytes,
   * NUL included, or -1 where not all of it is there. Where this is absent, texts are read piece by piece.
   */
  readUserText?(address: bigint, into: Uint8Array): number;
  writeUser?(address: bigint, bytes: Uint8Array): boolean;
  /** Call chains, innermost address first. */
  userStack?(): readonly bigint[];
  kernelStack?(): readonly bigint[];
  /** Sends a signal: 0 or a negative error number. */
  signal?(number: number): number;
}

/** This process, whose memory programs cannot read; `address` is asked for when it is needed. */
export function ownTask(address: () => number): Task {
  return {
    pid: process.pid,
    tgid: process.pid,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    comm: process.title.split("/").at(-1)!.slice(0, 15),
    cgroupId: 1n,
    get address(): number {
      return address();
    },
    readUser: () => false,
  };
}
