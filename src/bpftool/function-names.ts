import { kernelConfig } from "../inspect/index.ts";
import type { Kernel } from "../kernel/index.ts";

export interface NamedFunction {
  readonly name: string;
  /** Undefined for the kernel itself. */
  readonly module: string | undefined;
}

/** Bytes of endbr64, which a probe at a function's start is put behind. */
const ENDBR_SIZE = 4n;

/** Kernel functions by address, for lists of many. */
export class FunctionNames {
  readonly #functions: ReadonlyMap<string, NamedFunction>;
  readonly #marked: boolean;

  private constructor(functions: ReadonlyMap<string, NamedFunction>, marked: boolean) {
    this.#functions = functions;
    this.#marked = marked;
  }

  static read(kernel: Kernel): FunctionNames {
    const text = Buffer.from(kernel.files.kallsyms()).toString("latin1");
    const functions = new Map<string, NamedFunction>();
    for (const line of text.split("\n")) {
      const digits = line.slice(0, 16);
      // The first of several names is the one that is shown.
      if (line.length < 20 || functions.has(digits) || digits === "0000000000000000") continue;
      const [name = "", module] = line.slice(19).split("\t");
      functions.set(digits, { name, module: module?.replace(/^\[|\]$/g, "") });
    }
    const marked =
      kernel.release.arch === "x64" && kernelConfig(kernel)?.get("CONFIG_X86_KERNEL_IBT") === "y";
    return new FunctionNames(functions, marked);
  }

  at(address: bigint): NamedFunction | undefined {
    const before = this.#marked ? this.#functions.get(digitsOf(address - ENDBR_SIZE)) : undefined;
    return before ?? this.#functions.get(digitsOf(address));
  }
}

function digitsOf(address: bigint): string {
  return BigInt.asUintN(64, address).toString(16).padStart(16, "0");
}
