import type { Fd, Kernel } from "../kernel/index.ts";
import { BPF_MAP_TYPE } from "../uapi/index.ts";

/** struct bpf_insn_array_value: where the instruction is before and after verification, and in machine code. */
const VALUE_SIZE = 16;

/**
 * Maps of one program's jump tables. The kernel moves their entries along with the instructions, so no other program
 * can use them; the program keeps them, and the descriptors are closed once it is loaded.
 */
export class JumpTables implements Disposable {
  readonly #kernel: Kernel;
  readonly #fds = new Map<string, Fd>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** `targets`: slots of the program, by index. */
  map(targets: readonly number[]): Fd {
    const key = targets.join();
    const known = this.#fds.get(key);
    if (known !== undefined) return known;
    const fd = this.#kernel.bpf("MAP_CREATE", {
      map_type: BPF_MAP_TYPE.INSN_ARRAY,
      map_name: ".jumptables",
      key_size: 4,
      value_size: VALUE_SIZE,
      max_entries: targets.length,
    });
    this.#fds.set(key, fd);
    targets.forEach((target, index) => {
      const value = new Uint8Array(VALUE_SIZE);
      new DataView(value.buffer).setUint32(0, target, true);
      this.#kernel.bpf("MAP_UPDATE_ELEM", {
        map_fd: fd,
        key: new Uint8Array(Uint32Array.of(index).buffer),
        value,
      });
    });
    this.#kernel.bpf("MAP_FREEZE", { map_fd: fd });
    return fd;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.values()) this.#kernel.close(fd);
    this.#fds.clear();
  }
}
