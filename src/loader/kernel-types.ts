import { BpfkitError } from "../errors.ts";
import { BtfError, BtfKind, parseBtf } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import { BPF_ATTACH_TYPE, STRUCT } from "../uapi/index.ts";
import { TargetError } from "./target-error.ts";

/** A type of the kernel or of a module. */
export interface KernelType {
  readonly id: number;
  readonly btf: Btf;
  /** The module's BTF in the kernel; 0: vmlinux. */
  readonly module: Fd | 0;
}

/** How the name of what a tracing program attaches to is spelled in BTF. */
const TARGETS: ReadonlyMap<
  number,
  { readonly prefix: string; readonly kind: BtfKind; readonly what: string }
> = new Map([
  [BPF_ATTACH_TYPE.TRACE_RAW_TP, { prefix: "btf_trace_", kind: BtfKind.Typedef, what: "tracepoint" }],
  [BPF_ATTACH_TYPE.TRACE_ITER, { prefix: "bpf_iter_", kind: BtfKind.Func, what: "iterator" }],
  [BPF_ATTACH_TYPE.LSM_MAC, { prefix: "bpf_lsm_", kind: BtfKind.Func, what: "LSM hook" }],
  [BPF_ATTACH_TYPE.LSM_CGROUP, { prefix: "bpf_lsm_", kind: BtfKind.Func, what: "LSM hook" }],
]);
const FUNCTION_TARGET = { prefix: "", kind: BtfKind.Func, what: "function" } as const;

/** Types that answer CO-RE relocations. */
export interface RelocationTypes {
  readonly kernel: Btf;
  readonly modules: () => Iterable<Btf>;
}

/** The running kernel's BTF and its modules', read when first asked. */
export class KernelTypes implements Disposable {
  readonly #kernel: Kernel;
  readonly #given: Btf | undefined;
  #vmlinux: Btf | undefined;
  readonly #modules = new Map<string, Btf>();
  readonly #moduleFds = new Map<string, Fd>();

  /** `given`: types that answer CO-RE relocations in place of the kernel's. */
  constructor(kernel: Kernel, given?: Btf) {
    this.#kernel = kernel;
    this.#given = given;
  }

  vmlinux(): Btf {
    return (this.#vmlinux ??= parseBtf(this.#kernel.files.ownBtf()));
  }

  /** Types that the user gave speak for the modules, too. */
  forRelocations(): RelocationTypes {
    if (this.#given) return { kernel: this.#given, modules: () => [] };
    const { files } = this.#kernel;
    const bytes = files.btf();
    return bytes === files.ownBtf()
      ? { kernel: this.vmlinux(), modules: () => this.modules() }
      : { kernel: parseBtf(bytes), modules: () => [] };
  }

  /** Modules with BTF, one after another: most searches end before the last. */
  *modules(): Generator<Btf> {
    for (const name of this.#kernel.files.btfModules()) {
      const btf = this.#readable(name);
      if (btf) yield btf;
    }
  }

  /**
   * What `program`, a tracing program of this attach type, means by `name`, or `module:name`.
   * @throws TargetError
   */
  attachTarget(name: string, attachType: number, program: string): KernelType {
    const { prefix, kind, what } = TARGETS.get(attachType) ?? FUNCTION_TARGET;
    const [module, symbol] = name.includes(":") ? name.split(":", 2) : [undefined, name];
    const found = this.find(`${prefix}${symbol}`, kind, module);
    if (found) return found;
    throw new TargetError(program, `The kernel's BTF has no ${what} ${name}, which ${program} attaches to`, [
      what === "tracepoint"
        ? "bpfkit trace -l 'rawtracepoint:*' lists what there is"
        : "It may be inlined, or live in a module that is not loaded",
    ]);
  }

  find(name: string, kind: BtfKind, module?: string): KernelType | undefined {
    const id =
      module === undefined || module === "vmlinux" ? this.vmlinux().findByName(name, kind) : undefined;
    if (id !== undefined) return { id, btf: this.vmlinux(), module: 0 };
    const modules = module === undefined ? this.#kernel.files.btfModules() : [module];
    for (const candidate of modules) {
      if (candidate === "vmlinux") continue;
      const btf = module === undefined ? this.#readable(candidate) : this.#module(candidate);
      const [own] = btf?.findOwnByName(name, kind) ?? [];
      if (btf && own !== undefined) return { id: own, btf, module: this.#moduleFd(candidate) };
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#moduleFds.values()) this.#kernel.close(fd);
    this.#moduleFds.clear();
  }

  /** A module built for another kernel may carry BTF that does not fit: that is no matter of who does not name it. */
  #readable(name: string): Btf | undefined {
    try {
      return this.#module(name);
    } catch (error) {
      if (error instanceof BtfError) return undefined;
      throw error;
    }
  }

  #module(name: string): Btf {
    let btf = this.#modules.get(name);
    if (!btf) {
      btf = parseBtf(this.#kernel.files.btf(name), this.vmlinux());
      this.#modules.set(name, btf);
    }
    return btf;
  }

  /** The kernel knows a module's BTF by an id, which only a walk over all of them tells. */
  #moduleFd(module: string): Fd {
    const known = this.#moduleFds.get(module);
    if (known !== undefined) return known;
    const kernel = this.#kernel;
    for (let id = kernel.bpf("BTF_GET_NEXT_ID", { start_id: 0 }); id !== undefined;) {
      const fd = kernel.bpf("BTF_GET_FD_BY_ID", { btf_id: id });
      if (btfName(kernel, fd) === module) {
        this.#moduleFds.set(module, fd);
        return fd;
      }
      kernel.close(fd);
      id = kernel.bpf("BTF_GET_NEXT_ID", { start_id: id });
    }
    throw new BpfkitError(`The kernel has no BTF object of module ${module}`, { code: "loader/no-target" });
  }
}

function btfName(kernel: Kernel, fd: Fd): string {
  const { size, fields } = STRUCT.bpf_btf_info;
  const info = new Uint8Array(size);
  const buffer = new Uint8Array(64);
  new DataView(info.buffer).setUint32(fields.name_len.offset, buffer.length, true);
  kernel.objectInfo(fd, info, [{ offset: fields.name.offset, buffer }]);
  return Buffer.from(buffer.subarray(0, Math.max(0, buffer.indexOf(0)))).toString();
}
