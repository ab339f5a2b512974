import { BpfkitError } from "../errors.ts";
import { BtfKind, essentialName, parseBtf, typesAreCompatible } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import type { BtfSymbol } from "../object/index.ts";
import { lazy } from "../util/index.ts";
import type { KernelTypes } from "./kernel-types.ts";

/** Functions, variables and addresses that the kernel and its modules lend to an object. */
export class KernelSymbols {
  readonly #types: KernelTypes;
  readonly #local: () => Btf | undefined;
  readonly #kfuncs = new Map<string, BtfSymbol | undefined>();
  /** BTF of modules whose functions are called, from index 1: 0 in an instruction means vmlinux. */
  readonly #modules: Fd[] = [];
  readonly #kallsyms: () => Buffer;

  /** `btf`: the object's own. */
  constructor(kernel: Kernel, types: KernelTypes, btf: Uint8Array | undefined) {
    this.#kallsyms = lazy(() => Buffer.from(kernel.files.kallsyms()));
    this.#types = types;
    this.#local = lazy(() => btf && parseBtf(btf));
  }

  /** What the instructions' indexes refer to; nothing where no module's functions are called. */
  get fdArray(): Uint8Array | undefined {
    return this.#modules.length === 0 ? undefined : new Uint8Array(Int32Array.of(0, ...this.#modules).buffer);
  }

  /** A function under its name without `___flavour`, with the parameters that the object says it has. */
  kfunc(name: string): BtfSymbol | undefined {
    if (!this.#kfuncs.has(name)) this.#kfuncs.set(name, this.#findKfunc(name));
    return this.#kfuncs.get(name);
  }

  /**
   * A variable or function, which the object declares as type `local` of its own BTF. Another type in the kernel is an
   * error for variables, where something else would be read, and makes a function another one.
   * @throws BpfkitError `loader/ksym-type`
   */
  variable(name: string, local: number | undefined): BtfSymbol | undefined {
    const found = this.#types.find(name, BtfKind.Var) ?? this.#types.find(name, BtfKind.Func);
    if (!found) return undefined;
    const { id, btf, module } = found;
    const target = btf.resolve(btf.target(id));
    const localBtf = this.#local();
    if (!localBtf || local === undefined || typesAreCompatible({ localBtf, local, btf, target }))
      return { id, fd: module };
    if (btf.kind(id) === BtfKind.Func) return undefined;
    throw new BpfkitError(`Kernel symbol ${name} is declared as another type than it has in this kernel`, {
      code: "loader/ksym-type",
      hints: [
        `The object says ${describeType(localBtf, local)}, the kernel ${describeType(btf, target)}`,
        "vmlinux.h of this kernel has the type to declare it with",
      ],
    });
  }

  /** The first symbol of that name in /proc/kallsyms; undefined where addresses are hidden. */
  address(name: string): bigint | undefined {
    return addressIn(this.#kallsyms(), name);
  }

  #findKfunc(name: string): BtfSymbol | undefined {
    const found = this.#types.find(essentialName(name), BtfKind.Func);
    if (!found || !this.#alike(name, found.btf, found.id)) return undefined;
    return { id: found.id, fd: found.module === 0 ? 0 : this.#moduleIndex(found.module) };
  }

  #alike(name: string, btf: Btf, id: number): boolean {
    const localBtf = this.#local();
    const own = localBtf?.findByName(name, BtfKind.Func);
    if (!localBtf || own === undefined) return true;
    return typesAreCompatible({ localBtf, local: localBtf.target(own), btf, target: btf.target(id) });
  }

  #moduleIndex(fd: Fd): number {
    const index = this.#modules.indexOf(fd);
    return index >= 0 ? index + 1 : this.#modules.push(fd);
  }
}

/** A line is an address, a letter, the name and, behind a tab, the module: `ffffffff81000000 T _text`. */
function addressIn(kallsyms: Buffer, name: string): bigint | undefined {
  for (const end of ["\n", "\t"]) {
    const at = kallsyms.indexOf(` ${name}${end}`);
    if (at < 0) continue;
    const address = kallsyms.toString("latin1", kallsyms.lastIndexOf("\n", at) + 1, at).split(" ")[0]!;
    return /^0*$/.test(address) ? undefined : BigInt(`0x${address}`);
  }
  return undefined;
}

function describeType(btf: Btf, id: number): string {
  return `${btf.kindName(id).toLowerCase()} ${btf.name(id)}`.trimEnd();
}
